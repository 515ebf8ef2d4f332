package gate

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// approval is what stood against a message when a reviewer let it pass. His word counts for
// that alone: what is found besides, or otherwise, is held for a reviewer again.
type approval struct {
	seen map[string]bool // findings, as a decision stores them
	rule string          // the first against it; of one about the recipient no decision stores more
}

// covers tells whether all that would hold a message is what the reviewer saw.
func (a *approval) covers(findings []rulebook.Finding) bool {
	held := false
	for i := range findings {
		if findings[i].Outcome != rulebook.Hold {
			continue
		}
		held = true
		b, err := json.Marshal(&findings[i])
		if err != nil || !a.seen[string(b)] && findings[i].Rule != a.rule {
			return false
		}
	}
	return held
}

// approvals reads what reviewers said of messages that are decided anew: of those whose present
// decision counts with it. What can't be read was not said.
func (g *Gate) approvals(ctx context.Context, tx Tx, list []*sms.Message) (map[sms.ID]*approval, error) {
	ids, approved := make([]sms.ID, len(list)), map[sms.ID]bool{}
	for i, m := range list {
		ids[i] = m.DecisionID
	}
	slices.Sort(ids)
	err := tx.Decisions(ctx, slices.Compact(ids), func(d sms.Decision) {
		var facts struct {
			Approved bool `json:"review.approved"`
		}
		if err := json.Unmarshal(d.Facts, &facts); err != nil {
			g.cfg.Logger.Error("the facts of a decision can't be read", "decision", d.ID, "err", err)
		}
		approved[d.ID] = facts.Approved
	})
	out := map[sms.ID]*approval{}
	for _, m := range list {
		if err == nil && approved[m.DecisionID] {
			out[m.ID], err = g.approvalOf(ctx, tx, m)
		}
	}
	return out, err
}

// approvalOf reads what held a message last; nil when nothing did, as with a text that was
// approved for a whole campaign.
func (g *Gate) approvalOf(ctx context.Context, tx Tx, m *sms.Message) (*approval, error) {
	past, err := tx.PastDecisions(ctx, m)
	if err != nil {
		return nil, err
	}
	i := len(past) - 1
	for i >= 0 && past[i].Decided != sms.Held {
		i--
	}
	if i < 0 {
		return nil, nil
	}
	d, err := tx.Decision(ctx, past[i].DecisionID)
	if err != nil {
		return nil, err
	}
	var findings []rulebook.Finding
	if err := json.Unmarshal(d.Findings, &findings); err != nil {
		g.cfg.Logger.Error("the findings of a decision can't be read", "decision", d.ID, "err", err)
		return nil, nil
	}
	a := &approval{seen: map[string]bool{}, rule: past[i].Rule}
	for k := range findings {
		if findings[k].Rule == a.rule {
			a.rule = ""
		}
		b, err := json.Marshal(&findings[k])
		if err != nil {
			return nil, err
		}
		a.seen[string(b)] = true
	}
	return a, nil
}

// stillApproved tells whether a reviewer's word covers all that holds a message now, by the
// facts and rules of this moment. It is one fact and overrides no other rule, as when it was said.
func (b *batchRun) stillApproved(j *job) bool {
	j.review = false
	for _, p := range j.parts {
		p.shared = &shared{job: j, carriers: map[sms.Carrier]*carrierView{}}
		b.g.sharedFacts(p, b.now)
		p.findings, _ = b.law.book.Evaluate(rulebook.StageShared, p.facts, b.now)
		for k := range p.recipients {
			r := &p.recipients[k]
			if findings, _, _ := b.verdict(p, r, b.view(p, b.network(r))); !j.approved.covers(findings) {
				return false
			}
		}
	}
	return true
}

// network finds whose network a recipient's number is in now.
func (b *batchRun) network(r *recipient) sms.Carrier {
	if r.carrier = r.prefix; len(b.facts.ported) > 0 {
		r.carrier = cmp.Or(b.facts.ported[r.phone], r.prefix)
	}
	return r.carrier
}
