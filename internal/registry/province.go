package registry

import (
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Takes tells whether the channel takes numbers of a province. One that is for some provinces
// takes no number whose province is not known.
func (c *Channel) Takes(p sms.Province) bool {
	return c.Provinces == "" || p != "" && contains(c.Provinces, string(p))
}

// classes puts provinces together that no channel tells apart.
type classes [32]uint8

func (c *classes) index(channels []*Channel) {
	var known []string
	for i := range c {
		taken := make([]byte, 0, len(channels))
		for _, ch := range channels {
			if ch.Provinces == "" {
				continue
			}
			if ch.Takes(sms.ProvinceAt(i)) {
				taken = append(taken, '1')
			} else {
				taken = append(taken, '0')
			}
		}
		at := 0
		for at < len(known) && known[at] != string(taken) {
			at++
		}
		if at == len(known) {
			known = append(known, string(taken))
		}
		c[i] = uint8(at)
	}
}

// Class numbers the provinces that channels tell apart; all of them are 0 where no channel is
// for some provinces only.
func (s *Snapshot) Class(p sms.Province) uint8 { return s.classes[p.Index()] }

// Coverage is where all those may operate by whose licences the messages of a party go out:
// the operator and the agents that resell. What can't be read covers nothing.
func (s *Snapshot) Coverage(party sms.ID, at int64) sms.Coverage {
	all := sms.Nationwide
	for _, x := range s.Chain(party) {
		if x.Kind != Operator && (x.Kind != Agent || x.AgentMode != Licensed) {
			continue
		}
		var own sms.Coverage
		if l := s.ValidLicence(x, Business, at); l != nil {
			own, _ = sms.ParseCoverage(l.Provinces)
		}
		all &= own
	}
	return all
}

// Covered counts the provinces that the licence covers.
func (l *Licence) Covered() int64 {
	c, _ := sms.ParseCoverage(l.Provinces) // what can't be read covers nothing
	return int64(c.Count())
}
