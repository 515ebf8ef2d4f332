package httpapi

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Every code has its sentences in both languages and stands in the interface's list.
func TestEveryReportCodeIsAnswered(t *testing.T) {
	f, _ := reflect.TypeFor[ReportStatus]().FieldByName("Code")
	listed := strings.Split(f.Tag.Get("enum"), ",")
	if len(listed) != len(reportAnswers) {
		t.Errorf("%d codes are listed and %d answered", len(listed), len(reportAnswers))
	}
	for code, a := range reportAnswers {
		if !slices.Contains(listed, string(code)) || a.answer.Zh == "" || a.answer.En == "" || a.remedy.Zh == "" || a.remedy.En == "" {
			t.Errorf("%s: %+v", code, a)
		}
	}
}

// submitted is a message of one segment that waits for its report since 1000.
func submitted(state sms.State, s sms.Segment) *reportCase {
	s.No, s.ChannelID, s.SubmitAt, s.UpstreamID = 1, 7, 1000, "42"
	return &reportCase{
		m: &sms.Message{State: state, ChannelID: 7, Segments: 1}, segments: []sms.Segment{s}, now: 61_000, out: &ReportStatus{},
		def: &registry.Channel{ID: 7, State: registry.Active}, state: &channel.State{ID: 7, Owned: true, Sessions: 1, Credit: 5},
	}
}

