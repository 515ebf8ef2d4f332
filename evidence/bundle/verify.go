package bundle

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/evidence/leaf"
)

// Options is what the verifier trusts, and what it holds.
type Options struct {
	Key       string   // verifier key of the log
	Seen      string   // an older checkpoint that the holder kept, "" for none
	Witnesses []string // verifier keys of witnesses
	Phone     string   // digits with the country code, "" to leave it unchecked
	Text      string   // the whole text, "" to leave it unchecked
	// Event is a consent event as its signer kept it, nil to leave it unchecked.
	Event *Event
}

// Event is what a customer's server signed of a consent or a withdrawal.
type Event struct {
	Statement string `json:"statement"`
	Signature []byte `json:"signature"`
}

// signed is what a record commits to.
func (e *Event) signed() string {
	if e == nil {
		return ""
	}
	return string(e.Signature) + e.Statement
}

// Report says in plain words what a pack proves and what it only asserts.
type Report struct {
	Subject  Subject
	Origin   string
	Size     int64    // leaves under the checkpoint
	Records  []string // what the records say, in order of time
	Proved   []string // (a) unchanged since a checkpoint
	SeenBy   []string // (b) seen by somebody other than the operator
	Asserted []string // (c) the operator's word only
}

// Verify checks every proof of a pack. Any failure is an error: half a proof is
// none.
func Verify(file []byte, o Options) (*Report, error) {
	key, err := note.NewVerifier(o.Key)
	if err != nil {
		return nil, fmt.Errorf("the log's key: %w", err)
	}
	p, err := Parse(file, key)
	if err != nil {
		return nil, err
	}
	if key.Name() != p.Origin {
		return nil, fmt.Errorf("pack: it is of the log %q and the key of %q", p.Origin, key.Name())
	}
	head, err := checkpoint.Open(p.Checkpoint, p.Origin, key)
	if err != nil {
		return nil, err
	}
	r := &Report{Subject: p.Subject, Origin: p.Origin, Size: head.Tree.N}
	leaves, err := p.leaves(head.Tree)
	if err != nil {
		return nil, err
	}
	if err := p.records(leaves, r); err != nil {
		return nil, err
	}
	if err := p.openings(o, r); err != nil {
		return nil, err
	}
	if err := p.documents(r); err != nil {
		return nil, err
	}
	if err := p.history(key, head, o, r); err != nil {
		return nil, err
	}
	return r, p.witnesses(head, o, r)
}

func (p *Pack) leaves(tree tlog.Tree) ([]leaf.Leaf, error) {
	if len(p.Leaves) == 0 {
		return nil, fmt.Errorf("%w: it proves nothing", ErrMalformed)
	}
	out := make([]leaf.Leaf, len(p.Leaves))
	for i, l := range p.Leaves {
		parsed, err := leaf.Parse([]byte(l.Data))
		if err != nil {
			return nil, err
		}
		if l.Index < 0 || l.Index >= tree.N {
			return nil, fmt.Errorf("leaf %d: the tree has %d leaves", l.Index, tree.N)
		}
		if err := tlog.CheckRecord(l.Proof, tree.N, tree.Hash, l.Index, tlog.RecordHash([]byte(l.Data))); err != nil {
			return nil, fmt.Errorf("leaf %d is not in the tree: %w", l.Index, err)
		}
		out[i] = parsed
	}
	return out, nil
}

func (p *Pack) records(leaves []leaf.Leaf, r *Report) error {
	if len(p.Records) == 0 {
		return fmt.Errorf("%w: it holds no record", ErrMalformed)
	}
	order := make([]int, len(p.Records))
	used := map[int]bool{}
	for i, x := range p.Records {
		order[i] = i
		if x.Leaf < 0 || x.Leaf >= len(leaves) {
			return fmt.Errorf("record %d: there is no leaf %d", i, x.Leaf)
		}
		l := leaves[x.Leaf]
		used[x.Leaf] = true
		if err := x.Record.Check(); err != nil {
			return err
		}
		if l.Kind != x.Record.Kind {
			return fmt.Errorf("record %d is a %s under a leaf of %s", i, x.Record.Kind, l.Kind)
		}
		if err := l.Check(x.Record.Hash(), x.Pos, x.Proof); err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
	}
	if len(used) != len(leaves) {
		return fmt.Errorf("%w: a leaf has no record", ErrMalformed)
	}
	sort.SliceStable(order, func(a, b int) bool { return p.Records[order[a]].Record.At < p.Records[order[b]].Record.At })
	for _, i := range order {
		x := p.Records[i]
		r.Records = append(r.Records, fmt.Sprintf("%s  leaf %d  %s", when(x.Record.At), p.Leaves[x.Leaf].Index, words(x.Record)))
	}
	r.Proved = append(r.Proved, fmt.Sprintf("%d records stand under %d leaves of the log, unchanged since its checkpoint of size %d", len(p.Records), len(leaves), r.Size))
	return nil
}

