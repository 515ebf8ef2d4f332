package replay_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest/housepack"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/replay"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// book is the program's packs with others.
func book(t testing.TB, more ...string) *rulebook.Book {
	t.Helper()
	builtin, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	sources := make([]rulebook.Source, len(more))
	for i := range more {
		sources[i].Text = []byte(more[i])
	}
	d, err := rulebook.Assemble(builtin, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return d.Book
}

// past makes decisions of every kind: permitted, refused by the text, by the recipient and
// by the channel, deferred.
func past(w *gatetest.World) (list []sms.Decision) {
	w.T.Helper()
	w.Agree(gatetest.Member)
	w.Send(gatetest.OTPText, gatetest.Stranger)
	w.Send(gatetest.MKTText, gatetest.Member, gatetest.Stranger)
	w.Send(gatetest.MKTText, gatetest.Member) // too often
	w.Send("【准信科技】加微信领红包，拒收请回复R", gatetest.Member)
	w.Send("【别人】您的验证码是246810，5分钟内有效。", gatetest.Stranger)
	w.Clock.Set(gatetest.Morning.Add(11 * time.Hour)) // nine in the evening
	w.Agree("13000000003")
	w.Send(gatetest.MKTText, "13000000003")
	w.Send(gatetest.OTPText, "13000000004", "13000000005")
	if list = decisions(w, 0); len(list) != 7 {
		w.T.Fatal(len(list))
	}
	return list
}

// decisions reads those from an id on.
func decisions(w *gatetest.World, from sms.ID) (list []sms.Decision) {
	w.T.Helper()
	err := w.DB.Read(context.Background(), func(ctx context.Context, tx *store.Tx) (err error) {
		list, err = tx.DecisionsBetween(ctx, from, sms.FirstID(w.Clock.Now().Add(time.Hour)), 1000)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return list
}

// decide decides again under a draft.
func decide(t testing.TB, draft, inForce *rulebook.Book, list []sms.Decision) *replay.Tally {
	t.Helper()
	x, tally := replay.New(draft, inForce).Session(), replay.NewTally()
	for i := range list {
		if err := x.Decide(&list[i], tally); err != nil {
			t.Fatal(err)
		}
	}
	return tally
}

func lacks(t *replay.Tally) (out []string) {
	for _, l := range t.Lacks {
		out = append(out, l.Rule)
	}
	slices.Sort(out)
	return out
}

func changes(t *replay.Tally) (out []string) {
	for _, c := range t.Changes {
		out = append(out, c.Kind+": "+c.Was+" → "+c.Is)
	}
	slices.Sort(out)
	return out
}

// P10: the law is replayable. Under the same packs every decision is what it was, and under
// others what they say; what can't be told is named, and not guessed.
func TestReplay(t *testing.T) {
	t.Parallel()
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		list, now := past(w), book(w.T)
		const lexical = `
pack: house
version: "1"
layer: house
lexicons: [{name: own, source: own, words: [会员日]}]
rules:
  - id: HSE-02
    title: {zh: a, en: b}
    status: D
    effective_from: 2020-01-01
    against: lex.own < 1
    outcome: block
    code: RULE_REFUSED
    reason: {zh: a, en: b}
    remedy: {zh: a, en: b}
    examples: [{name: a, facts: {lex.own: 0}, stands: true}, {name: b, facts: {lex.own: 1}, stands: false}]
`
		channel := strings.NewReplacer("lexicons: [{name: own, source: own, words: [会员日]}]\n", "", "lex.own < 1", "port.signatures < 2", "lex.own: 0", "port.signatures: 1", "lex.own: 1", "port.signatures: 2").Replace(lexical)
		for name, c := range map[string]struct {
			pack     string
			messages int64
			changes  []string
			lacks    []string
		}{
			"the same": {"", 0, nil, nil},
			"a rule of the shared facts": {housepack.Text, 2, []string{
				"other: defer by TIM-01 → block by HSE-01", "refused: permit → block by HSE-01",
			}, nil},
			"a later hour of the morning": {"pack: house\nversion: '1'\nlayer: house\nadjust: [{rule: TIM-01, param: open, value: 601}]\n", 1, []string{"refused: permit → defer by TIM-01"}, nil},
			"a rule of the recipients":    {"pack: house\nversion: '1'\nlayer: house\nadjust: [{rule: FRQ-03, param: per_week, value: 1}]\n", 0, nil, []string{"FRQ-03"}},
			"a new fact":                  {lexical, 0, nil, []string{"HSE-02"}},
			"a rule of the channels":      {channel, 5, []string{"other: defer by TIM-01 → block by HSE-02", "refused: permit → block by HSE-02"}, nil},
		} {
			var more []string
			if c.pack != "" {
				more = append(more, c.pack)
			}
			tally := decide(w.T, book(w.T, more...), now, list)
			var concerned int64
			for _, x := range tally.Changes {
				concerned += x.Messages
			}
			if tally.Decisions != 7 || tally.Messages != 9 || concerned != c.messages || !slices.Equal(changes(tally), c.changes) || !slices.Equal(lacks(tally), c.lacks) {
				w.T.Errorf("%s: %d of %d messages: %q; not replayed: %v", name, concerned, tally.Messages, changes(tally), lacks(tally))
			}
		}
		// What was refused by a rule that is gone is free of it.
		if tally := decide(w.T, now, now, again(w, list, housepack.Text)); !slices.Equal(changes(tally), []string{"permitted: block by HSE-01 → permit"}) || tally.OtherPacks != 1 {
			w.T.Errorf("%q, %d under other packs", changes(tally), tally.OtherPacks)
		}
		// Decisions of a program that did not keep the channels' facts, and had another fact.
		for i := range list {
			var doc map[string]any
			if err := json.Unmarshal(list[i].Facts, &doc); err != nil {
				w.T.Fatal(err)
			}
			delete(doc, "channels")
			doc["weather.rain"] = true
			list[i].Facts, _ = json.Marshal(doc)
		}
		tally := decide(w.T, book(w.T, channel), now, list)
		if len(tally.Changes) != 0 || !slices.Equal(lacks(tally), []string{"HSE-02"}) || tally.Ignored["weather.rain"] != 7 {
			w.T.Errorf("without facts of channels: %q, not replayed %v, ignored %v", changes(tally), lacks(tally), tally.Ignored)
		}
	})
}

// P10: under the same packs a message gets what it got, also when several channels refuse it
// in ways of their own, or it is asked for at a later moment.
func TestReplayIsAsTheGate(t *testing.T) {
	t.Parallel()
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		now := book(w.T)
		w.Put(registry.AccessCode{
			ID: gatetest.Code, PartyID: gatetest.Operator, Carrier: sms.Unicom, Code: "10690099", MaxLength: 20, Use: registry.UsePlatform, Period: registry.Period{From: 1}, State: registry.Active,
		}, registry.Channel{
			ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001", Categories: "NOTICE",
			Sessions: 1, Window: 16, State: registry.Active, Options: registry.ChannelOptions{Replies: true},
		}) // the code is not approved, and the channel carries no codes
		w.PutChannel(33, "10690033", func(c *registry.Channel) { c.Categories = "NOTICE" })
		w.Send(gatetest.OTPText, gatetest.Stranger) // the second channel has less against it
		w.PutChannel(34, "10690034", func(c *registry.Channel) { c.Categories = "MKT" })
		var list []string
		for i := range 20 {
			list = append(list, strconv.Itoa(13000000100+i))
			w.Agree(list[i])
		}
		call := w.Call(gatetest.MKTText, list...) // in a row: CNS-13 holds them, and refuses them when nobody will see the call
		call.SendAt = gatetest.Morning.Add(time.Hour)
		if _, err := w.Gate.Submit(context.Background(), call); err != nil {
			w.T.Fatal(err)
		}
		call = w.Call(gatetest.MKTText, list[:1]...)
		call.SendAt = gatetest.Morning.Add(time.Hour)
		if _, err := w.Gate.Submit(context.Background(), call); err != nil {
			w.T.Fatal(err)
		}
		past := decisions(w, 0)
		var got []string
		for i := range past {
			var verdicts []gate.Verdict
			if err := json.Unmarshal(past[i].Verdicts, &verdicts); err != nil || len(verdicts) != 1 {
				w.T.Fatal(string(past[i].Verdicts), err)
			}
			got = append(got, string(verdicts[0].Decided)+" "+verdicts[0].Rule)
		}
		if want := []string{"refused PORT-05", "refused CNS-13", "scheduled "}; !slices.Equal(got, want) {
			w.T.Fatalf("%q, want %q", got, want)
		}
		if tally := decide(w.T, now, now, past); len(tally.Changes) != 0 {
			w.T.Errorf("%q", changes(tally))
		}
		const stricter = "pack: house\nversion: '1'\nlayer: house\nadjust: [{rule: CNS-13, param: numbers, value: 2}, {rule: TIM-01, param: open, value: 700}]\n"
		if tally := decide(w.T, book(w.T, stricter), now, past); len(tally.Changes) != 0 {
			w.T.Errorf("what waits is held or deferred when its moment comes: %q", changes(tally))
		}
	})
}

