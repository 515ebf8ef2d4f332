package consent_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/store/storetest"
)

const (
	ours, theirs = sms.ID(11), sms.ID(12)
	begin        = int64(1_700_000_000_000)
)

// desk writes as the interfaces do.
type desk struct {
	db   *store.DB
	next sms.ID
}

func (d *desk) id() sms.ID { d.next++; return d.next }

func (d *desk) write(t *rapid.T, do func(ctx context.Context, tx *store.Tx, record consent.Recorder) error) {
	err := d.db.Write(context.Background(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		return do(ctx, tx, func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
			id := d.id()
			return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (d *desk) agree(t *rapid.T, phone [16]byte, group sms.ID, grade consent.Grade, given, at int64) {
	d.write(t, func(ctx context.Context, tx *store.Tx, record consent.Recorder) error {
		return consent.Add(ctx, tx, record, []consent.Grant{{
			ID: d.id(), PhoneID: phone, GroupID: group, Purpose: sms.MKT, Grade: grade, Method: "form", Wording: "v1", Source: "shop", ValidFrom: given,
		}}, at)
	})
}

func (d *desk) refuse(t *rapid.T, phone [16]byte, group sms.ID, scope string, at int64) {
	d.write(t, func(ctx context.Context, tx *store.Tx, record consent.Recorder) error {
		_, err := consent.Refuse(ctx, tx, record, consent.Suppression{ID: d.id(), PhoneID: phone, GroupID: group, Scope: scope, Source: "mo", CreatedAt: at})
		return err
	})
}

// allowed is what the gate takes from the rows: what stands against marketing, and the
// consent that it relies on.
func (d *desk) allowed(t *rapid.T, phone [16]byte, group sms.ID, at int64) (refused bool, grant *consent.Grant) {
	err := d.db.Read(context.Background(), func(ctx context.Context, tx *store.Tx) error {
		var grants []consent.Grant
		var against []consent.Suppression
		if err := tx.Grants(ctx, group, [][16]byte{phone}, func(g consent.Grant) { grants = append(grants, g) }); err != nil {
			return err
		}
		if err := tx.Suppressions(ctx, [][16]byte{phone}, func(s consent.Suppression) {
			against = append(against, s)
			refused = refused || s.Against(group, sms.MKT)
		}); err != nil {
			return err
		}
		grant = consent.Best(grants, sms.MKT, "", at, consent.Lifted(against, group))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return refused, grant
}

type act struct {
	refusal bool
	scope   string // of a refusal
	group   sms.ID
	grade   consent.Grade
	given   int64
	at      int64
}

// Whatever people do in whatever order: marketing of a group needs a consent to that group
// that was given after every refusal that reaches it (CNS-15, OPT-03, OPT-05), one of them
// proved by a page or better; a refusal of everything, or towards everybody, is not undone by a
// consent to one.
func TestScopeAndWithdrawal(t *testing.T) {
	d := &desk{db: storetest.SQLite(t, time.Now)}
	person := uint64(0)
	rapid.Check(t, func(t *rapid.T) {
		person++
		var phone [16]byte
		binary.BigEndian.PutUint64(phone[:], person)
		var acts []act
		at := begin
		for range rapid.IntRange(3, 10).Draw(t, "acts") {
			at += 10
			a := act{at: at, group: rapid.SampledFrom([]sms.ID{ours, ours, ours, theirs}).Draw(t, "group")}
			if a.refusal = rapid.Bool().Draw(t, "refusal"); a.refusal {
				a.scope = rapid.SampledFrom([]string{"MKT", "MKT", "MKT", "MKT", "NOTICE", "ALL"}).Draw(t, "scope")
				if rapid.IntRange(0, 9).Draw(t, "everybody") == 9 {
					a.group = 0
				}
				d.refuse(t, phone, a.group, a.scope, at)
			} else {
				a.grade = rapid.SampledFrom([]consent.Grade{4, 3, 1, 2}).Draw(t, "grade")
				a.given = at - rapid.SampledFrom([]int64{0, 0, 15, 25}).Draw(t, "told late by")
				d.agree(t, phone, a.group, a.grade, a.given, at)
			}
			acts = append(acts, a)
		}
		for _, group := range []sms.ID{ours, theirs} {
			wantRefused, wantGrade := expect(acts, group)
			refused, grant := d.allowed(t, phone, group, at+1)
			if refused != wantRefused {
				t.Fatalf("towards %d refused is %v: %+v", group, refused, acts)
			}
			if !refused && (grant == nil) != (wantGrade == 0) || !refused && grant != nil && grant.Grade != wantGrade {
				t.Fatalf("towards %d the consent is %+v, not of grade %d: %+v", group, grant, wantGrade, acts)
			}
		}
	})
}

// expect says the same in the words of the rules.
func expect(acts []act, group sms.ID) (refused bool, grade consent.Grade) {
	last := int64(0)         // refusal of marketing of this group
	better := false          // a consent since then on a page, or better
	withdrawn := int64(0)    // what was recorded until then is withdrawn by a refusal
	for _, a := range acts { // in order of their recording
		reaches := a.group == group || a.group == 0
		switch {
		case a.refusal && reaches && (a.scope == "ALL" || a.scope == "MKT" && a.group == 0):
			refused, withdrawn = true, a.at
		case a.refusal && reaches && a.scope == "MKT":
			if last == 0 || better { // a refusal that stands keeps its moment
				last = a.at
			}
			better, withdrawn = false, a.at
		case !a.refusal && a.group == group && a.grade >= consent.HostedPage && a.given > last:
			better = true
		}
	}
	for _, a := range acts {
		if !a.refusal && a.group == group && a.at > withdrawn && (last == 0 || a.given > last) {
			grade = max(grade, a.grade)
		}
	}
	return refused || last != 0 && !better, grade
}
