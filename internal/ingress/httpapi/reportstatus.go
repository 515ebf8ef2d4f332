package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// ReportStatus says why a message has no report, from facts of this moment.
type ReportStatus struct {
	MessageID   sms.ID         `json:"message_id"`
	State       sms.State      `json:"state"`
	Code        ReportCode     `json:"code" enum:"refused,waiting,never_left,channel_paused,breaker_open,queued_elsewhere,no_session,no_room,queued,submitting,in_doubt,refused_by_carrier,given_up,unmatched,partial,send_only,gateway_absent,callback_absent,link_down,within_timeout,slow,timed_out,reported,reported_early,reported_twice"`
	Answer      rulebook.Both  `json:"answer"`
	Remedy      rulebook.Both  `json:"remedy" doc:"what to do about it"`
	Segments    int            `json:"segments"`
	Reported    int            `json:"reported" doc:"segments whose report is there"`
	SubmittedAt int64          `json:"submitted_at,omitempty" doc:"first submit, epoch milliseconds"`
	WaitedMS    int64          `json:"waited_ms,omitempty" doc:"since the first submit, while a report is awaited"`
	TimeoutMS   int64          `json:"timeout_ms,omitempty" doc:"how long the contract waits for a report"`
	MedianMS    int64          `json:"usual_median_ms,omitempty" doc:"what the channel's newest reports took, as this node saw them; absent while there are too few"`
	P95MS       int64          `json:"usual_p95_ms,omitempty"`
	Early       int            `json:"early,omitempty" doc:"reports that came before the answers to their submits"`
	Duplicates  []string       `json:"duplicates,omitempty" doc:"statuses, raw, of reports that came again"`
	Unmatched   int            `json:"unmatched,omitempty" doc:"reports about this number since the submit that match no submit"`
	Channel     *channel.State `json:"channel,omitempty" doc:"operator's administrators only: the channel on this node"`
}

// ReportStatusOut is one answer.
type ReportStatusOut struct{ Body ReportStatus }

// maxKept bounds how many kept reports about one number are looked at.
const maxKept = 100

// reportCase is what the answer is made from.
type reportCase struct {
	m        *sms.Message
	segments []sms.Segment
	def      *registry.Channel // nil when the message has no channel, or it is gone
	now      int64
	out      *ReportStatus
	state    *channel.State // nil when this node does not know the channel
}

func (a *API) reports() {
	operation(a, ScopeRead, huma.Operation{
		OperationID: "report-status", Method: http.MethodGet, Path: "/v1/messages/{id}/report-status", Summary: "Why has this message no report? 为什么没有状态报告", Tags: []string{"messages"},
		Description: "A plain answer with a code of its own and what to do, from facts of this moment.",
	}, a.reportStatus)
}

func (a *API) reportStatus(ctx context.Context, in *MessageIn) (*ReportStatusOut, error) {
	c, out := callerOf(ctx), &ReportStatusOut{}
	x := &reportCase{now: a.Now().UnixMilli(), out: &out.Body}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		if x.m, err = own(ctx, tx, c, in.ID); err != nil {
			return err
		}
		err = tx.SegmentsOf(ctx, []sms.ID{x.m.ID}, func(s sms.Segment) { x.segments = append(x.segments, s) })
		if err != nil || len(x.segments) == 0 {
			return err
		}
		kept, err := tx.KeptReports(ctx, x.m.PhoneID, x.since(), maxKept)
		x.keep(kept)
		return err
	})
	if err != nil {
		return nil, err
	}
	x.def = c.snap.Channel[x.m.ChannelID]
	for _, s := range a.Channels() {
		if s.ID == x.m.ChannelID {
			x.state = &s
		}
	}
	out.Body.MessageID, out.Body.State, out.Body.Segments = x.m.ID, x.m.State, x.m.Segments
	x.times(a.ReportTimeout(c.snap, x.m), a.Usual)
	out.Body.Code = x.why()
	said := reportAnswers[out.Body.Code]
	out.Body.Answer, out.Body.Remedy = said.answer, said.remedy
	if operatorAdmin(c) {
		out.Body.Channel = x.state
	}
	return out, nil
}

// since is the first submit.
func (x *reportCase) since() int64 {
	at := x.segments[0].SubmitAt
	for i := range x.segments {
		at = min(at, x.segments[i].SubmitAt)
	}
	return at
}

