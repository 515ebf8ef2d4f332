package gate

import (
	"fmt"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// What the rules cost for one recipient: counting the person's events and evaluating.
func BenchmarkVerdict(b *testing.B) {
	packs, err := rulebook.Builtin()
	if err != nil {
		b.Fatal(err)
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 24, 10, 0, 30, 0, rulebook.Shanghai)
	for _, cat := range []sms.Category{sms.OTP, sms.Notice, sms.MKT} {
		for _, n := range []int{0, 5, 40} {
			b.Run(fmt.Sprintf("%s/%d events", cat, n), func(b *testing.B) {
				run := &batchRun{g: &Gate{}, law: &law{book: book}, now: now}
				p := &part{job: &job{party: &registry.Party{GroupID: 3}}, category: cat, signature: &registry.Signature{ID: 4}, shared: &shared{facts: book.NewFacts()}}
				p.facts.String(rulebook.Category, string(cat))
				r := &recipient{phone: [16]byte{1}}
				run.facts = people{
					recent: map[[16]byte][]sms.RecipientEvent{}, suppressed: map[[16]byte][]consent.Suppression{},
					counts: CountAt(book, now),
					grants: map[secretKey][]consent.Grant{{r.phone, 3}: {{Purpose: sms.MKT, Grade: consent.DoubleOptIn}}},
				}
				for i := range n { // of another group, spread over the last six hours: nothing stands against the message
					run.facts.recent[r.phone] = append(run.facts.recent[r.phone], sms.RecipientEvent{
						MessageID: sms.ID(i + 1), At: now.Add(-time.Duration(i+1) * 9 * time.Minute).UnixMilli(), GroupID: 7, SignatureID: 8, Category: sms.Notice,
					})
				}
				view := &carrierView{}
				b.ReportAllocs()
				for b.Loop() {
					if found, _, _ := run.verdict(p, r, view); found != nil {
						b.Fatal(found)
					}
				}
			})
		}
	}
}
