package campaign

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Limits of the rows of a campaign.
const (
	MaxRows      = 1_000_000
	MaxParts     = 1_000
	MaxPartBytes = 256 << 20
	maxLine      = 4096
	chunkRows    = 500
	MaxShown     = 20 // faults that are told when a part was loaded
)

// Forms of a part.
const (
	CSV    = "csv"
	NDJSON = "ndjson"
)

// Faults of a row.
const (
	FaultColumns  = "COLUMNS"
	FaultNumber   = "NUMBER"
	FaultVariable = "VARIABLE"
	FaultRef      = "REF"
	FaultText     = "TEXT"
	FaultRepeated = "REPEATED"
)

// faultCodes gives each its byte in a chunk; new ones come last.
var faultCodes = []string{FaultColumns, FaultNumber, FaultVariable, FaultRef, FaultText, FaultRepeated}

// Fault is a row that can't be sent.
type Fault struct {
	Part     int
	Line     int
	Code     string
	Variable string // of the template, of a VARIABLE
}

// row is one recipient.
type row struct {
	Line   int      `json:"l"`
	To     string   `json:"t"` // E.164 digits
	Ref    string   `json:"r,omitempty"`
	Values []string `json:"v,omitempty"` // of the template's variables, in their order
}

// wording is what rows are filled into.
type wording interface {
	Names() []string
	Render(values map[string]string) (string, error)
}

// reader reads the rows of one part.
type reader struct {
	form      string
	signature string
	wording   wording
	names     []string
	columns   []string // of CSV
}

// What columns with the number and with the customer's own reference are called; the others are
// variables of the template, and none of these is called so.
const columnTo, columnRef = "#to", "#ref"

var columnNames = map[string]string{
	"to": columnTo, "number": columnTo, "phone": columnTo, "手机号": columnTo, "手机号码": columnTo, "ref": columnRef, "编号": columnRef,
}

// head reads the line that names the columns.
func (r *reader) head(line []byte) error {
	fields, ok := consent.SplitLine(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
	for _, f := range fields {
		name := strings.TrimSpace(f)
		if !slices.Contains(r.names, name) { // what the template calls so is meant first
			name = columnNames[strings.ToLower(name)]
			ok = ok && name != ""
		}
		if slices.Contains(r.columns, name) {
			ok = false
		}
		r.columns = append(r.columns, name)
	}
	if !ok || !slices.Contains(r.columns, columnTo) || !all(r.names, r.columns) {
		return sms.Errorf(sms.BadRequest, "line 1", "it names the columns, in UTF-8: to (手机号), each variable of the template (%s), perhaps ref (编号), each once and no other", strings.Join(r.names, ", "))
	}
	return nil
}

func all(list, in []string) bool {
	return !slices.ContainsFunc(list, func(s string) bool { return !slices.Contains(in, s) })
}

// read reads a line: a row, or why it is none.
func (r *reader) read(line []byte, no int) (row, *Fault) {
	to, ref, values, ok := r.fields(line)
	if !ok {
		return row{}, &Fault{Line: no, Code: FaultColumns}
	}
	number, err := sms.ParseMSISDN(strings.TrimSpace(to))
	if err != nil {
		return row{}, &Fault{Line: no, Code: FaultNumber}
	}
	if len(ref) > 64 || strings.ContainsRune(ref, 0) {
		return row{}, &Fault{Line: no, Code: FaultRef}
	}
	out := row{Line: no, To: number.Reveal(), Ref: ref}
	for _, name := range r.names {
		out.Values = append(out.Values, values[name])
	}
	text, err := r.render(values)
	if err != nil {
		return row{}, r.misfit(err, no)
	}
	if _, err := smstext.Units(text); err != nil || len(text) > gate.MaxTextBytes {
		return row{}, &Fault{Line: no, Code: FaultText}
	}
	return out, nil
}

// misfit tells what is wrong with values that the template does not take.
func (r *reader) misfit(err error, no int) *Fault {
	var known *sms.Error
	if !errors.As(err, &known) || known.Field == "variables" {
		return &Fault{Line: no, Code: FaultText}
	}
	name := strings.TrimPrefix(known.Field, "variables.")
	if !slices.Contains(r.names, name) { // the row has one that the template lacks
		return &Fault{Line: no, Code: FaultColumns}
	}
	return &Fault{Line: no, Code: FaultVariable, Variable: name}
}

// render fills the template in, with the signature in front.
func (r *reader) render(values map[string]string) (string, error) {
	body, err := r.wording.Render(values)
	return "【" + r.signature + "】" + body, err
}

// fields takes a line apart.
func (r *reader) fields(line []byte) (to, ref string, values map[string]string, ok bool) {
	if r.form == NDJSON {
		var in struct {
			To        string            `json:"to"`
			Ref       string            `json:"ref"`
			Variables map[string]string `json:"variables"`
		}
		d := json.NewDecoder(bytes.NewReader(line))
		d.DisallowUnknownFields()
		if !utf8.Valid(line) || d.Decode(&in) != nil {
			return "", "", nil, false
		}
		_, err := d.Token()
		return in.To, in.Ref, in.Variables, errors.Is(err, io.EOF)
	}
	list, ok := consent.SplitLine(line)
	if !ok || len(list) != len(r.columns) {
		return "", "", nil, false
	}
	values = make(map[string]string, len(r.names))
	for i, c := range r.columns {
		switch c {
		case columnTo:
			to = list[i]
		case columnRef:
			ref = list[i]
		default:
			values[c] = list[i]
		}
	}
	return to, ref, values, true
}

// rowsOf reads a part by chunks of rows. most is how many it may have.
func (r *reader) rowsOf(from io.Reader, most int, each func(first, lines int, rows []row, faults []Fault) error) (err error) {
	limited := &io.LimitedReader{R: from, N: MaxPartBytes + 1}
	in := bufio.NewReaderSize(limited, maxLine+2)
	var rows []row
	var faults []Fault
	first, lines, total := 1, 0, 0
	flush := func() error {
		if lines == 0 {
			return nil
		}
		err := each(first, lines, rows, faults)
		first, lines, rows, faults = first+lines, 0, nil, nil
		return err
	}
	for n := 1; ; n++ {
		line, err := in.ReadSlice('\n')
		switch {
		case limited.N <= 0 || total > most:
			return sms.Errorf(sms.BodyTooLarge, "", "a part has at most %d MiB, a campaign %d rows and %d parts", MaxPartBytes>>20, MaxRows, MaxParts)
		case errors.Is(err, bufio.ErrBufferFull):
			return sms.Errorf(sms.BadRequest, "", "line %d has more than %d bytes", n, maxLine)
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		end := err != nil
		if end && len(line) == 0 {
			break
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) > maxLine {
			return sms.Errorf(sms.BadRequest, "", "line %d has more than %d bytes", n, maxLine)
		}
		if n == 1 && r.form == CSV {
			if err := r.head(line); err != nil {
				return err
			}
			first = 2
			continue
		}
		got, fault := r.read(line, n)
		if fault != nil {
			faults = append(faults, *fault)
		} else {
			rows = append(rows, got)
		}
		if lines, total = lines+1, total+1; lines == chunkRows {
			if err := flush(); err != nil {
				return err
			}
		}
		if end {
			break
		}
	}
	if err := flush(); err != nil {
		return err
	}
	if total == 0 {
		return sms.Errorf(sms.BadRequest, "", "the part has no row")
	}
	return nil
}
