package consent

import (
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Promotion is the kind of content of marketing and of consents that name none.
const Promotion = "promotion"

// ContentKinds are the kinds of content that consents and templates of marketing name. A new
// purpose needs a new consent: PIPL Art. 14.
var ContentKinds = []string{Promotion, "membership", "event", "finance", "health", "education", "property", "survey"}

// checkKinds tells which kind is none.
func checkKinds(field string, kinds []string) error {
	for _, k := range kinds {
		if !slices.Contains(ContentKinds, k) {
			return sms.Errorf(sms.BadRequest, field, "%.30q is none of %v", k, ContentKinds)
		}
	}
	return nil
}

// claimKinds begins the claim that names kinds; plus signs stand between them.
const claimKinds = "kinds="

// CoversKind tells whether the consent is to a kind of content.
func (g *Grant) CoversKind(kind string) bool {
	for claim := range strings.SplitSeq(g.Claims, ",") {
		if list, ok := strings.CutPrefix(claim, claimKinds); ok {
			return slices.Contains(strings.Split(list, "+"), kind)
		}
	}
	return kind == Promotion
}