func TestWhyThereIsNoReport(t *testing.T) {
	type with func(x *reportCase)
	open := func(x *reportCase) { x.state.Breaker = dispatch.Open }
	gateway := func(heard int64, sessions int) with {
		return func(x *reportCase) { x.state.Back = &channel.Back{Heard: heard, Sessions: sessions} }
	}
	kept := func(list ...sms.Report) with { return func(x *reportCase) { x.keep(list) } }
	web := func(x *reportCase) { x.def.Protocol = registry.ByAliyun }
	reported := func(x *reportCase) { x.segments[0].ReportAt = 9000 }
	for name, c := range map[string]struct {
		state sms.State
		with  []with
		want  ReportCode
	}{
		"refused":                    {sms.Refused, nil, ReportRefused},
		"held":                       {sms.Held, nil, ReportWaiting},
		"deferred":                   {sms.Deferred, nil, ReportWaiting},
		"expired":                    {sms.Expired, nil, ReportNeverLeft},
		"queued":                     {sms.Queued, nil, ReportQueued},
		"queued, paused":             {sms.Queued, []with{func(x *reportCase) { x.def.State = "paused" }}, ReportChannelPaused},
		"queued, channel gone":       {sms.Queued, []with{func(x *reportCase) { x.def = nil }}, ReportChannelPaused},
		"queued, breaker":            {sms.Queued, []with{open}, ReportBreakerOpen},
		"queued, breaker elsewhere":  {sms.Queued, []with{open, func(x *reportCase) { x.state.Owned = false }}, ReportBreakerOpen},
		"queued, other node":         {sms.Queued, []with{func(x *reportCase) { x.state.Owned = false }}, ReportElsewhere},
		"queued, unknown here":       {sms.Queued, []with{func(x *reportCase) { x.state = nil }}, ReportElsewhere},
		"queued, no session":         {sms.Queued, []with{func(x *reportCase) { x.state.Sessions = 0 }}, ReportNoSession},
		"queued, resting":            {sms.Queued, []with{func(x *reportCase) { x.state.Sessions, x.state.Resting = 0, 1 }}, ReportQueued},
		"queued, no room":            {sms.Queued, []with{func(x *reportCase) { x.state.Credit = 0 }}, ReportNoRoom},
		"submitting":                 {sms.Submitting, nil, ReportSubmitting},
		"in doubt":                   {sms.InDoubt, nil, ReportInDoubt},
		"failed, no report":          {sms.Failed, nil, ReportCarrierNo},
		"failed in doubt":            {sms.Failed, []with{func(x *reportCase) { x.segments[0].State = sms.SegInDoubt }}, ReportGivenUp},
		"submitted":                  {sms.Submitted, nil, ReportWithin},
		"submitted, slow":            {sms.Submitted, []with{func(x *reportCase) { x.out.P95MS = 59_999 }}, ReportSlow},
		"submitted, usual":           {sms.Submitted, []with{func(x *reportCase) { x.out.P95MS = 60_001 }}, ReportWithin},
		"submitted, link down":       {sms.Submitted, []with{func(x *reportCase) { x.state.Sessions = 0 }}, ReportLinkDown},
		"submitted, other node":      {sms.Submitted, []with{func(x *reportCase) { x.state.Sessions, x.state.Owned = 0, false }}, ReportWithin},
		"submitted, only sends":      {sms.Submitted, []with{func(x *reportCase) { x.def.Options.Mode = "send" }}, ReportSendOnly},
		"submitted, gateway absent":  {sms.Submitted, []with{gateway(999, 0)}, ReportGatewayAbsent},
		"submitted, gateway came":    {sms.Submitted, []with{gateway(1000, 0)}, ReportWithin},
		"submitted, gateway here":    {sms.Submitted, []with{gateway(0, 1)}, ReportWithin},
		"submitted, upstream silent": {sms.Submitted, []with{web, gateway(999, 0), func(x *reportCase) { x.now += 1000 }}, ReportCallbackAbsent},
		"submitted, not for long":    {sms.Submitted, []with{web, gateway(999, 0)}, ReportWithin},
		"submitted, upstream called": {sms.Submitted, []with{web, gateway(1000, 0), func(x *reportCase) { x.now += 1000 }}, ReportWithin},
		"submitted, call refused":    {sms.Submitted, []with{web, func(x *reportCase) { x.state.Back = &channel.Back{Heard: 999, Refused: "x"} }}, ReportCallbackAbsent},
		"submitted, a stranger's":    {sms.Submitted, []with{web, func(x *reportCase) { x.state.Back = &channel.Back{Heard: 1000, Refused: "x"} }}, ReportWithin},
		"unknown, upstream silent":   {sms.Unknown, []with{web, gateway(0, 0), func(x *reportCase) { x.now += 1000 }}, ReportCallbackAbsent},
		"unknown, upstream called":   {sms.Unknown, []with{web, gateway(1000, 0)}, ReportTimedOut},
		"submitted, unmatched":       {sms.Submitted, []with{kept(sms.Report{ChannelID: 7, UpstreamID: "43"})}, ReportUnmatched},
		"submitted, another's":       {sms.Submitted, []with{kept(sms.Report{ChannelID: 8, UpstreamID: "43"})}, ReportWithin},
		"submitted, partly":          {sms.Submitted, []with{reported}, ReportPartial},
		"unknown":                    {sms.Unknown, nil, ReportTimedOut},
		"unknown, unmatched":         {sms.Unknown, []with{kept(sms.Report{ChannelID: 7, UpstreamID: "43"})}, ReportUnmatched},
		"unknown, gateway absent":    {sms.Unknown, []with{gateway(0, 0)}, ReportGatewayAbsent},
		"delivered":                  {sms.Delivered, []with{reported}, ReportThere},
		"delivered, early":           {sms.Delivered, []with{reported, kept(sms.Report{ChannelID: 7, UpstreamID: "42", MatchedAt: 2000})}, ReportEarly},
		"delivered, twice":           {sms.Delivered, []with{reported, kept(sms.Report{ChannelID: 7, UpstreamID: "42", MatchedAt: 2500, Again: true})}, ReportTwice},
		"delivered, another's early": {sms.Delivered, []with{reported, kept(sms.Report{ChannelID: 7, UpstreamID: "41", MatchedAt: 2500, Again: true})}, ReportThere},
		"delivered, twice early": {sms.Delivered, []with{reported, kept(
			sms.Report{ChannelID: 7, UpstreamID: "42", MatchedAt: 2000}, sms.Report{ChannelID: 7, UpstreamID: "42", MatchedAt: 2000},
		)}, ReportTwice},
	} {
		x := submitted(c.state, sms.Segment{State: sms.SegAccepted, AnswerAt: 2000})
		for _, change := range c.with {
			change(x)
		}
		x.times(72*time.Hour, func(sms.ID) (time.Duration, time.Duration, bool) { return 0, 0, false })
		if got := x.why(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
