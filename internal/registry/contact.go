package registry

import (
	"cmp"
	"encoding/csv"
	"io"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Kinds of contacts that are filed.
const (
	Link      = "link"
	Telephone = "telephone"
)

// ContactFiling 引流信息报备 is the state of a link or telephone of a party's texts at one
// carrier (TPL-12).
type ContactFiling struct {
	ID        sms.ID      `db:"id" json:"id,omitempty"`
	PartyID   sms.ID      `db:"party_id" json:"party_id"`
	Carrier   sms.Carrier `db:"carrier" json:"carrier" enum:"mobile,unicom,telecom,broadnet,international"`
	Kind      string      `db:"kind" json:"kind" enum:"link,telephone"`
	Value     string      `db:"value" json:"value" minLength:"4" maxLength:"200" doc:"of a link its host, which stands for those below it, or host and beginning of its path; of a telephone its digits"`
	State     string      `db:"state" json:"state" enum:"draft,submitted,approved,rejected,revoked"`
	Reference string      `db:"reference" json:"reference,omitempty" maxLength:"100" doc:"the carrier's own"`
	Reason    string      `db:"reason" json:"reason,omitempty" enum:",name_mismatch,documents_missing,documents_expired,authorisation,mark_mismatch,not_unique,entity_type,content,port,stale,complaints,other" doc:"why it was rejected or revoked"`
	Note      string      `db:"note" json:"note,omitempty" maxLength:"200"`
	Period
	Batch       sms.ID `db:"batch" json:"batch,omitempty" doc:"the sheet by which it was submitted"`
	SubmittedBy sms.ID `db:"submitted_by" json:"submitted_by,omitempty" doc:"of the staff"`
	SubmittedAt int64  `db:"submitted_at" json:"submitted_at,omitempty"`
	AnsweredBy  sms.ID `db:"answered_by" json:"answered_by,omitempty" doc:"who of the staff wrote the carrier's answer down"`
	UpdatedAt   int64  `db:"updated_at" json:"updated_at,omitempty"`
}

// Move takes a step as a signature's filing does.
func (f *ContactFiling) Move(m FilingMove) error {
	step := Filing{
		State: f.State, Reference: f.Reference, Reason: f.Reason, Period: f.Period, Batch: f.Batch,
		SubmittedBy: f.SubmittedBy, SubmittedAt: f.SubmittedAt, AnsweredBy: f.AnsweredBy,
	}
	if err := step.Move(m); err != nil {
		return err
	}
	f.State, f.Reference, f.Reason, f.Note, f.Period, f.Batch = step.State, step.Reference, step.Reason, step.Note, step.Period, step.Batch
	f.SubmittedBy, f.SubmittedAt, f.AnsweredBy, f.UpdatedAt = step.SubmittedBy, step.SubmittedAt, step.AnsweredBy, step.UpdatedAt
	return nil
}

// Normalise writes the value as texts are searched for it: it must read as one contact of its
// kind and nothing else.
func (f *ContactFiling) Normalise() error {
	text := "电话" + f.Value // a 95 number is a telephone only where it is called so
	if f.Kind == Link {
		text = "https://" + strings.TrimPrefix(strings.TrimPrefix(f.Value, "https://"), "http://")
	}
	t, marks := lexicon.Read(text, lexicon.Fold(text))
	switch {
	case len(marks) != 1 || marks[0].Link != (f.Kind == Link) || marks[0].To != len(text) || t.Private > 0:
		return sms.Errorf(sms.BadRequest, "body.value", "it does not read as one %s: write a host such as www.example.com, with or without the beginning of a path, or the digits of a landline, 400 or 95 number", f.Kind)
	case f.Kind == Link && !strings.Contains(marks[0].Value, "."):
		return sms.Errorf(sms.BadRequest, "body.value", "a host has a dot")
	}
	f.Value = strings.TrimRight(marks[0].Value, "/")
	return nil
}

// covers tells whether the filing is of a contact as it stands in a text. A host stands for
// those below it, the beginning of a path for what goes on after a stroke.
func (f *ContactFiling) covers(value string) bool {
	if f.Kind == Telephone {
		return f.Value == value
	}
	host, path := cutHost(value)
	filed, begins := cutHost(f.Value)
	if begins == "" {
		return host == filed || strings.HasSuffix(host, "."+filed)
	}
	rest, ok := strings.CutPrefix(path, begins)
	return host == filed && ok && (rest == "" || strings.ContainsAny(rest[:1], "/?#"))
}

func cutHost(value string) (host, path string) {
	if i := strings.IndexAny(value, "/?#"); i >= 0 {
		return value[:i], value[i:]
	}
	return value, ""
}

type contactKey struct {
	party   sms.ID
	carrier sms.Carrier
}

// Contact is an approved filing at a carrier of a link or telephone as it stands in a text of
// a party, the one that holds longest, or nil.
func (s *Snapshot) Contact(party sms.ID, c sms.Carrier, m *lexicon.Mark, at int64) *ContactFiling {
	var best *ContactFiling
	for _, f := range s.contacts[contactKey{party, c}] {
		if f.State == Approved && m.Link == (f.Kind == Link) && f.Holds(at) && f.covers(m.Value) && (best == nil || best.To != 0 && (f.To == 0 || f.To > best.To)) {
			best = f
		}
	}
	return best
}

// ContactByID finds a filing of a contact, or nil.
func (s *Snapshot) ContactByID(id sms.ID) *ContactFiling {
	for _, list := range s.contacts {
		for _, f := range list {
			if f.ID == id {
				return f
			}
		}
	}
	return nil
}

// ContactsOf lists a party's filings of contacts, oldest first.
func (s *Snapshot) ContactsOf(party sms.ID) []*ContactFiling {
	return s.contactsBy(func(k contactKey, _ *ContactFiling) bool { return k.party == party })
}

// ContactSheet lists the contacts that are to be filed with a carrier, or those that were as a
// batch.
func (s *Snapshot) ContactSheet(c sms.Carrier, batch sms.ID) []*ContactFiling {
	list := s.contactsBy(func(k contactKey, f *ContactFiling) bool {
		return k.carrier == c && (batch == 0 && f.State == Draft || batch != 0 && f.Batch == batch)
	})
	return list[:min(len(list), MaxSheetSignatures)]
}

func (s *Snapshot) contactsBy(keep func(contactKey, *ContactFiling) bool) (out []*ContactFiling) {
	for k, list := range s.contacts {
		for _, f := range list {
			if keep(k, f) {
				out = append(out, f)
			}
		}
	}
	slices.SortFunc(out, func(a, b *ContactFiling) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

var contactColumns = []string{"报备编号 reference", "主体名称 party", "统一社会信用代码 uscc", "类型 kind", "内容 value"}

// WriteContactSheet writes filings of contacts as WriteSheet does those of signatures.
func (s *Snapshot) WriteContactSheet(w io.Writer, batch sms.ID, list []*ContactFiling) error {
	if _, err := io.WriteString(w, "\ufeff"); err != nil {
		return err
	}
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(contactColumns); err != nil {
		return err
	}
	words := map[string]string{Link: "链接", Telephone: "电话"}
	for _, f := range list {
		p := s.Party[f.PartyID]
		cells := []string{Reference(batch, f.ID), p.Name, p.USCC, words[f.Kind], f.Value}
		for i := range cells {
			cells[i] = plainCell(cells[i])
		}
		if err := out.Write(cells); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
