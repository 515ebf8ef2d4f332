package dispatch_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// signed makes the world's channel one whose carrier adds to each text.
func signed(w *gatetest.World, split registry.Splitting) {
	w.T.Helper()
	snap, err := w.Gate.Snapshot(context.Background())
	if err != nil {
		w.T.Fatal(err)
	}
	ch := *snap.Channel[gatetest.Channel]
	ch.Options.Split = split
	w.Put(ch)
}

// A text that fits one PDU does not once its carrier has added a signature: it is
// decided, counted and sent as two, each with room for what comes to it.
func TestSegmentsLeaveRoomForWhatTheCarrierAdds(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		signed(w, registry.Splitting{AddsHead: 8})
		body := strings.Repeat("会员活动说明", 8) + "会员活动拒收请回复R" // 58, with the signature 64
		d.Put(
			registry.Template{ID: 53, PartyID: gatetest.Customer, Category: sms.MKT, Name: "tight", State: registry.Active},
			registry.TemplateVersion{TemplateID: 53, Version: 1, Body: body, State: registry.Approved, Period: registry.Period{From: 1}},
			gatetest.Filed(53, sms.Unicom),
		)
		d.Agree(gatetest.Member)
		r := d.permitted("【准信科技】"+body, gatetest.Member)
		if r.Message.Units != 1 || r.Message.Segments != 2 {
			d.T.Fatalf("%d units, %d segments", r.Message.Units, r.Message.Segments)
		}
		l := &line{owned: true, credit: 9}
		worker := work(d, l)
		worker.Wake()
		d.until("both are submitted", func() bool { return d.Message(r.Message.ID).State == sms.Submitted })
		if len(l.got) != 2 || !l.got[0].UDHI || len(l.got[0].Content)+2*8 > smstext.MaxContent {
			d.T.Errorf("%d PDUs, the first of %d bytes", len(l.got), len(l.got[0].Content))
		}
	})
}

// A channel that wants GB18030 gets it, and the decision says so.
func TestChannelGetsTheAlphabetThatItWants(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		signed(w, registry.Splitting{Alphabet: "gb18030"})
		r := d.permitted(gatetest.OTPText, gatetest.Stranger)
		l := &line{owned: true, credit: 9}
		worker := work(d, l)
		worker.Wake()
		d.until("it is submitted", func() bool { return d.Message(r.Message.ID).State == sms.Submitted })
		text, err := smstext.Decode(smstext.GB, l.got[0].Content)
		if err != nil || l.got[0].Coding != uint8(smstext.GB) || text != gatetest.OTPText {
			d.T.Errorf("coding %d, %q, %v", l.got[0].Coding, text, err)
		}
	})
}

// A carrier refuses two PDUs for the time being; then its channel becomes an upstream that
// takes the text whole. What it takes is the message: the former PDUs count no more.
func TestFormerPDUsOfANewDecisionDoNotCount(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		d := on(w)
		signed(w, registry.Splitting{AddsHead: 50, AddsTail: 3})
		d.Agree(gatetest.Member)
		r := d.permitted(gatetest.MKTText, gatetest.Member)
		if r.Message.Segments != 2 {
			d.T.Fatalf("%d segments", r.Message.Segments)
		}
		l := &line{owned: true, credit: 2, answer: func(n int) session.Outcome {
			if n > 2 {
				return session.Outcome{Kind: session.Answered, ID: "whole"}
			}
			return session.Outcome{Kind: session.Answered, Result: 8, OverSpeed: true}
		}}
		worker := work(d, l)
		worker.Wake()
		d.until("both are refused", func() bool { return l.count() == 2 && d.Message(r.Message.ID).State == sms.Queued })
		snap, err := w.Gate.Snapshot(context.Background())
		if err != nil {
			d.T.Fatal(err)
		}
		ch := *snap.Channel[gatetest.Channel]
		ch.Protocol, ch.Options.Split, ch.UpstreamID = registry.ByHTTP, registry.Splitting{}, 91
		const uscc = "91110000000000009A"
		w.Put(
			registry.Party{ID: 91, Kind: registry.Upstream, GroupID: 91, Name: "upstream", USCC: uscc, EntityType: "company", State: registry.Active},
			registry.Licence{ID: 92, PartyID: 91, Number: "B2-9", USCC: uscc, Scope: registry.Business, Provinces: "*", Period: registry.Period{From: 1}, State: registry.Active},
			ch,
		)
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Revoke(ctx, sms.Revocation{Kind: "template", ObjectID: int64(ch.ID), At: gatetest.Morning.UnixMilli()})
			return err
		})
		l.set(true, 9)
		worker.Wake()
		d.until("it is submitted", func() bool { return d.Message(r.Message.ID).State == sms.Submitted })
		m := d.Message(r.Message.ID)
		if l.count() != 3 || string(l.got[2].Content) != gatetest.MKTText || m.Segments != 1 || m.Captured != m.Units || m.Held != 0 {
			d.T.Errorf("%d requests, the last with %q; %+v", l.count(), l.got[len(l.got)-1].Content, m)
		}
		w.Sound()
	})
}
