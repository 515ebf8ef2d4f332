package risk

import (
	"context"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// past is what was sent, as the database would tell.
type past struct {
	WatchTx
	ended  []sms.Ended
	recent []sms.RecipientEvent
}

func (p past) Ended(_ context.Context, _ sms.ID, _ sms.Category, _ sms.ID, _ int, each func(sms.Ended)) error {
	for _, e := range p.ended {
		each(e)
	}
	return nil
}

func (p past) Recent(_ context.Context, ids [][16]byte, _ int64, each func(sms.RecipientEvent)) error {
	for _, e := range p.recent {
		for _, id := range ids {
			if id == e.PhoneID {
				each(e)
			}
		}
	}
	return nil
}

// People are counted once, and as shared only if two senders besides the account's own group
// sent them marketing.
func TestFiguresOfSharedLists(t *testing.T) {
	t.Parallel()
	phone := func(n byte) [16]byte { return [16]byte{n} }
	sent := func(n byte, group sms.ID, cat sms.Category) sms.RecipientEvent {
		return sms.RecipientEvent{PhoneID: phone(n), GroupID: group, Category: cat}
	}
	snap, err := registry.NewSnapshot(1, registry.Tables{
		Parties:  []registry.Party{{ID: 1, Kind: registry.Customer, GroupID: 10}},
		Channels: []registry.Channel{{ID: 5, Protocol: "cmpp30"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	codes, err := vendorcode.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	w := &Watch{Codes: codes}
	p := past{
		ended: []sms.Ended{
			{PhoneID: phone(1), ChannelID: 5, State: sms.Delivered, Stat: ""},
			{PhoneID: phone(1), ChannelID: 5, State: sms.Failed, Stat: "CB:0001"},
			{PhoneID: phone(2), ChannelID: 5, State: sms.Failed, Stat: "CB:0001"},
			{PhoneID: phone(3), ChannelID: 5, State: sms.Failed, Stat: "MK:0115"}, // spam, not a number
			{PhoneID: phone(4), ChannelID: 6, State: sms.Failed, Stat: "CB:0001"}, // a channel that is gone
		},
		recent: []sms.RecipientEvent{
			sent(1, 10, sms.MKT), sent(1, 11, sms.MKT), sent(1, 12, sms.MKT), // shared
			sent(2, 11, sms.MKT), sent(2, 11, sms.MKT), sent(2, 10, sms.MKT), // one other
			sent(3, 11, sms.MKT), sent(3, 12, sms.OTP), // a code is not marketing
		},
	}
	f, err := w.count(t.Context(), p, snap, &registry.Account{ID: 2, PartyID: 1}, time.Date(2026, 11, 27, 10, 0, 0, 0, rulebook.Shanghai))
	if want := (Figures{Reported: 5, NoNumber: 2, People: 4, Shared: 1}); err != nil || f != want {
		t.Errorf("%+v, %v; want %+v", f, err, want)
	}
	if x := f.facts(); x["traffic.no_number_percent"] != int64(40) || x["traffic.shared_percent"] != int64(25) {
		t.Errorf("%v", x)
	}
}