// again makes one decision under another pack and gives it alone.
func again(w *gatetest.World, list []sms.Decision, pack string) (out []sms.Decision) {
	w.T.Helper()
	w.Activate(pack)
	w.Clock.Set(gatetest.Morning.Add(25 * time.Hour))
	w.Agree("13000000006")
	w.Send(gatetest.MKTText, "13000000006")
	if out = decisions(w, list[len(list)-1].ID+1); len(out) != 1 {
		w.T.Fatal(len(out))
	}
	return out
}

// many repeats a permitted decision on marketing, with all its facts.
func many(t testing.TB, n int) []sms.Decision {
	t.Helper()
	f := book(t).NewFacts()
	f.String(rulebook.Category, "MKT")
	channel := f.Record(rulebook.StageChannel, rulebook.StageChannel, rulebook.Member{Name: "channel", Value: []byte(`"7"`)})
	facts := f.Record(rulebook.StageShared, rulebook.StageShared, rulebook.Member{Name: "channels", Value: append(append([]byte(`{"CM":[`), channel...), "]}"...)})
	const verdicts = `[{"carrier":"CM","decided":"permitted","n":3}]`
	list := make([]sms.Decision, n)
	for i := range list {
		list[i] = sms.Decision{ID: sms.ID(i + 1), At: gatetest.Morning.UnixMilli(), Facts: facts, Verdicts: []byte(verdicts)}
	}
	return list
}

