package registry

import (
	"maps"
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

// AllKeys lists all API keys, in no order.
func (s *Snapshot) AllKeys() []*APIKey { return slices.Collect(maps.Values(s.keys)) }

// AllLogins lists the protocol logins of all protocols, in no order.
func (s *Snapshot) AllLogins() []*SPAccount { return slices.Collect(maps.Values(s.logins)) }

// May tells whether a key has a scope.
func (k *APIKey) May(scope string) bool { return contains(k.Scopes, scope) }
