package app

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// overHTTP makes the seeded channel one to an aggregator, and waits until it is reached.
func (n *node) overHTTP(up *aggregator, change func(*registry.Channel)) (ch registry.Channel, reports, replies string) {
	n.t.Helper()
	ch, reports, replies = n.channelOver(func(ch *registry.Channel) {
		ch.Protocol, ch.Address, ch.Login, ch.Options = registry.ByHTTP, up.URL+"/api/v1", "app-1", registry.ChannelOptions{HTTP: description()}
		if change != nil {
			change(ch)
		}
	})
	n.untilReached()
	return ch, reports, replies
}

// untilReached waits until the channel is one to an upstream's API: the former one, of PDUs,
// has a session too, but no callbacks.
func (n *node) untilReached() {
	n.t.Helper()
	n.untilChannel("the upstream is reached", func(s channel.State) bool { return s.Owned && s.Sessions == 1 && s.Back != nil })
}

// A report that names the message comes while its answer is still awaited, and then the
// answer is lost: the report settles the doubt, for it will not come again.
func TestReportThatNamesTheMessageBeforeItsDoubt(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		ch, reports, _ := n.overHTTP(up, nil)
		asked, release := make(chan struct{}), make(chan struct{})
		up.answers(func(w http.ResponseWriter, _ int) {
			close(asked)
			<-release
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		})
		id := n.send(otpText, member).Results[0].MessageID
		<-asked
		report := fmt.Sprintf(`{"reports":[{"id":"named","phone":"%s","status":"OK","ref":"%s"}]}`, member, channel.Ref(ch.ID, id))
		if status, _ := n.call(reports, report); status != http.StatusOK {
			n.t.Error(status)
		}
		close(release)
		if m := n.until(id, sms.Delivered); m.Segments[0].UpstreamID != "named" || m.Charged != 1 {
			n.t.Errorf("%+v", m)
		}
		n.prove(id, otpText)
	})
}

// What somebody else sent to the same person by the same account settles nothing of ours.
func TestForeignReportSettlesNothing(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		_, reports, _ := n.overHTTP(up, nil)
		up.answers(func(w http.ResponseWriter, _ int) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		})
		id := n.send(otpText, member).Results[0].MessageID
		n.until(id, sms.InDoubt)
		for _, ref := range []string{"", `,"ref":"order-7"`, `,"ref":"7-7"`} {
			if status, _ := n.call(reports, fmt.Sprintf(`{"reports":[{"id":"theirs","phone":"%s","status":"OK"%s}]}`, member, ref)); status != http.StatusOK {
				n.t.Error(status)
			}
		}
		if m := n.until(id, sms.InDoubt); m.Charged != 0 || m.Segments[0].UpstreamID != "" {
			n.t.Errorf("%+v", m)
		}
	})
}

// One account, a channel for each carrier, one callback: a reply is booked under the
// access code of the sender's carrier, so that a refusal there acts there.
func TestReplyOnAnAccountOfSeveralChannels(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		ch, _, replies := n.overHTTP(up, func(ch *registry.Channel) { ch.Priority = 1 })
		unicom := ch
		unicom.ID, unicom.Name, unicom.Carrier, unicom.State = n.IDs.Next(), "unicom-1", sms.Unicom, "paused"
		code := registry.AccessCode{ID: n.IDs.Next(), Carrier: sms.Unicom, Code: "10655555", Approval: "A", MaxLength: 20, Use: registry.UsePlatform, State: registry.Active, Period: n.period()}
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		code.PartyID, unicom.AccessCodeID = snap.AccessCode[ch.AccessCodeID].PartyID, code.ID
		unicom.Secret, unicom.BackSecret = snap.Channel[ch.ID].Secret, snap.Channel[ch.ID].BackSecret
		sub := *snap.Subcodes[0]
		sub.ID, sub.AccessCodeID = n.IDs.Next(), code.ID
		if err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			for _, o := range []any{code, sub, unicom} {
				if err := tx.Put(ctx, o); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			n.t.Fatal(err)
		}
		n.untilHeard(unicom.ID, strings.Replace(replies, ch.ID.String(), unicom.ID.String(), 1))
		if status, _ := n.call(replies, fmt.Sprintf(`{"id":"m1","from":"13000000001","ext":"%s","text":"T"}`, storyDigits)); status != http.StatusOK {
			n.t.Error(status)
		}
		var mos []sms.MO
		if err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error {
			return tx.MOs(ctx, n.moIDs(ctx, tx), func(m sms.MO) { mos = append(mos, m) })
		}); err != nil {
			n.t.Fatal(err)
		}
		if m := mos[len(mos)-1]; m.ChannelID != unicom.ID || m.Dest != "10655555"+storyDigits || m.GroupID == 0 || m.OptOut == "" {
			n.t.Errorf("booked as %+v", m)
		}
	})
}

// A message waits while its channel changes its access code, or what it speaks: it is
// decided anew, and leaves as it is permitted then.
func TestWaitingMessageOfAChangedChannel(t *testing.T) {
	everywhere(t, func(n *node) {
		up := newAggregator(t)
		ch, _, _ := n.overHTTP(up, nil)
		up.answers(func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusTooManyRequests) })
		id := n.send(otpText, member).Results[0].MessageID
		n.untilAsked(up, 1)
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		code := *snap.AccessCode[ch.AccessCodeID]
		code.ID, code.Code = n.IDs.Next(), "10659999"
		sub := *snap.Subcodes[0]
		sub.ID, sub.AccessCodeID = n.IDs.Next(), code.ID
		if err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
			if err := tx.Put(ctx, code); err != nil {
				return err
			}
			return tx.Put(ctx, sub)
		}); err != nil {
			n.t.Fatal(err)
		}
		up.answers(nil)
		ch.AccessCodeID = code.ID
		if status, out := n.putChannel(ch, ""); status != http.StatusOK {
			n.t.Fatalf("%d %+v", status, out)
		}
		n.until(id, sms.Submitted)
		got := up.requests(n.t)
		if last := got[len(got)-1]; last.Ext != storyDigits {
			n.t.Errorf("the handset would be shown %s%s", code.Code, last.Ext)
		}
	})
}

// untilHeard waits until callbacks of a channel are taken.
func (n *node) untilHeard(id sms.ID, path string) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		status, body := n.call(path, "{")
		if status == http.StatusServiceUnavailable { // it can't be read
			return
		}
		if time.Now().After(deadline) {
			n.t.Fatalf("callbacks of channel %d: %d %s", id, status, body)
		}
	}
}
