package registry

import (
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Permit 行业许可 lets a party offer what only permitted parties may: loans, insurance,
// medical services … (CNT-09).
type Permit struct {
	ID      sms.ID `db:"id" json:"id,omitempty"`
	PartyID sms.ID `db:"party_id" json:"party_id"`
	Trade   string `db:"trade" json:"trade" minLength:"1" maxLength:"32" doc:"行业: the industry of a lexicon of the rule packs that needs a permit, such as loans or education"`
	Kind    string `db:"kind" json:"kind" minLength:"1" maxLength:"100" doc:"what it is called: 办学许可证, 医疗机构执业许可证 …"`
	Number  string `db:"number" json:"number" minLength:"1" maxLength:"64"`
	Holder  string `db:"holder" json:"holder" minLength:"1" maxLength:"200" doc:"whom it names"`
	Period
	State      string `db:"state" json:"state" enum:"pending,active,revoked"`
	DocumentID sms.ID `db:"document_id" json:"document_id,omitempty" doc:"its scan: the permit ends with it"`
	CreatedAt  int64  `db:"created_at" json:"created_at,omitempty"`
}

// Additions are tables of the registry that stand beside those of the chain of rights.
type Additions struct {
	Permits  []Permit
	Rivals   []Rival
	Contacts []ContactFiling
	Hosts    []LinkHost
	// SegmentTable is the stored table of number segments, 0 when it is the program's own.
	SegmentTable sms.ID
}

// additions are they, indexed.
type additions struct {
	permits  map[sms.ID][]*Permit // by party
	rivals   []Rival
	contacts map[contactKey][]*ContactFiling
	hosts    map[string]*LinkHost
	classes  classes // of provinces

	SegmentTable sms.ID
}

func (t *Additions) index() additions {
	a := additions{permits: group(t.Permits, func(p *Permit) sms.ID { return p.PartyID }), rivals: t.Rivals, contacts: map[contactKey][]*ContactFiling{}, SegmentTable: t.SegmentTable}
	a.hosts = byHost(t.Hosts)
	for i := range t.Contacts {
		f := &t.Contacts[i]
		k := contactKey{f.PartyID, f.Carrier}
		a.contacts[k] = append(a.contacts[k], f)
	}
	return a
}

// Permit is the party's own permit of a trade at the moment, the one that holds longest, or nil.
func (s *Snapshot) Permit(party sms.ID, trade string, at int64) *Permit {
	var best *Permit
	for _, p := range s.permits[party] {
		if p.State == Active && p.Trade == trade && p.Holds(at) && (best == nil || best.To != 0 && (p.To == 0 || p.To > best.To)) {
			best = p
		}
	}
	return best
}

// PermitsOf lists a party's permits, also those that do not hold, oldest first.
func (s *Snapshot) PermitsOf(party sms.ID) []*Permit { return s.permits[party] }

// PermitByID finds a permit, or nil.
func (s *Snapshot) PermitByID(id sms.ID) *Permit {
	for _, list := range s.permits {
		for _, p := range list {
			if p.ID == id {
				return p
			}
		}
	}
	return nil
}

// PermitElsewhere counts other parties that have registered a permit's number for its trade.
func (s *Snapshot) PermitElsewhere(of *Permit) (n int) {
	for party, list := range s.permits {
		if party != of.PartyID && slices.ContainsFunc(list, func(p *Permit) bool { return p.Trade == of.Trade && p.Number == of.Number && p.State != Revoked }) {
			n++
		}
	}
	return n
}
