package dialect

import (
	"context"
	"encoding/json"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Limits of pulling.
const (
	tencentLimit = 100
	tencentDays  = 7
	pullPages    = 20 // pages of events that one call looks through for those of its kind
)

type tencentPullIn struct {
	Limit       number
	SmsSdkAppID string `json:"SmsSdkAppId"`
	// Only by telephone number.
	BeginTime, EndTime, Offset number
	PhoneNumber                string
	// As 2019-07-11 calls them.
	SendDateTime, EndDateTime number
}

type tencentReport struct {
	UserReceiveTime  int64
	CountryCode      string
	SubscriberNumber string
	PhoneNumber      string
	SerialNo         string
	ReportStatus     string
	Description      string
	SessionContext   string
}

// tencentOldReport is one as 2019-07-11 has it, with another type under the same name.
type tencentOldReport struct {
	UserReceiveTime     string
	UserReceiveUnixTime int64
	NationCode          string
	PurePhoneNumber     string
	PhoneNumber         string
	SerialNo            string
	ReportStatus        string
	Description         string
}

type tencentReports struct {
	PullSmsSendStatusSet []any // of either
	tencentMeta
}

func (x *tencentReports) add(r *request, t *tencentReport) {
	if !r.old() {
		x.PullSmsSendStatusSet = append(x.PullSmsSendStatusSet, t)
		return
	}
	x.PullSmsSendStatusSet = append(x.PullSmsSendStatusSet, &tencentOldReport{
		wall(t.UserReceiveTime * 1000), t.UserReceiveTime, t.CountryCode, t.SubscriberNumber, t.PhoneNumber, t.SerialNo, t.ReportStatus, t.Description,
	})
}

type tencentReplyItem struct {
	ExtendCode       string
	CountryCode      string
	PhoneNumber      string
	SignName         string
	ReplyContent     string
	ReplyTime        int64
	SubscriberNumber string
}

type tencentOldReply struct {
	ExtendCode    string
	NationCode    string
	PhoneNumber   string
	Sign          string
	ReplyContent  string
	ReplyTime     string
	ReplyUnixTime int64
}

type tencentReplies struct {
	PullSmsReplyStatusSet []any
	tencentMeta
}

func (x *tencentReplies) add(r *request, t *tencentReplyItem) {
	if !r.old() {
		x.PullSmsReplyStatusSet = append(x.PullSmsReplyStatusSet, t)
		return
	}
	x.PullSmsReplyStatusSet = append(x.PullSmsReplyStatusSet, &tencentOldReply{t.ExtendCode, t.CountryCode, t.PhoneNumber, t.SignName, t.ReplyContent, wall(t.ReplyTime * 1000), t.ReplyTime})
}

func (in *tencentPullIn) check(s *Server, r *request) error {
	if err := s.paces.keep(r.who.Key.ID, pulling); err != nil {
		return err
	}
	if err := r.take(in); err != nil {
		return err
	}
	if in.Limit < 1 || in.Limit > tencentLimit {
		return sms.Errorf(sms.BadRequest, "Limit", "it is 1 to %d", tencentLimit)
	}
	return r.application(in.SmsSdkAppID)
}

// pull takes the next events of a kind: each is given out once, to whichever node asks. A
// repeated request of the same signature is a new one here, because nothing is lost by it that
// the feed of /v1/events does not have.
func (s *Server) pull(ctx context.Context, r *request, kind string, limit int, wanted func(sms.Event) bool, each func(ctx context.Context, tx Tx, list []sms.Event) error) error {
	settled := s.Now().Add(-s.Settle)
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		after, err := tx.PullCursor(ctx, r.who.App.ID, kind)
		if err != nil {
			return err
		}
		var list []sms.Event
		for range pullPages {
			page, err := tx.Events(ctx, r.who.App.ID, after, tencentLimit)
			if err != nil {
				return err
			}
			for _, e := range page {
				if len(list) == limit || s.Settle > 0 && e.ID.Time().After(settled) {
					page = nil
					break
				}
				if after = e.ID; e.Kind == kind && wanted(e) {
					list = append(list, e)
				}
			}
			if len(page) < tencentLimit {
				break
			}
		}
		if err := each(ctx, tx, list); err != nil {
			return err
		}
		return tx.PutPullCursor(ctx, r.who.App.ID, kind, after)
	})
}

// final tells whether a report says how its message ended.
func final(e sms.Event) bool {
	var b struct{ State sms.State }
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return false
	}
	delivered, failed := ended(b.State)
	return delivered || failed
}