// keep sorts the kept reports about the message's number: those that bear the id of one
// of its segments came early or again, and those that match nothing may be its own.
func (x *reportCase) keep(list []sms.Report) {
	of := map[string]*sms.Segment{}
	channels := map[sms.ID]bool{}
	for i := range x.segments {
		s := &x.segments[i]
		channels[s.ChannelID] = true
		if s.UpstreamID != "" {
			of[s.UpstreamID] = s
		}
	}
	early := map[int]bool{} // the oldest early one of a segment is its report
	for i := len(list) - 1; i >= 0; i-- {
		r := &list[i]
		s := of[r.UpstreamID]
		switch {
		case !channels[r.ChannelID]:
		case r.MatchedAt == 0:
			x.out.Unmatched++
		case s == nil || s.ChannelID != r.ChannelID:
		case !r.Again && !early[s.No]:
			early[s.No] = true
			x.out.Early++
		default:
			x.out.Duplicates = append(x.out.Duplicates, r.Stat)
		}
	}
}

// times fills in how long it has been, and what is usual.
func (x *reportCase) times(timeout time.Duration, usual func(sms.ID) (median, p95 time.Duration, ok bool)) {
	for i := range x.segments {
		if x.segments[i].ReportAt != 0 {
			x.out.Reported++
		}
	}
	if len(x.segments) == 0 {
		return
	}
	x.out.SubmittedAt = x.since()
	if x.m.State != sms.Submitted && x.m.State != sms.Unknown && x.m.State != sms.InDoubt {
		return
	}
	x.out.WaitedMS, x.out.TimeoutMS = max(0, x.now-x.out.SubmittedAt), timeout.Milliseconds()
	if median, p95, ok := usual(x.m.ChannelID); ok {
		x.out.MedianMS, x.out.P95MS = median.Milliseconds(), p95.Milliseconds()
	}
}

// why gives the code.
func (x *reportCase) why() ReportCode {
	switch x.m.State {
	case sms.Refused:
		return ReportRefused
	case sms.Held, sms.Deferred, sms.Scheduled:
		return ReportWaiting
	case sms.Cancelled, sms.Expired:
		return ReportNeverLeft
	case sms.Permitted, sms.Queued:
		return x.queued()
	case sms.Submitting:
		return ReportSubmitting
	case sms.InDoubt:
		return ReportInDoubt
	case sms.Delivered, sms.Failed:
		return x.ended()
	}
	return x.missing()
}

// queued is why the message has not left.
func (x *reportCase) queued() ReportCode {
	switch s := x.state; {
	case x.def == nil || x.def.State != registry.Active:
		return ReportChannelPaused
	case s != nil && s.Breaker == dispatch.Open: // the nodes tell each other
		return ReportBreakerOpen
	case s == nil || !s.Owned:
		return ReportElsewhere
	case s.Sessions+s.Resting == 0:
		return ReportNoSession
	case s.Credit == 0:
		return ReportNoRoom
	}
	return ReportQueued
}

// ended is how the report came of a message that has its end.
func (x *reportCase) ended() ReportCode {
	doubt := false
	for i := range x.segments {
		doubt = doubt || x.segments[i].State == sms.SegInDoubt
	}
	switch {
	case x.out.Reported == 0 && doubt:
		return ReportGivenUp
	case x.out.Reported == 0:
		return ReportCarrierNo
	case len(x.out.Duplicates) > 0:
		return ReportTwice
	case x.out.Early > 0:
		return ReportEarly
	}
	return ReportThere
}

// missing is why a report has not come, or not all: first what stands in its way, then
// how long it has been.
func (x *reportCase) missing() ReportCode {
	s := x.state
	here := s != nil && s.Owned
	switch {
	case x.out.Unmatched > 0:
		return ReportUnmatched
	case x.def != nil && x.def.Options.Mode == "send":
		return ReportSendOnly
	case x.def != nil && x.def.ByWeb():
		return x.callback()
	case here && s.Back != nil && s.Back.Sessions == 0 && max(s.Back.Since, s.Back.Heard) < x.out.SubmittedAt:
		return ReportGatewayAbsent
	case x.m.State == sms.Unknown:
		return ReportTimedOut
	case here && s.Back == nil && s.Sessions == 0:
		return ReportLinkDown
	case x.out.Reported > 0:
		return ReportPartial
	case x.out.P95MS > 0 && x.out.WaitedMS > x.out.P95MS:
		return ReportSlow
	}
	return ReportWithin
}

// callbackPatience is how long an upstream may be silent before that says something: most
// bring reports within seconds, and several at a time.
const callbackPatience = time.Minute

// callback is why a report has not come that an HTTP upstream brings to this node or to
// another one.
func (x *reportCase) callback() ReportCode {
	s := x.state
	switch {
	case s != nil && s.Back != nil && s.Back.Heard < x.out.SubmittedAt && (s.Back.Refused != "" || x.out.WaitedMS > callbackPatience.Milliseconds()):
		return ReportCallbackAbsent
	case x.m.State == sms.Unknown:
		return ReportTimedOut
	case x.out.P95MS > 0 && x.out.WaitedMS > x.out.P95MS:
		return ReportSlow
	}
	return ReportWithin
}