// openings checks what the holder knows of number and text against the records'
// commitments.
func (p *Pack) openings(have Options, r *Report) error {
	checked := map[string]int{}
	for i, o := range p.Openings {
		salt, err := hex.DecodeString(o.Salt)
		if err != nil || len(salt) != 32 || o.Record < 0 || o.Record >= len(p.Records) {
			return fmt.Errorf("%w: opening %d", ErrMalformed, i)
		}
		value := map[string]string{"phone": have.Phone, "text": have.Text, "statement": have.Event.signed()}[o.Field]
		if value == "" {
			continue
		}
		if o.Field == "statement" {
			if leaf.Opens(p.Records[o.Record].Record.Value(o.Field), [32]byte(salt), []byte(value)) {
				if err := have.Event.by(p.Records[o.Record].Record); err != nil {
					return err
				}
				checked[o.Field]++
			}
			continue // the pack may hold several events
		}
		if !leaf.Opens(p.Records[o.Record].Record.Value(o.Field), [32]byte(salt), []byte(value)) {
			return fmt.Errorf("the %s that you gave is not the one of the %s record", o.Field, p.Records[o.Record].Record.Kind)
		}
		checked[o.Field]++
	}
	if have.Event != nil {
		if checked["statement"] == 0 {
			return errors.New("no record of the pack is of the consent event that you gave")
		}
		r.Proved = append(r.Proved, "the consent event is the one that you gave, signed by the key that its record names")
	}
	for _, x := range []struct{ field, value string }{{"phone", have.Phone}, {"text", have.Text}} {
		switch {
		case x.value == "":
			r.Asserted = append(r.Asserted, "to which "+x.field+" the records belong: give it with --"+x.field+" to have it checked")
		case checked[x.field] == 0:
			return fmt.Errorf("the pack has no salt to check the %s with: the person was erased", x.field)
		default:
			r.Proved = append(r.Proved, "the "+x.field+" is the one that you gave")
		}
	}
	return nil
}

// by checks the signature under an event with the key of its record.
func (e *Event) by(r leaf.Record) error {
	key, err := base64.StdEncoding.DecodeString(r.Value("key"))
	if err != nil || len(key) != ed25519.PublicKeySize {
		return fmt.Errorf("%w: the key of a consent event", ErrMalformed)
	}
	if !ed25519.Verify(key, []byte(e.Statement), e.Signature) {
		return errors.New("the consent event is not signed by the key that its record names")
	}
	return nil
}

func (p *Pack) documents(r *Report) error {
	cited := map[string]string{}
	for _, x := range p.Records {
		for _, f := range x.Record.Fields {
			cited[f.Value] = x.Record.Kind + "'s " + f.Name
		}
	}
	names := make([]string, 0, len(p.Documents))
	for name, text := range p.Documents {
		sum := sha256.Sum256([]byte(text))
		if hex.EncodeToString(sum[:]) != name {
			return fmt.Errorf("document %.16s… has another content than its name says", name)
		}
		if cited[name] == "" {
			return fmt.Errorf("%w: no record cites document %.16s…", ErrMalformed, name)
		}
		names = append(names, cited[name])
	}
	if slices.Sort(names); len(names) > 0 {
		r.Proved = append(r.Proved, "the documents are those that the records cite: "+strings.Join(names, ", "))
	}
	return nil
}

