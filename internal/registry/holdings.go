package registry

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// LicencesOf lists a party's licences, also those that do not hold, oldest first.
func (s *Snapshot) LicencesOf(party sms.ID) []*Licence { return s.licences[party] }

// ContractsOf lists a party's contracts, also those that do not hold, oldest first.
func (s *Snapshot) ContractsOf(party sms.ID) []*Contract { return s.contracts[party] }

// AccessCodesOf lists the access codes that a party holds, in every state, oldest first.
func (s *Snapshot) AccessCodesOf(party sms.ID) []*AccessCode {
	return of(s.AccessCode, func(c *AccessCode) bool { return c.PartyID == party })
}

// AccessCodeElsewhere counts other access codes in use, or stopped, with a carrier's number.
func (s *Snapshot) AccessCodeElsewhere(c *AccessCode) int {
	return len(of(s.AccessCode, func(x *AccessCode) bool {
		return x.ID != c.ID && x.Carrier == c.Carrier && x.Code == c.Code && (x.State == Active || x.State == Frozen)
	}))
}

// Binding finds a sub-code's binding in any state, or nil.
func (s *Snapshot) Binding(id sms.ID) *Subcode { return s.bindings[id] }

// BindingsOf lists a party's bindings in every state, oldest first.
func (s *Snapshot) BindingsOf(party sms.ID) []*Subcode {
	return of(s.bindings, func(c *Subcode) bool { return c.PartyID == party })
}

// LettersOf lists the letters of authorisation for a party's signatures, in every state, oldest
// first.
func (s *Snapshot) LettersOf(party sms.ID) (out []*Authorisation) {
	for _, list := range s.authorised {
		if x := s.Signature[list[0].SignatureID]; x != nil && x.PartyID == party {
			out = append(out, list...)
		}
	}
	slices.SortFunc(out, func(a, b *Authorisation) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// Letter finds a letter of authorisation in any state, or nil.
func (s *Snapshot) Letter(id sms.ID) *Authorisation {
	for _, list := range s.authorised {
		for _, a := range list {
			if a.ID == id {
				return a
			}
		}
	}
	return nil
}

// of lists some of a table, oldest first.
func of[T any](table map[sms.ID]*T, keep func(*T) bool) (out []*T) {
	for _, id := range slices.Sorted(maps.Keys(table)) {
		if keep(table[id]) {
			out = append(out, table[id])
		}
	}
	return out
}

// PricesOf lists what an account pays, now, before and later.
func (s *Snapshot) PricesOf(account sms.ID) (list []Price) {
	for k, prices := range s.prices {
		if k.account == account {
			list = append(list, prices...)
		}
	}
	return list
}

// AllKeys lists all API keys, in no order.
func (s *Snapshot) AllKeys() []*APIKey { return slices.Collect(maps.Values(s.keys)) }

// AllLogins lists the protocol logins of all protocols, in no order.
func (s *Snapshot) AllLogins() []*SPAccount { return slices.Collect(maps.Values(s.logins)) }

// May tells whether a key has a scope.
func (k *APIKey) May(scope string) bool { return contains(k.Scopes, scope) }
