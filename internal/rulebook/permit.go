package rulebook

import (
	"maps"
	"slices"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Trades are trades that need a permit, with what it is called.
type Trades map[string]Both

// Names lists them.
func (t Trades) Names() []string { return slices.Sorted(maps.Keys(t)) }

// PermitTrades are the trades of the packs' lexicons that need a permit (CNT-09).
func (b *Book) PermitTrades() Trades { return b.permits }

// Permits sets of how many trades the text speaks that need a permit which the sender does not
// hold: holds is asked once for each.
func (f *Facts) Permits(holds func(trade string) bool) {
	f.unpermitted = slices.DeleteFunc(f.book.permitted(f.hits), holds)
	f.Int(PermitMissing, len(f.unpermitted))
}

// permitted lists the trades that need a permit of which words are, each once.
func (b *Book) permitted(hits []lexicon.Hit) (out []string) {
	for i := range hits {
		trade := b.lexicons[hits[i].List].Industry
		if _, needs := b.permits[trade]; needs && !slices.Contains(out, trade) {
			out = append(out, trade)
		}
	}
	return out
}

// lacksPermit tells whether a word is of a trade whose permit the sender does not hold.
func (f *Facts) lacksPermit(h *lexicon.Hit) bool {
	return len(f.unpermitted) > 0 && slices.Contains(f.unpermitted, f.book.lexicons[h.List].Industry)
}

// TradesOf lists the trades that need a permit of which a wording speaks: of marketing, because
// only that offers them.
func (b *Book) TradesOf(c *TemplateClaim) []string {
	if c.Category != sms.MKT {
		return nil
	}
	return b.permitted(b.Words(c.Sample, lexicon.Fold(c.Sample)))
}

// Reviewers is how many reviewers what was found asks for.
func Reviewers(found []Finding) int {
	most := 1
	for i := range found {
		most = max(most, found[i].Reviewers)
	}
	return most
}
