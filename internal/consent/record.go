package consent

import (
	"encoding/hex"
	"strings"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Kinds of evidence records.
const (
	KindGrant   = "consent"
	KindRefusal = "optout"
)

// GrantRecord is a consent as evidence. The phone stands as its keyed id, which
// only the holder of the index key can connect with a number.
func GrantRecord(g *Grant) leaf.Record {
	return leaf.New(KindGrant, int64(g.ID), g.ValidFrom,
		leaf.Int("grade", int64(g.Grade)),
		leaf.Int("group", int64(g.GroupID)),
		leaf.Str("method", g.Method),
		leaf.Int("per_week", int64(g.PerWeek)),
		leaf.Str("phone_id", hex.EncodeToString(g.PhoneID[:])),
		leaf.Hash("proof", g.ProofHash),
		leaf.Str("purpose", string(g.Purpose)),
		leaf.Str("source", g.Source),
		leaf.Int("valid_to", g.ValidTo),
		leaf.Str("wording", g.Wording),
	)
}

// RefusalRecord is an opt-out as evidence.
func RefusalRecord(s *Suppression) leaf.Record {
	return leaf.New(KindRefusal, int64(s.ID), s.CreatedAt,
		leaf.Int("group", int64(s.GroupID)),
		leaf.Str("in_flight", s.InFlight),
		leaf.Str("phone_id", hex.EncodeToString(s.PhoneID[:])),
		leaf.Str("reference", s.Reference),
		leaf.Str("scope", s.Scope),
		leaf.Str("source", s.Source),
	)
}

// JoinIDs writes ids with commas between them.
func JoinIDs(ids []sms.ID) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return strings.Join(out, ",")
}