// A replay that was stopped and stored goes on where it was, and finds what it would have
// found in one go.
func TestStoppedReplayGoesOn(t *testing.T) {
	t.Parallel()
	list, x := many(t, 10_000), replay.New(book(t, housepack.Text), book(t))
	read := func(_ context.Context, from, to sms.ID, limit int) (out []sms.Decision, err error) {
		for _, d := range list {
			if d.ID >= from && d.ID < to && len(out) < limit {
				out = append(out, d)
			}
		}
		return out, nil
	}
	whole := replay.NewRun(1, 20_000)
	if err := whole.Go(t.Context(), x, read, func(*replay.Run) {}); err != nil {
		t.Fatal(err)
	}
	if n := whole.Tally.Concerned("refused"); n != 30_000 || whole.Share() != 1 {
		t.Fatalf("%d refused, %v done", n, whole.Share())
	}
	part := replay.NewRun(1, 20_000)
	ctx, stop := context.WithCancel(t.Context())
	if err := part.Go(ctx, x, read, func(*replay.Run) { stop() }); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if part.Tally.Decisions == 0 || part.Tally.Decisions >= 10_000 {
		t.Fatalf("stopped after %d", part.Tally.Decisions)
	}
	b, err := json.Marshal(part)
	if err != nil {
		t.Fatal(err)
	}
	next := replay.NewRun(0, 0)
	if err := json.Unmarshal(b, next); err != nil {
		t.Fatal(err)
	}
	if err := next.Go(t.Context(), x, read, func(*replay.Run) {}); err != nil {
		t.Fatal(err)
	}
	whole.Tally.Sort()
	next.Tally.Sort()
	one, _ := json.Marshal(whole)
	two, _ := json.Marshal(next)
	if !reflect.DeepEqual(one, two) {
		t.Errorf("%s\n%s", one, two)
	}
}

func FuzzDecide(f *testing.F) {
	x := replay.New(book(f, housepack.Text), book(f))
	d := many(f, 1)[0]
	f.Add(d.Facts, d.Verdicts)
	f.Fuzz(func(_ *testing.T, facts, verdicts []byte) {
		_ = x.Session().Decide(&sms.Decision{ID: 1, Facts: facts, Verdicts: verdicts}, replay.NewTally())
	})
}

// What one decision costs on one core whose facts no other one shared.
func BenchmarkDecide(b *testing.B) {
	list := many(b, 1)
	x, tally := replay.New(book(b, housepack.Text), book(b)).Session(), replay.NewTally()
	list[0].Packs = book(b).Versions()
	facts := string(list[0].Facts)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		list[0].Facts = []byte(strings.Replace(facts, `"call.numbers":0`, `"call.numbers":`+strconv.Itoa(i), 1))
		if err := x.Decide(&list[0], tally); err != nil {
			b.Fatal(err)
		}
	}
}
