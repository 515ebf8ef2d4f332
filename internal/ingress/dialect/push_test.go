package dialect

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// kept is what a push reads.
type kept struct {
	messages []*sms.Message
	segments []sms.Segment
}

func (k kept) MOs(context.Context, []sms.ID, func(sms.MO)) error { return nil }

func (k kept) Messages(context.Context, []sms.ID, bool) ([]*sms.Message, error) {
	return k.messages, nil
}

func (k kept) SegmentsOf(_ context.Context, _ []sms.ID, each func(sms.Segment)) error {
	for _, s := range k.segments {
		each(s)
	}
	return nil
}

func (k kept) Numbers(context.Context, [][16]byte, func([16]byte, []byte) error) error { return nil }

// A report is pushed as its event says, also when the message has become something else since;
// of a person who was erased there is no number, and of a message that is gone no report.
func TestPushedReportsAreOfTheirEvents(t *testing.T) {
	codes, err := vendorcode.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	snap := &registry.Snapshot{Channel: map[sms.ID]*registry.Channel{9: {ID: 9, Protocol: "cmpp20"}}}
	p := &Push{Codes: codes, Snapshot: func(context.Context) (*registry.Snapshot, error) { return snap, nil }}
	at := int64(1_795_000_000_000)
	tx := kept{
		messages: []*sms.Message{
			{ID: 7, State: sms.Delivered, Ref: ref("70^0", "out"), Units: 2, CreatedAt: at, UpdatedAt: at, ChannelID: 9},
			{ID: 8, State: sms.Failed, Ref: "mine", Units: 1, CreatedAt: at, UpdatedAt: at, Reason: "UNDELIV", ChannelID: 9},
			{ID: 9, State: sms.Refused, Code: sms.ConsentMissing, CreatedAt: at, UpdatedAt: at},
		},
		segments: []sms.Segment{{MessageID: 7, Stat: "DELIVRD", ReportAt: at + 60_000}, {MessageID: 8, Stat: "UNDELIV", ReportAt: at + 2000}},
	}
	event := func(m sms.Message, state sms.State, reason string) sms.Event {
		m.State, m.Reason = state, reason
		return sms.StatusEvent(1, &m, at+30_000)
	}
	list := []sms.Event{
		event(*tx.messages[0], sms.Unknown, "REPORT_TIMEOUT"), event(*tx.messages[0], sms.Delivered, ""),
		event(*tx.messages[1], sms.Failed, "UNDELIV"), event(*tx.messages[2], sms.Refused, ""), event(sms.Message{ID: 10}, sms.Delivered, ""),
	}
	for name, want := range map[string]string{
		"aliyun": `[{"phone_number":"","send_time":"2026-11-18 19:06:40","report_time":"2026-11-18 19:07:10","success":false,"err_code":"REPORT_TIMEOUT","err_msg":"REPORT_TIMEOUT","sms_size":"2","biz_id":"70^0","out_id":"out"},` +
			`{"phone_number":"","send_time":"2026-11-18 19:06:40","report_time":"2026-11-18 19:07:40","success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"2","biz_id":"70^0","out_id":"out"},` +
			`{"phone_number":"","send_time":"2026-11-18 19:06:40","report_time":"2026-11-18 19:06:42","success":false,"err_code":"UNDELIV","err_msg":"UNDELIV-WORDS","sms_size":"1","biz_id":"8","out_id":"mine"},` +
			`{"phone_number":"","send_time":"2026-11-18 19:06:40","report_time":"2026-11-18 19:06:40","success":false,"err_code":"CONSENT_MISSING","err_msg":"CONSENT-WORDS","sms_size":"0","biz_id":"9","out_id":""}]`,
		"tencent": `[{"user_receive_time":"2026-11-18 19:07:10","nationcode":"","mobile":"","report_status":"FAIL","errmsg":"REPORT_TIMEOUT","description":"REPORT_TIMEOUT","sid":"7","ext":"70^0 out"},` +
			`{"user_receive_time":"2026-11-18 19:07:40","nationcode":"","mobile":"","report_status":"SUCCESS","errmsg":"DELIVRD","description":"用户短信送达成功","sid":"7","ext":"70^0 out"},` +
			`{"user_receive_time":"2026-11-18 19:06:42","nationcode":"","mobile":"","report_status":"FAIL","errmsg":"UNDELIV","description":"UNDELIV-WORDS","sid":"8","ext":"mine"},` +
			`{"user_receive_time":"2026-11-18 19:06:40","nationcode":"","mobile":"","report_status":"FAIL","errmsg":"CONSENT_MISSING","description":"CONSENT-WORDS","sid":"9","ext":""}]`,
	} {
		want = strings.NewReplacer("UNDELIV-WORDS", codes.Report(snap.Channel[9], "UNDELIV").Zh, "CONSENT-WORDS", sms.Lookup(sms.ConsentMissing).Zh).Replace(want)
		f := p.Formats()[name]
		for i := range list {
			if !f.Tells(nil, &list[i]) || !f.Joins(&list[0], &list[i]) {
				t.Errorf("%s leaves out %s", name, list[i].Body)
			}
		}
		got, err := f.Write(t.Context(), tx, nil, list)
		if err != nil || string(got.Body) != want {
			t.Errorf("%s: %v\n%s\nwants\n%s", name, err, got.Body, want)
		}
		waits := event(*tx.messages[0], sms.InDoubt, "")
		if f.Tells(nil, &waits) {
			t.Errorf("%s tells of a message that has no end", name)
		}
		if got, err := f.Write(t.Context(), kept{}, nil, list); got != nil || err != nil {
			t.Errorf("%s tells of messages that are gone: %v %v", name, got, err)
		}
	}
}

func TestAnswersOfReceivers(t *testing.T) {
	for _, c := range []struct {
		took    func([]byte) error
		good    bool
		answers []string
	}{
		{aliyunTook, true, []string{`{"code":0}`, `{"code":0,"msg":"成功"}`, `{"code":7}`, ` {"msg":"","code":0.0}`}},
		{aliyunTook, false, []string{``, `ok`, `{}`, `{"code":"0"}`, `{"code":null}`, `[]`, `{"code":true}`}},
		{tencentTook, true, []string{`{"result":0}`, `{"result":0,"errmsg":"OK"}`}},
		{tencentTook, false, []string{``, `OK`, `{}`, `{"result":1}`, `{"result":"0"}`, `{"result":null}`, `0`}},
	} {
		for _, a := range c.answers {
			if err := c.took([]byte(a)); (err == nil) != c.good {
				t.Errorf("%s: %v", a, err)
			}
		}
	}
}

// Whatever a receiver answers, it is taken only as the JSON that it should be.
func FuzzAnswersOfReceivers(f *testing.F) {
	f.Add([]byte(`{"code":0}`))
	f.Add([]byte(`{"result":0}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if (aliyunTook(answer) == nil || tencentTook(answer) == nil) && !json.Valid(answer) {
			t.Errorf("%q was taken", answer)
		}
	})
}
