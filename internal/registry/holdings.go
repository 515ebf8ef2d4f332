package registry

import (
	"cmp"
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// LicencesOf lists a party's licences, also those that do not hold, oldest first.
func (s *Snapshot) LicencesOf(party sms.ID) []*Licence { return s.licences[party] }

// ContractsOf lists a party's contracts, also those that do not hold, oldest first.
func (s *Snapshot) ContractsOf(party sms.ID) []*Contract { return s.contracts[party] }

// PricesOf lists what an account pays, now, before and later.
func (s *Snapshot) PricesOf(account sms.ID) (list []Price) {
	for k, prices := range s.prices {
		if k.account == account {
			list = append(list, prices...)
		}
	}
	return list
}

// KeysOf lists an application's API keys, oldest first.
func (s *Snapshot) KeysOf(application sms.ID) (list []*APIKey) {
	for _, k := range s.keys {
		if k.ApplicationID == application {
			list = append(list, k)
		}
	}
	slices.SortFunc(list, func(a, b *APIKey) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// LoginsOf lists an application's protocol logins, oldest first.
func (s *Snapshot) LoginsOf(application sms.ID) (list []*SPAccount) {
	for _, a := range s.logins {
		if a.ApplicationID == application {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, func(a, b *SPAccount) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// May tells whether a key has a scope.
func (k *APIKey) May(scope string) bool { return contains(k.Scopes, scope) }
