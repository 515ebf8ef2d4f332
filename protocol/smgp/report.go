package smgp

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zhunxin/zhunxin/protocol/wire"
)

// ReportSize is the size of a status report's text.
const ReportSize = 122

// Report is a status report, the Content of a Deliver. It looks like text, but
// its id is ten raw bytes. SMGP 3.0.3, Deliver.
//
// Stat is DELIVRD, EXPIRED, UNDELIV, UNKNOWN, DELETED, ACCEPTD or REJECTD, and
// Err says more: with DELIVRD 000; with EXPIRED 001 unreachable, 002 busy, 007
// memory full; with UNDELIV 003, 004 illegal user, 005 blacklist, 006 system,
// 008 not a message terminal, 009 data error, 010 data lost; with UNKNOWN 999.
type Report struct {
	MsgID      MsgID    // from Submit_Resp
	Sub        string   // messages submitted, three digits, usually 001
	Dlvrd      string   // messages delivered, three digits, usually 001
	SubmitTime string   // YYMMDDhhmm
	DoneTime   string   // YYMMDDhhmm, from another clock
	Stat       string   // at most seven characters, raw
	Err        string   // at most three characters, raw
	Text       [20]byte // see ReportText; may end within a character, zeros when missing
}

// Reports that can't be booked.
var (
	errNoID   = errors.New("no id: with ten bytes after it")
	errIDSize = errors.New("the id is not ten raw bytes")
	errNoStat = errors.New("the state is empty or missing")
)

// ReportText is the end of a report: the length of the message in three digits
// and its first 17 bytes.
func ReportText(content []byte) [20]byte {
	n := min(len(content), 999)
	t := [20]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)}
	copy(t[3:], content)
	return t
}

// reportField is a text of the report: its name, where its value stands and how
// many bytes it has.
type reportField struct {
	name     string
	at, size int
	value    *string
}

func (p *Report) fields() [6]reportField {
	return [6]reportField{
		{"sub", 18, 3, &p.Sub},
		{"dlvrd", 28, 3, &p.Dlvrd},
		{"submit date", 44, 10, &p.SubmitTime},
		{"done date", 65, 10, &p.DoneTime},
		{"stat", 81, 7, &p.Stat},
		{"err", 93, 3, &p.Err},
	}
}

// textAt is where the report's text stands.
const textAt = 102

// Append appends 122 bytes.
func (p *Report) Append(dst []byte) ([]byte, error) {
	w := wire.NewWriter(dst)
	w.Bytes([]byte("id:"))
	w.Bytes(p.MsgID[:])
	for _, f := range p.fields() {
		w.U8(' ')
		w.Bytes([]byte(f.name))
		w.U8(':')
		w.Text(f.name, *f.value, f.size)
	}
	w.Bytes([]byte(" text:"))
	w.Bytes(p.Text[:])
	return w.Done()
}

// ParseReport reads a report. One of 122 bytes is read by offset whatever its
// labels are: gateways write them in other cases, with underscores, and with
// other separators than spaces. Any other length is read by its labels.
// SMGP 3.0.3, Deliver.
func ParseReport(content []byte) (Report, error) {
	var p Report
	var err error
	s := string(content) // one copy, which all texts of the result share
	if len(s) == ReportSize {
		p.readOffsets(s)
	} else {
		err = p.readLabels(s)
	}
	if err == nil && p.Stat == "" {
		err = errNoStat
	}
	if err != nil {
		return Report{}, fmt.Errorf("smgp: report of %d bytes, expected are %d: %w", len(s), ReportSize, err)
	}
	return p, nil
}

func (p *Report) readOffsets(s string) {
	copy(p.MsgID[:], s[3:])
	for _, f := range p.fields() {
		*f.value = trim(s[f.at : f.at+f.size])
	}
	copy(p.Text[:], s[textAt:])
}

// readLabels finds the labels in their order; one that is missing leaves its
// field empty. A value has its full size or ends where the next label begins.
func (p *Report) readLabels(s string) error {
	id := findLabel(s, 0, "id:")
	if id < 0 || id+3+len(p.MsgID) > len(s) {
		return errNoID
	}
	at := id + 3 + copy(p.MsgID[:], s[id+3:]) // the id may hold any byte, so labels come after it
	first := true
	var last reportField // whose value begins at last.at and has no known end yet
	for _, f := range p.fields() {
		label := findLabel(s, at, f.name+":")
		if label < 0 {
			continue
		}
		if first && len(trim(s[at:label])) > 1 {
			return errIDSize // more than a separator: a part of an id would be another id
		}
		last.take(s, label)
		at = label + len(f.name) + 1
		f.at, first = at, false
		last = f
	}
	end := len(s)
	if label := findLabel(s, at, "text:"); label >= 0 {
		end = label
		copy(p.Text[:], s[label+len("text:"):])
	}
	last.take(s, end)
	return nil
}

// take reads the field's value, which ends at most at end.
func (f *reportField) take(s string, end int) {
	if f.value != nil {
		*f.value = trim(s[f.at:min(end, f.at+f.size)])
	}
}

// findLabel is where the label begins in s at or after from, or -1. Letters
// match in either case, a space in the label matches any byte.
func findLabel(s string, from int, label string) int {
	for at := from; at+len(label) <= len(s); at++ {
		n := 0
		for n < len(label) && (label[n] == ' ' || lower(s[at+n]) == label[n]) {
			n++
		}
		if n == len(label) {
			return at
		}
	}
	return -1
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// trim cuts a field at its first NUL and takes the spaces off.
func trim(s string) string {
	s, _, _ = strings.Cut(s, "\x00")
	return strings.Trim(s, " ")
}