func tencentPullReports(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentPullIn
	if err := in.check(s, r); err != nil {
		return nil, err
	}
	out := &tencentReports{}
	err := s.pull(ctx, r, "report", int(in.Limit), final, func(ctx context.Context, tx Tx, list []sms.Event) error {
		out.PullSmsSendStatusSet = []any{}
		ids := make([]sms.ID, len(list))
		for i, e := range list {
			ids[i] = e.ObjectID
		}
		messages, err := tx.Messages(ctx, ids, false)
		if err != nil {
			return err
		}
		sent := make([]sent, len(messages))
		for i, m := range messages {
			sent[i].Message = m
		}
		if err := reported(ctx, tx, sent); err != nil {
			return err
		}
		numbers, err := s.numbers(ctx, tx, messages)
		if err != nil {
			return err
		}
		for i := range sent {
			out.add(r, tencentReportOf(&sent[i], numbers[sent[i].PhoneID]))
		}
		return nil
	})
	return out, err
}

func tencentReportOf(x *sent, n sms.MSISDN) *tencentReport {
	t := &tencentReport{SerialNo: x.ID.String(), ReportStatus: "FAIL", Description: x.errCode(), SessionContext: x.Ref}
	t.CountryCode, t.SubscriberNumber, t.PhoneNumber = spelled(n)
	if delivered, _ := ended(x.State); delivered {
		t.ReportStatus = "SUCCESS"
	}
	at := x.reported
	if at == 0 {
		at = x.UpdatedAt
	}
	t.UserReceiveTime = at / 1000
	return t
}

// spelled is a number in parts; of one whose person was erased there is none.
func spelled(n sms.MSISDN) (country, subscriber, whole string) {
	if !n.Valid() {
		return "", "", ""
	}
	if d := n.Reveal(); n.Mainland() {
		return "86", d[2:], "+" + d
	}
	return "", n.Reveal(), "+" + n.Reveal()
}

// numbers opens those of messages: they are told to the application that sent to them.
func (s *Server) numbers(ctx context.Context, tx Tx, list []*sms.Message) (map[[16]byte]sms.MSISDN, error) {
	ids := make([][16]byte, len(list))
	for i, m := range list {
		ids[i] = m.PhoneID
	}
	return s.open(ctx, tx, ids)
}

func (s *Server) open(ctx context.Context, tx Tx, ids [][16]byte) (map[[16]byte]sms.MSISDN, error) {
	return openNumbers(ctx, s.Keys, tx, ids)
}

func openNumbers(ctx context.Context, keys *vault.Keys, tx interface {
	Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
}, ids [][16]byte,
) (map[[16]byte]sms.MSISDN, error) {
	out := map[[16]byte]sms.MSISDN{}
	err := tx.Numbers(ctx, ids, func(id [16]byte, sealed []byte) error {
		plain, err := keys.Open(vault.PurposeNumber, sealed)
		if err != nil {
			return err
		}
		out[id], err = sms.ParseMSISDN("+" + string(plain))
		return err
	})
	return out, err
}

