package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

type secretKey struct {
	phone [16]byte
	group sms.ID
}

// people are the recipient facts of a whole batch, read after the locks.
type people struct {
	ported     map[[16]byte]sms.Carrier
	secrets    map[secretKey]vault.Secret
	grants     map[secretKey][]consent.Grant
	requests   map[secretKey]*consent.Request
	suppressed map[[16]byte][]consent.Suppression
	recent     map[[16]byte][]sms.RecipientEvent
	origins    map[[16]byte][]sms.OriginEvent
	counts     Counts
	oldChains  map[sms.ID][]ledger.Line
}

func (f *people) read(ctx context.Context, b *batchRun, live []int) error {
	*f = people{
		ported: map[[16]byte]sms.Carrier{}, secrets: map[secretKey]vault.Secret{}, grants: map[secretKey][]consent.Grant{},
		requests: map[secretKey]*consent.Request{}, suppressed: map[[16]byte][]consent.Suppression{}, recent: map[[16]byte][]sms.RecipientEvent{}, oldChains: map[sms.ID][]ledger.Line{},
		counts: CountAt(b.law.book, b.now),
	}
	var phones [][16]byte
	byGroup := map[sms.ID][]*job{}
	for _, i := range live {
		j := b.jobs[i]
		phones = append(phones, j.phones...)
		byGroup[j.party.GroupID] = append(byGroup[j.party.GroupID], j)
		for _, m := range j.redo {
			if err := f.readOld(ctx, b.tx, m); err != nil {
				return err
			}
		}
	}
	if err := b.tx.Ported(ctx, phones, func(id [16]byte, c sms.Carrier) { f.ported[id] = c }); err != nil {
		return err
	}
	if err := b.tx.Suppressions(ctx, phones, func(s consent.Suppression) { f.suppressed[s.PhoneID] = append(f.suppressed[s.PhoneID], s) }); err != nil {
		return err
	}
	since := b.now.Add(-b.law.book.Longest()).UnixMilli()
	if err := b.tx.Recent(ctx, phones, since, func(e sms.RecipientEvent) { f.recent[e.PhoneID] = append(f.recent[e.PhoneID], e) }); err != nil {
		return err
	}
	if err := f.readOrigins(ctx, b, live); err != nil {
		return err
	}
	for group, jobs := range byGroup {
		if err := f.readGroup(ctx, b, group, jobs); err != nil {
			return err
		}
	}
	return nil
}

func (f *people) readGroup(ctx context.Context, b *batchRun, group sms.ID, jobs []*job) error {
	var unsealed, marketed, asked [][16]byte
	for _, j := range jobs {
		for _, p := range j.parts {
			for i := range p.recipients {
				r := &p.recipients[i]
				switch {
				case p.category.Commercial():
					marketed = append(marketed, r.phone)
				case p.template != nil && p.template.Version.AsksSeparately():
					marketed = append(marketed, r.phone)
				case p.category == sms.Consent:
					marketed, asked = append(marketed, r.phone), append(asked, r.phone)
				}
				if r.sealed == nil || r.sealed.fresh {
					unsealed = append(unsealed, r.phone)
				}
			}
		}
	}
	if err := b.tx.Grants(ctx, group, marketed, func(g consent.Grant) {
		k := secretKey{g.PhoneID, group}
		f.grants[k] = append(f.grants[k], g)
	}); err != nil {
		return err
	}
	if err := b.tx.ConsentRequests(ctx, group, asked, func(x consent.Request) { f.requests[secretKey{x.PhoneID, group}] = &x }); err != nil {
		return err
	}
	// What was sealed ahead is good while the generation stands, for an erasure moves
	// it; but a person who was new then may have been stored since.
	if err := b.g.readSecrets(ctx, b.tx, group, unsealed, f.secrets); err != nil {
		return err
	}
	var fresh []sms.Person
	for _, j := range jobs {
		for _, p := range j.parts {
			for i := range p.recipients {
				r := &p.recipients[i]
				if r.sealed != nil && !r.sealed.fresh {
					continue
				}
				k := secretKey{r.phone, group}
				s, stored := f.secrets[k]
				switch {
				case !stored && r.sealed != nil:
					s = r.sealed.secret
				case !stored:
					s = b.g.keys.NewSecret()
				}
				if r.sealed != nil && r.sealed.secret != s {
					r.sealed = nil
				}
				if stored {
					continue
				}
				f.secrets[k] = s
				fresh = append(fresh, sms.Person{
					PhoneID: r.phone, GroupID: group,
					Number: b.g.keys.Seal(vault.PurposeNumber, []byte(r.Number.Reveal())), Secret: b.g.keys.SealSecret(s),
				})
			}
		}
	}
	return b.tx.InsertPeople(ctx, b.now.UnixMilli(), fresh)
}

