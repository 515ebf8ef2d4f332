package registry

import (
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Measures lists what was done about a party, oldest first, lifted ones too.
func (s *Snapshot) Measures(party sms.ID) []*Measure { return s.measures[party] }

// Severity is that of the strongest measure in force on a party, above it, or on what it sends
// with: ids of a signature and a template.
func (s *Snapshot) Severity(party sms.ID, with ...sms.ID) (worst int) {
	for _, p := range s.Chain(party) {
		for _, m := range s.measures[p.ID] {
			if m.Object == OfParty || m.Object != OfChannel && slices.Contains(with, m.ObjectID) {
				worst = max(worst, m.Severity())
			}
		}
	}
	return worst
}

// ChannelSeverity is that of the strongest measure in force on a channel.
func (s *Snapshot) ChannelSeverity(channel sms.ID) (worst int) {
	for _, m := range s.onChannels[channel] {
		worst = max(worst, m.Severity())
	}
	return worst
}

// SlowDowns lists the slow-downs in force, of parties, signatures and templates.
func (s *Snapshot) SlowDowns() []*Measure {
	var out []*Measure
	for _, list := range s.measures {
		for _, m := range list {
			if m.Kind == Slowed && m.LiftedAt == 0 && m.Object != OfChannel {
				out = append(out, m)
			}
		}
	}
	return out
}

// Reaches tells whether a measure reaches a message of an account with a signature and a
// template.
func (s *Snapshot) Reaches(m *Measure, account, signature, template sms.ID) bool {
	switch m.Object {
	case OfSignature:
		return m.ObjectID == signature
	case OfTemplate:
		return m.ObjectID == template
	}
	a := s.Account[account]
	return a != nil && slices.ContainsFunc(s.Chain(a.PartyID), func(p *Party) bool { return p.ID == m.PartyID })
}

// Operator is the operator's party, or nil before there is one.
func (s *Snapshot) Operator() *Party {
	for _, p := range s.Party {
		if p.Kind == Operator {
			return p
		}
	}
	return nil
}