func tencentPullReplies(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentPullIn
	if err := in.check(s, r); err != nil {
		return nil, err
	}
	out := &tencentReplies{}
	err := s.pull(ctx, r, "mo", int(in.Limit), func(sms.Event) bool { return true }, func(ctx context.Context, tx Tx, list []sms.Event) error {
		out.PullSmsReplyStatusSet = []any{}
		ids := make([]sms.ID, len(list))
		for i, e := range list {
			ids[i] = e.ObjectID
		}
		var mos []sms.MO
		var phones [][16]byte
		if err := tx.MOs(ctx, ids, func(m sms.MO) { mos, phones = append(mos, m), append(phones, m.PhoneID) }); err != nil {
			return err
		}
		numbers, err := s.open(ctx, tx, phones)
		if err != nil {
			return err
		}
		for i := range mos {
			if err := s.tencentReply(r, out, &mos[i], numbers[mos[i].PhoneID]); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

func (s *Server) tencentReply(r *request, out *tencentReplies, m *sms.MO, n sms.MSISDN) error {
	text, err := s.Keys.Open(vault.PurposeMO, m.Text)
	if err != nil {
		return err
	}
	x := &tencentReplyItem{ReplyContent: string(text), ReplyTime: m.ReceivedAt / 1000}
	x.CountryCode, x.SubscriberNumber, x.PhoneNumber = spelled(n)
	x.SignName, x.ExtendCode = signedAs(r.who.Snap, m.Dest, r.who.App.PartyID)
	out.add(r, x)
	return nil
}

// signedAs is the party's signature under the number that a person wrote to, and the party's
// own digits at its end; "" when it is not known any more.
func signedAs(snap *registry.Snapshot, dest string, party sms.ID) (signature, extension string) {
	sub, extension := snap.Bound(dest, func(_ *registry.AccessCode, x *registry.Subcode) bool { return x.PartyID == party })
	if sub == nil {
		return "", ""
	}
	if sig := snap.Signature[sub.SignatureID]; sig != nil {
		signature = sig.Text
	}
	return signature, extension
}

// of reads which number a request is about, and the span.
func (in *tencentPullIn) of(s *Server, r *request) (n sms.MSISDN, from, to time.Time, err error) {
	if err := in.check(s, r); err != nil {
		return n, from, to, err
	}
	if r.old() {
		in.BeginTime, in.EndTime = in.SendDateTime, in.EndDateTime
	}
	if n, err = sms.ParseMSISDN(in.PhoneNumber); err != nil {
		return n, from, to, sms.Errorf(sms.BadNumber, "PhoneNumber", "%s", err)
	}
	if from, to = time.Unix(int64(in.BeginTime), 0), s.Now(); in.EndTime != 0 {
		to = time.Unix(int64(in.EndTime), 0)
	}
	switch {
	case s.Now().Sub(from) > tencentDays*24*time.Hour:
		err = sms.Errorf(sms.BadRequest, "BeginTime", "it is at most %d days back", tencentDays)
	case in.Offset < 0 || in.Offset > maxSent:
		err = sms.Errorf(sms.BadRequest, "Offset", "it is 0 to %d", maxSent)
	}
	return n, from, to, err
}

// tencentReportsOf tells of a number's messages, and consumes nothing.
func tencentReportsOf(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentPullIn
	n, from, to, err := in.of(s, r)
	if err != nil {
		return nil, err
	}
	list, err := s.sentTo(ctx, r, n, from, to)
	if err != nil {
		return nil, err
	}
	out := &tencentReports{PullSmsSendStatusSet: []any{}}
	for _, x := range cut(list, int(in.Offset), int(in.Limit)) {
		if delivered, failed := ended(x.State); delivered || failed {
			out.add(r, tencentReportOf(&x, n))
		}
	}
	return out, nil
}

// tencentRepliesOf tells of a number's replies, and consumes nothing.
func tencentRepliesOf(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentPullIn
	n, from, to, err := in.of(s, r)
	if err != nil {
		return nil, err
	}
	var list []sms.MO
	err = s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list = list[:0]
		return tx.MOsFrom(ctx, s.Keys.PhoneID(n), r.who.App.ID, from.UnixMilli(), to.UnixMilli(), maxSent, func(m sms.MO) { list = append(list, m) })
	})
	if err != nil {
		return nil, err
	}
	out := &tencentReplies{PullSmsReplyStatusSet: []any{}}
	for _, m := range cut(list, int(in.Offset), int(in.Limit)) {
		if err := s.tencentReply(r, out, &m, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

type tencentNumberInfo struct {
	Code             string
	Message          string
	NationCode       string
	SubscriberNumber string
	PhoneNumber      string
	IsoCode          string
	IsoName          string
}

type tencentNumberInfos struct {
	PhoneNumberInfoSet []tencentNumberInfo
	tencentMeta
}

// tencentNumbers reads numbers; of countries other than China it knows no names.
func tencentNumbers(_ context.Context, _ *Server, r *request) (any, error) {
	var in struct{ PhoneNumberSet []string }
	if err := r.take(&in); err != nil {
		return nil, err
	}
	if n := len(in.PhoneNumberSet); n == 0 || n > tencentMost {
		return nil, sms.Errorf(sms.BadRequest, "PhoneNumberSet", "there are 1 to %d", tencentMost)
	}
	out := &tencentNumberInfos{}
	for _, text := range in.PhoneNumberSet {
		x := tencentNumberInfo{Code: "Ok", Message: "query success", PhoneNumber: text}
		if n, err := sms.ParseMSISDN(text); err != nil {
			x.Code, x.Message = sms.CloudOf(sms.BadNumber).Tencent, err.Error()
		} else {
			x.NationCode, x.SubscriberNumber, x.PhoneNumber = spelled(n)
			if x.IsoCode = iso(n); x.IsoCode != "" {
				x.IsoName = "China"
			}
		}
		out.PhoneNumberInfoSet = append(out.PhoneNumberInfoSet, x)
	}
	return out, nil
}