// readOld finds the prices at which a message that is decided anew was held.
func (f *people) readOld(ctx context.Context, tx Tx, m *sms.Message) error {
	d, err := tx.Decision(ctx, m.DecisionID)
	if err != nil {
		return fmt.Errorf("decision of message %d: %w", m.ID, err)
	}
	p, err := PermitOf(&d, m.Carrier)
	if err != nil {
		return err
	}
	f.oldChains[m.ID] = p.Chain
	return nil
}

// PermitOf reads what a decision permits for a carrier.
func PermitOf(d *sms.Decision, c sms.Carrier) (*Permit, error) {
	var all map[sms.Carrier]*Permit
	if err := json.Unmarshal(d.Permit, &all); err != nil {
		return nil, fmt.Errorf("permit of decision %d: %w", d.ID, err)
	}
	if all[c] == nil {
		return &Permit{}, nil
	}
	return all[c], nil
}

// fill sets the recipient's facts and returns the consent that was relied on, and when the first
// of those ends by itself.
func (f *people) fill(facts *rulebook.Facts, keys *vault.Keys, p *part, r *recipient, now time.Time) (grant *consent.Grant, ends int64) {
	at, group := now.UnixMilli(), p.job.party.GroupID
	covers := false
	if p.category.Commercial() {
		all, refused := f.grants[secretKey{r.phone, group}], consent.Lifted(f.suppressed[r.phone], group)
		grant = consent.Best(all, p.category, p.kind(), at, refused)
		if covers = grant != nil; !covers {
			grant = consent.Best(all, p.category, "", at, refused)
		}
	}
	facts.Bool(rulebook.ConsentCovers, covers || grant == nil)
	var separate *consent.Grant
	asks := p.template != nil && p.template.Version.AsksSeparately()
	if asks {
		separate = consent.Separate(f.grants[secretKey{r.phone, group}], p.category, p.template.Version.Classes(), at, consent.Lifted(f.suppressed[r.phone], group))
	}
	facts.Bool(rulebook.ConsentSeparate, !asks || separate != nil)
	facts.String(rulebook.RecipientProvince, string(r.province))
	facts.Bool(rulebook.RecipientPlaced, r.province != "" || !r.Number.Mainland())
	facts.Bool(rulebook.RecipientCovered, p.coverage.Covers(r.province) || !r.Number.Mainland())
	facts.Bool(rulebook.ConsentValid, grant != nil)
	grade, perWeek := 0, 0
	if grant != nil {
		grade, perWeek = int(grant.Grade), grant.PerWeek
	}
	facts.Int(rulebook.ConsentGrade, grade)
	facts.Int(rulebook.ConsentPerWeek, perWeek)
	facts.Bool(rulebook.ConsentSuspended, grant == nil && p.category.Commercial() && consent.Suspended(f.grants[secretKey{r.phone, group}], p.category, at))
	marketing, category := false, false
	for i := range f.suppressed[r.phone] {
		s := &f.suppressed[r.phone][i]
		marketing = marketing || s.Against(group, sms.MKT)
		category = category || s.Against(group, p.category)
	}
	facts.Bool(rulebook.SuppressionMarketing, marketing)
	facts.Bool(rulebook.SuppressionCategory, category)
	subject := Subject{Group: group, Category: p.category, Content: &p.content}
	if r.old != nil {
		subject.Message = r.old.ID
	}
	key := secretKey{r.phone, group}
	facts.Bool(rulebook.ConsentAsked, consent.Asked(f.requests[key], f.grants[key], subject.Message))
	if p.signature != nil {
		subject.Signature = p.signature.ID
	}
	if p.template != nil {
		subject.Template = p.template.Template.ID
	}
	f.counts.Fill(facts, &subject, f.recent[r.phone])
	f.fillOrigin(facts, &p.job.call.Origin, keys, r.phone, now)
	if separate != nil {
		ends = separate.ValidTo
	}
	if grant == nil {
		return separate, ends
	}
	return grant, sooner(ends, grant.ValidTo)
}
