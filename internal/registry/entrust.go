package registry

import "github.com/zhunxin/zhunxin/internal/sms"

// Entrusted tells whether a party's contract with the one above it lets the processing of its
// recipients' data be passed on to everybody who gets them by a channel: the channel's upstream,
// and agents in the chain with whom it has no contract. ends is when that contract does. What
// the operator sends for itself it entrusts itself. PIPL Art. 21.
func (s *Snapshot) Entrusted(p *Party, upstream sms.ID, at int64) (ok bool, ends int64) {
	var others []sms.ID
	if upstream != 0 {
		others = append(others, upstream)
	}
	for _, x := range s.Chain(p.ID)[1:] {
		if x.Kind == Agent && x.ID != p.ParentID {
			others = append(others, x.ID)
		}
	}
	if len(others) == 0 || p.Kind == Operator {
		return true, 0
	}
	c := s.ValidContract(p, at)
	if c == nil {
		return false, 0
	}
	for _, id := range others {
		if !contains(c.Subprocessors, id.String()) {
			return false, 0
		}
	}
	return true, c.To
}
