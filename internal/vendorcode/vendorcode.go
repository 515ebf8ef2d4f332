// Package vendorcode says in Chinese and English what the codes of carriers mean: the
// status of a report and the answer to a submit. The table is data, in codes.yaml; a
// channel's own list goes before it, for carriers and aggregators invent codes.
//
// A meaning never takes the place of a code: the raw one is what is stored, proved and
// told, and a code that nobody knows has the class Unknown and no guess.
package vendorcode

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// Class is what a code comes to for whoever has to act on it.
type Class string

// The classes.
const (
	Delivered Class = "delivered"
	Pending   Class = "pending"   // ends nothing
	Temporary Class = "temporary" // may go well later
	Number    Class = "number"    // the number or its handset never will
	Carrier   Class = "carrier"   // refused for a reason of the carrier or the account
	Blocked   Class = "blocked"   // blacklists, opt-outs kept by the carrier
	Frequency Class = "frequency" // too much for this number or sender
	Content   Class = "content"   // the text
	Unknown   Class = "unknown"
)

// families are the protocols without their versions; any is all of them.
var families = []string{"any", "cmpp", "sgip", "smgp", "smpp", registry.ByHTTP, registry.ByAliyun, registry.ByTencent}

// classes are all of them.
var classes = []Class{Delivered, Pending, Temporary, Number, Carrier, Blocked, Frequency, Content, Unknown}

// Meaning is what a code says.
type Meaning struct {
	Class Class  `json:"class" enum:"delivered,pending,temporary,number,carrier,blocked,frequency,content,unknown" doc:"what it comes to: temporary may go well later, number never will"`
	Zh    string `json:"zh"`
	En    string `json:"en"`
	// Vacant says that the number does not exist: who held it has given it up (二次放号).
	Vacant bool `json:"vacant,omitempty" doc:"the number does not exist: the consents of whoever had it are suspended"`
}

// What a row speaks of.
const (
	onReport = "report"
	onResult = "result"
)

// row is one line of the table.
type row struct {
	Protocol string `yaml:"protocol"` // one of families
	On       string `yaml:"on"`
	Code     string `yaml:"code"`
	Class    Class  `yaml:"class"`
	Zh       string `yaml:"zh"`
	En       string `yaml:"en"`
	Source   string `yaml:"source"`
	Vacant   bool   `yaml:"vacant"`
}

type key struct{ protocol, on, code string }

// Table is a set of rows. It never changes.
type Table struct{ rows map[key]Meaning }

//go:embed codes.yaml
var builtin []byte

// Builtin reads the table that the program carries.
func Builtin() (*Table, error) { return parse(builtin) }

func parse(b []byte) (*Table, error) {
	var list []row
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("table of codes: %w", err)
	}
	t := &Table{rows: make(map[key]Meaning, len(list))}
	for _, r := range list {
		k := key{r.Protocol, r.On, r.Code}
		_, twice := t.rows[k]
		switch {
		case twice:
			return nil, fmt.Errorf("table of codes: %s %s %s stands twice", r.Protocol, r.On, r.Code)
		case !slices.Contains(families, r.Protocol), r.On != onReport && r.On != onResult:
			return nil, fmt.Errorf("table of codes: %s speaks of %q of %q", r.Code, r.On, r.Protocol)
		case !slices.Contains(classes, r.Class):
			return nil, fmt.Errorf("table of codes: %s has the class %q", r.Code, r.Class)
		case r.Vacant && (r.Class != Number || r.On != onReport):
			return nil, fmt.Errorf("table of codes: %s is vacant, which is said by reports of the class number", r.Code)
		case r.Code == "", r.Zh == "", r.En == "", r.Source == "":
			return nil, fmt.Errorf("table of codes: %s %s %q lacks its code, a language or its source", r.Protocol, r.On, r.Code)
		}
		t.rows[k] = Meaning{r.Class, r.Zh, r.En, r.Vacant}
	}
	return t, nil
}

// protocol is the family of a channel's protocol, without its version.
func protocol(ch *registry.Channel) string { return strings.TrimRight(ch.Protocol, "0123456789") }

var unknown = Meaning{Class: Unknown, Zh: "含义未知；可在通道的 codes 中补充", En: "Nobody has said what it means; the channel's codes may."}

// Report is what a report's status means on a channel: STAT, or STAT:ERR.
func (t *Table) Report(ch *registry.Channel, stat string) Meaning {
	if m, ok := t.find(ch, onReport, stat); ok {
		return m
	}
	if state, _, ok := strings.Cut(stat, ":"); ok { // the network's code is not known, the state is
		if m, ok := t.find(ch, onReport, state); ok {
			return m
		}
	}
	return unknown
}

// Result is what the answer to a submit means on a channel; 0 is accepted and has none.
// word is the answer of an upstream that answers in words, "" of all others.
func (t *Table) Result(ch *registry.Channel, result int64, word string) Meaning {
	if m, ok := t.find(ch, onResult, cmp.Or(word, strconv.FormatInt(result, 10))); ok {
		return m
	}
	return unknown
}

// find asks the channel's own list and then the table, each for the whole code and then
// for its beginnings, the longest first. A beginning in the channel's list goes before a
// row of the table that names the whole code: it is the word of that carrier.
func (t *Table) find(ch *registry.Channel, on, code string) (Meaning, bool) {
	if m, ok := lookup(code, func(c string) (Meaning, bool) { return own(ch.Options.Codes, on, c) }); ok {
		return m, true
	}
	return lookup(code, func(c string) (Meaning, bool) {
		m, ok := t.rows[key{protocol(ch), on, c}]
		if !ok {
			m, ok = t.rows[key{"any", on, c}]
		}
		return m, ok
	})
}

func lookup(code string, of func(string) (Meaning, bool)) (Meaning, bool) {
	if m, ok := of(code); ok {
		return m, true
	}
	for i := len(code); i > 0; i-- {
		if m, ok := of(code[:i] + "*"); ok {
			return m, true
		}
	}
	return Meaning{}, false
}

func own(list []registry.ChannelCode, on, code string) (Meaning, bool) {
	for _, c := range list {
		if c.Code == code && onOf(c) == on {
			return Meaning{Class(c.Class), c.Zh, c.En, c.Vacant}, true
		}
	}
	return Meaning{}, false
}

func onOf(c registry.ChannelCode) string {
	if c.On == "" {
		return onReport
	}
	return c.On
}

// Check says what is wrong with a channel's own list: a code that stands twice would be
// edited in vain.
func Check(ch *registry.Channel) error {
	list := ch.Options.Codes
	seen := map[key]bool{}
	for _, c := range list {
		k := key{on: onOf(c), code: c.Code}
		if seen[k] {
			return fmt.Errorf("the %s %s stands twice", k.on, c.Code)
		}
		if i := strings.IndexByte(c.Code, '*'); i >= 0 && i != len(c.Code)-1 || c.Code == "*" {
			return fmt.Errorf("%s: * stands only at the end of a beginning", c.Code)
		}
		if _, err := strconv.ParseUint(c.Code, 10, 32); k.on == onResult && err != nil && !ch.ByWeb() {
			return fmt.Errorf("%s: an answer is a number", c.Code)
		}
		if c.Vacant && (Class(c.Class) != Number || k.on != onReport) {
			return fmt.Errorf("%s: vacant is said by reports of the class number", c.Code)
		}
		seen[k] = true
	}
	return nil
}
