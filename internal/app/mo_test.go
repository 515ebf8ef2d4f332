package app

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// handset sends parts as a carrier would, in an order of the test's, and waits until all
// are stored.
func (n *node) handset(from string, list []smstext.Part, order ...int) {
	n.t.Helper()
	channel := n.channel()
	for _, i := range order {
		p := list[i]
		stored := make(chan bool, 1)
		n.Receiver.MO(channel, session.MO{
			Source: from, Dest: storyCode + storyDigits, Coding: uint8(p.Coding), UDHI: p.UDHI, Content: p.Content,
		}, func(ok bool) { stored <- ok })
		if !<-stored {
			n.t.Fatalf("part %d was not stored", i+1)
		}
	}
}

// channel is the seeded one.
func (n *node) channel() sms.ID {
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return snap.Channels[0].ID
}

// moIDs are those of all messages from handsets.
func (n *node) moIDs(ctx context.Context, tx *store.Tx) (ids []sms.ID) {
	n.t.Helper()
	if err := tx.Query(ctx, "SELECT id FROM mo ORDER BY id", nil, func(r *sql.Rows) error {
		var id sms.ID
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	}); err != nil {
		n.t.Fatal(err)
	}
	return ids
}

// replies opens every stored message from a handset.
func (n *node) replies() (list []string) {
	n.t.Helper()
	err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		return tx.MOs(ctx, n.moIDs(ctx, tx), func(m sms.MO) {
			text, err := n.Keys.Open(vault.PurposeMO, m.Text)
			if err != nil {
				n.t.Error(err)
			}
			list = append(list, string(text))
		})
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return list
}

// A long reply comes in parts, out of order and twice, and is one message; the customer
// gets all of it.
func TestLongReplyIsJoined(t *testing.T) {
	everywhere(t, func(n *node) {
		text := strings.Repeat("请问周六的活动几点开始？", 12)
		parts, err := smstext.Split(text, 9)
		if err != nil || len(parts) != 3 {
			n.t.Fatal(len(parts), err)
		}
		c := n.dialAs(spserver.CMPP)
		n.handset(member, parts, 2, 0, 2, 1)
		if got := n.replies(); !slices.Equal(got, []string{text}) {
			n.t.Errorf("stored %q", got)
		}
		c.wait("all parts of the reply", func() bool { return len(c.mos) == 3 })
		var bodies []smstext.Body
		slices.SortFunc(c.mos, func(a, b session.MO) int { return int(a.Content[5]) - int(b.Content[5]) })
		for _, m := range c.mos {
			_, body, err := smstext.ParseUDH(m.Content)
			if err != nil {
				n.t.Fatal(err)
			}
			bodies = append(bodies, smstext.Body{Coding: smstext.Coding(m.Coding), Content: body})
		}
		if got, err := smstext.Text(bodies...); err != nil || got != text {
			n.t.Errorf("the customer reads %q, %v", got, err)
		}
	})
}

// A part that refuses acts when it comes; what never becomes whole is kept after a while.
func TestPartsOfARefusal(t *testing.T) {
	everywhere(t, func(n *node) {
		parts, err := smstext.Split("退订，"+strings.Repeat("请不要再给我发送任何活动信息。", 10), 4)
		if err != nil {
			n.t.Fatal(err)
		}
		n.handset(member, parts, 0)
		if got := n.replies(); len(got) != 1 || n.Receiver.Stats.OptOuts.Load() != 1 {
			n.t.Fatalf("%d opt-outs, stored %q", n.Receiver.Stats.OptOuts.Load(), got)
		}
		n.handset(member, parts, 1)
		if got := n.replies(); len(got) != 1 {
			n.t.Errorf("a part alone is a message at once: %q", got)
		}
		err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			return tx.Exec(ctx, "UPDATE mo_part SET received_at = received_at - 300000")
		})
		if err != nil {
			n.t.Fatal(err)
		}
		if err := n.Receiver.LateParts(n.t.Context()); err != nil {
			n.t.Fatal(err)
		}
		if got := n.replies(); len(got) != 2 {
			n.t.Errorf("what waited is lost: %q", got)
		}
	})
}

// A refusal in any part of a long reply refuses, wherever it stands in the whole.
func TestRefusalInALaterPart(t *testing.T) {
	everywhere(t, func(n *node) {
		part := func(number byte, text string) smstext.Part {
			body, err := smstext.Encode(smstext.UCS2, text)
			if err != nil {
				n.t.Fatal(err)
			}
			return smstext.Part{Coding: smstext.UCS2, UDHI: true, Content: append([]byte{5, 0, 3, 8, 2, number}, body...)}
		}
		list := []smstext.Part{part(1, "你们天天发信息，我很烦，"), part(2, "TD")}
		n.handset(member, list, 0, 1)
		if got := n.replies(); len(got) != 1 || n.Receiver.Stats.OptOuts.Load() != 1 {
			n.t.Errorf("%d opt-outs, stored %q", n.Receiver.Stats.OptOuts.Load(), got)
		}
	})
}

// P4: a refusal that comes to a number which says nothing is a refusal all the same: of
// everybody who sent that person marketing lately.
func TestRefusalToANumberThatSaysNothing(t *testing.T) {
	everywhere(t, func(n *node) {
		n.agree(member)
		n.until(n.send(mktText, member).Results[0].MessageID, sms.Delivered)
		stored := make(chan bool, 1)
		n.Receiver.MO(n.channel(), session.MO{Source: member, Dest: "95555", Content: []byte("T")}, func(ok bool) { stored <- ok })
		if !<-stored {
			n.t.Fatal("the reply was not stored")
		}
		if r := n.send(mktText, member).Results[0]; r.State != sms.Refused || r.Code != sms.ConsentMissing {
			n.t.Errorf("after the refusal: %+v", r)
		}
	})
}
