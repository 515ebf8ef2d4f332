package consent

import (
	"encoding/hex"
	"strings"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Kinds of evidence records.
const (
	KindGrant      = "consent"
	KindRefusal    = "optout"
	KindWording    = "wording"
	KindLift       = "optout-lifted"
	KindVacant     = "number-vacant"
	KindImport     = "consent-import"
	KindServed     = "consent-page"
	KindReply      = "consent-reply"
	KindCorrection = "consent-correction"
	KindWithdrawal = "consent-withdrawn"
)

// GrantRecord is a consent as evidence. The phone stands as its keyed id, which
// only the holder of the index key can connect with a number.
func GrantRecord(g *Grant) leaf.Record {
	return leaf.New(KindGrant, int64(g.ID), g.ValidFrom,
		leaf.Str("claims", g.Claims),
		leaf.Int("grade", int64(g.Grade)),
		leaf.Int("group", int64(g.GroupID)),
		leaf.Str("method", g.Method),
		leaf.Int("per_week", int64(g.PerWeek)),
		leaf.Str("phone_id", hex.EncodeToString(g.PhoneID[:])),
		leaf.Hash("proof", g.ProofHash),
		leaf.Str("purpose", string(g.Purpose)),
		leaf.Str("source", g.Source),
		leaf.Hash("text", g.TextHash),
		leaf.Int("valid_to", g.ValidTo),
		leaf.Str("wording", g.Wording),
	)
}

// WordingRecord is what people are asked to agree to, as evidence.
func WordingRecord(w *Wording, at int64) leaf.Record {
	return leaf.New(KindWording, int64(w.ID), at,
		leaf.Int("days", int64(w.Days)),
		leaf.Int("group", int64(w.GroupID)),
		leaf.Str("kinds", w.Kinds),
		leaf.Str("notice", w.Notice),
		leaf.Str("notice_version", w.NoticeVersion),
		leaf.Int("party", int64(w.PartyID)),
		leaf.Int("per_week", int64(w.PerWeek)),
		leaf.Str("purpose", string(w.Purpose)),
		leaf.Int("since", w.Since),
		leaf.Hash("text", w.Hash()),
		leaf.Str("types", w.Types),
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

// LiftRecord says which later consent ended a refusal (OPT-05).
func LiftRecord(refusal sms.ID, by *Grant, at int64) leaf.Record {
	return leaf.New(KindLift, int64(refusal), at,
		leaf.Int("consent", int64(by.ID)),
		leaf.Int("grade", int64(by.Grade)),
		leaf.Int("group", int64(by.GroupID)),
	)
}

// VacantRecord says that consents of a message's recipient were suspended, because its
// report says that the number does not exist (CNS-16).
func VacantRecord(message sms.ID, suspended int, at int64) leaf.Record {
	return leaf.New(KindVacant, int64(message), at, leaf.Int("suspended", int64(suspended)))
}

// JoinIDs writes ids with commas between them.
func JoinIDs(ids []sms.ID) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return strings.Join(out, ",")
}
