package registry_test

import (
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// LIC-05: a party contracts with who stands above it, past agents that only refer; a contract counts
// as it is approved, and not before.
func TestContractIsWithThePrincipal(t *testing.T) {
	for name, c := range map[string]struct {
		mode, state string
		with        sms.ID
		holds       bool
	}{
		"the operator, past an agent that refers": {registry.Referral, registry.Active, 1, true},
		"the agent that refers":                   {registry.Referral, registry.Active, 2, false},
		"a licensed agent":                        {registry.Licensed, registry.Active, 2, true},
		"the operator, past a licensed agent":     {registry.Licensed, registry.Active, 1, false},
		"one that waits":                          {registry.Licensed, registry.Pending, 2, false},
		"one that was rejected":                   {registry.Licensed, registry.Rejected, 2, false},
	} {
		snap, err := registry.NewSnapshot(1, registry.Tables{
			Parties: []registry.Party{
				{ID: 1, Kind: registry.Operator}, {ID: 2, Kind: registry.Agent, ParentID: 1, AgentMode: c.mode}, {ID: 3, Kind: registry.Customer, ParentID: 2},
			},
			Contracts: []registry.Contract{{ID: 9, PartyID: 3, CounterpartyID: c.with, State: c.state}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := snap.ValidContract(snap.Party[3], 1); (got != nil) != c.holds {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