// history checks that the checkpoint continues what the holder, or the pack, saw
// before.
func (p *Pack) history(key note.Verifier, head checkpoint.Checkpoint, o Options, r *Report) error {
	if p.Seen != "" {
		if err := p.continues(key, head, p.Seen); err != nil {
			return err
		}
	}
	if o.Seen == "" {
		return nil
	}
	mine, err := checkpoint.Open(o.Seen, p.Origin, key)
	if err != nil {
		return fmt.Errorf("the checkpoint that you hold: %w", err)
	}
	switch {
	case mine.Tree.N == head.Tree.N:
		if mine.Tree.Hash != head.Tree.Hash {
			return fmt.Errorf("%w: your checkpoint of size %d has another root than the pack's: the operator signed two histories", ErrRewritten, mine.Tree.N)
		}
	case p.Seen == "":
		return fmt.Errorf("the pack proves nothing about your checkpoint of size %d: ask for one that was made with it (--seen)", mine.Tree.N)
	default:
		known, err := checkpoint.Open(p.Seen, p.Origin, key)
		if err != nil {
			return err
		}
		if known.Tree.N != mine.Tree.N {
			return fmt.Errorf("the pack was made for a checkpoint of size %d and yours has size %d: ask for one that was made with it (--seen)", known.Tree.N, mine.Tree.N)
		}
		if known.Tree.Hash != mine.Tree.Hash {
			return fmt.Errorf("%w: your checkpoint of size %d has another root than the one in the pack: the operator signed two histories", ErrRewritten, mine.Tree.N)
		}
	}
	r.SeenBy = append(r.SeenBy, fmt.Sprintf("you: the log continues the checkpoint of size %d that you hold, so nothing before it was changed or removed", mine.Tree.N))
	return nil
}

// ErrRewritten tells that two signed checkpoints of one log contradict each other.
var ErrRewritten = errors.New("pack: the log was rewritten")

func (p *Pack) continues(key note.Verifier, head checkpoint.Checkpoint, old string) error {
	seen, err := checkpoint.Open(old, p.Origin, key)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(p.Consistency, head.Tree.N, head.Tree.Hash, seen.Tree.N, seen.Tree.Hash); err != nil {
		return fmt.Errorf("%w: the tree of size %d does not continue that of size %d", ErrRewritten, head.Tree.N, seen.Tree.N)
	}
	return nil
}

func (p *Pack) witnesses(head checkpoint.Checkpoint, o Options, r *Report) error {
	for _, w := range o.Witnesses {
		v, err := checkpoint.NewWitnessVerifier(w)
		if err != nil {
			return fmt.Errorf("a witness's key: %w", err)
		}
		at, err := checkpoint.CosignedAt(p.Checkpoint, v)
		if err != nil {
			return fmt.Errorf("the checkpoint bears no valid cosignature of the witness %s: %w", v.Name(), err)
		}
		r.SeenBy = append(r.SeenBy, fmt.Sprintf("the witness %s: it cosigned the checkpoint of size %d at %s, after it had checked that it continues what it saw before",
			v.Name(), head.Tree.N, at.UTC().Format(time.RFC3339)))
	}
	r.Asserted = append(r.Asserted,
		"that the records say what happened: the log proves when the operator wrote them down and that they did not change since",
		"the times, which come from the operator's clock")
	if len(r.SeenBy) == 0 {
		r.Asserted = append(r.Asserted, "that this is the only history: nobody but the operator vouches for the checkpoint, and a dishonest operator could have rebuilt it. Give --seen or --witness")
	}
	return nil
}

func when(ms int64) string {
	return time.UnixMilli(ms).In(time.FixedZone("CST", 8*60*60)).Format("2006-01-02 15:04:05.000")
}

// words says what a record says.
func words(r leaf.Record) string {
	v := r.Value
	switch r.Kind {
	case "decision":
		s := fmt.Sprintf("decision %s: %s", v("decision"), v("decided"))
		if v("code") != "" {
			s += " for " + v("code")
			if v("rule") != "" {
				s += " under rule " + v("rule")
			}
		}
		return s + fmt.Sprintf(", category %s, %s units, rule packs %s", v("category"), v("units"), v("packs"))
	case "submission":
		result := v("result")
		if v("code") != "" { // of an upstream that answers in words
			result = v("code")
		}
		return fmt.Sprintf("submission of segment %s, attempt %s: %s, carrier's id %s, result %s, from %s", v("segment"), v("attempt"), v("state"), orNone(v("upstream")), result, v("source"))
	case "report":
		if v("segment") == "" {
			return "no report came in the contract's time: " + v("state")
		}
		return fmt.Sprintf("carrier's report for segment %s: %s (%s)", v("segment"), v("state"), v("stat"))
	case "consent":
		return fmt.Sprintf("consent to %s of grade %s by %s, wording %s, from %s", v("purpose"), v("grade"), v("method"), v("wording"), v("source"))
	case "optout":
		return fmt.Sprintf("refusal of %s by %s %s", v("scope"), v("source"), v("reference"))
	case "cancellation":
		return fmt.Sprintf("ended before it left: %s for %s %s", v("state"), v("code"), v("rule"))
	}
	return r.Kind
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
