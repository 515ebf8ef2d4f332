package dispatch_test

import (
	"context"
	"testing"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest/housepack"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// P1 and P10: what was permitted under the former rules and still waits does not leave
// after a pack that forbids it came into force: the second look sends it back, and the
// gate refuses it under the new pack.
func TestWaitingMessageUnderANewPack(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		w.Agree(gatetest.Member)
		r := d.permitted(gatetest.MKTText, gatetest.Member)
		code := d.permitted(gatetest.OTPText, gatetest.Stranger)
		w.Activate(housepack.Text)
		v := d.look(r, code)
		if len(v.Go) != 0 || len(v.Back) != 2 {
			t.Fatalf("after the activation %d leave and %d go back", len(v.Go), len(v.Back))
		}
		if _, err := w.Gate.Redecide(context.Background(), []*sms.Message{v.Back[0].Message, v.Back[1].Message}, false); err != nil {
			t.Fatal(err)
		}
		if m := w.Message(r.Message.ID); m.State != sms.Refused || m.Rule != "HSE-01" || m.Held != 0 {
			t.Errorf("the marketing is %s by %s, %d units held", m.State, m.Rule, m.Held)
		}
		var again dispatch.Verdict
		for _, x := range w.Readies() {
			if x.Message.ID == code.Message.ID {
				again = d.look(x)
			}
		}
		if len(again.Go) != 1 {
			t.Errorf("the code that is lawful under both does not leave: %+v", again)
		}
		w.Sound()
	})
}

// The second look judges anew what it reads anew, the counts. Another rule, which this message
// passed and a lawful one would not, is not asked again on facts that were never read.
func TestSecondLookJudgesOnlyWhatItReads(t *testing.T) {
	const pack = `
pack: house
version: "1"
layer: house
rules:
  - id: HSE-02
    title: {zh: a, en: b}
    status: D
    effective_from: 2020-01-01
    categories: [MKT]
    against: consent.grade == 4
    outcome: block
    code: RULE_REFUSED
    reason: {zh: a, en: b}
    remedy: {zh: a, en: b}
    examples: [{name: a, facts: {category: MKT}, stands: true}, {name: b, facts: {category: MKT, consent.grade: 3}, stands: false}]
`
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		w.Activate(pack)
		w.Agree(gatetest.Member)
		if v := d.look(d.permitted(gatetest.MKTText, gatetest.Member)); len(v.Go) != 1 {
			t.Fatalf("%+v", v)
		}
	})
}
