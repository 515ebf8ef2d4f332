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

// Grant's record: the phone stands as its keyed id, which only the holder of the
// index key can connect with a number.
func GrantRecord(g *Grant) [32]byte { return grantRecord(g).Hash() }

// GrantFields is the record itself, for a pack.
func GrantFields(g *Grant) leaf.Record { return grantRecord(g) }

func grantRecord(g *Grant) leaf.Record {
	return leaf.New(KindGrant, int64(g.ID), g.ValidFrom,
		leaf.Int("grade", int64(g.Grade)),
		leaf.Int("group", int64(g.GroupID)),
		leaf.Str("method", g.Method),
		leaf.Int("per_day", int64(g.PerDay)),
		leaf.Str("phone_id", hex.EncodeToString(g.PhoneID[:])),
		leaf.Str("proof", hex.EncodeToString(g.ProofHash[:])),
		leaf.Str("purpose", string(g.Purpose)),
		leaf.Str("source", g.Source),
		leaf.Int("valid_to", g.ValidTo),
		leaf.Str("wording", g.Wording),
	)
}

// RefusalRecord is the hash of an opt-out's record.
func RefusalRecord(s *Suppression, inFlight []sms.ID) [32]byte {
	return RefusalFields(s, inFlight).Hash()
}

// RefusalFields names the messages that were already being submitted.
func RefusalFields(s *Suppression, inFlight []sms.ID) leaf.Record {
	ids := make([]string, len(inFlight))
	for i, id := range inFlight {
		ids[i] = id.String()
	}
	return leaf.New(KindRefusal, int64(s.ID), s.CreatedAt,
		leaf.Int("group", int64(s.GroupID)),
		leaf.Str("in_flight", strings.Join(ids, ",")),
		leaf.Str("phone_id", hex.EncodeToString(s.PhoneID[:])),
		leaf.Str("reference", s.Reference),
		leaf.Str("scope", s.Scope),
		leaf.Str("source", s.Source),
	)
}
