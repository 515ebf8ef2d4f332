package campaign

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

func newReader(t testing.TB, form, body string) *reader {
	t.Helper()
	w, err := registry.Compile(body)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{form: form, signature: "示例", wording: w, names: w.Names()}
}

// A part is cut into chunks that lose and double no line; where each stands is known afterwards.
func TestChunksHoldEveryLine(t *testing.T) {
	t.Parallel()
	for _, form := range []string{CSV, NDJSON} {
		r := newReader(t, form, "您的订单${no:digits}已发货。")
		var in strings.Builder
		if form == CSV {
			in.WriteString("to,no\n")
		}
		for i := range 1234 {
			switch {
			case i%7 == 3:
				in.WriteString("nonsense\n")
			case form == CSV:
				in.WriteString("14200000001,12\n")
			default:
				in.WriteString(`{"to":"14200000001","variables":{"no":"12"}}` + "\n")
			}
		}
		head := strings.Count(in.String(), "\n") - 1234
		next, good := 1+head, 0
		err := r.rowsOf(strings.NewReader(in.String()), MaxRows, func(first, lines int, rows []row, faults []Fault) error {
			if first != next || lines > chunkRows || len(rows)+len(faults) != lines {
				t.Errorf("%s: %d lines from %d, want %d: %d rows and %d faults", form, lines, first, next, len(rows), len(faults))
			}
			c := &Chunk{First: first, Rows: lines}
			c.addFaults(r.names, faults...)
			for i := range rows {
				c.Messages = binary.BigEndian.AppendUint64(c.Messages, uint64(1000+rows[i].Line))
			}
			for _, o := range c.OutcomesOf() {
				if o.Message != sms.ID(1000+o.Line) {
					t.Errorf("%s: line %d has the message %d", form, o.Line, o.Message)
				}
			}
			next, good = next+lines, good+len(rows)
			return nil
		})
		if err != nil || next != 1235+head || good != 1234-176 {
			t.Errorf("%s: up to %d, %d good, %v", form, next, good, err)
		}
	}
}

// A row says of itself what is wrong with it, and nothing of it is shown.
func TestFaultsOfRows(t *testing.T) {
	t.Parallel()
	r := newReader(t, CSV, "您的订单${no:digits}已发货，${to:name}请留意。")
	if err := r.head([]byte("\ufeff手机号, no ,编号,to")); err != nil || !slices.Equal(r.columns, []string{columnTo, "no", columnRef, "to"}) {
		t.Fatal(r.columns, err)
	}
	for line, want := range map[string]Fault{
		"14200000001,1,,甲":   {},
		"14200000001,1,,":    {Code: FaultVariable, Variable: "to"},
		"14200000001,x,,甲":   {Code: FaultVariable, Variable: "no"},
		"14200000001,1,,【甲】": {Code: FaultVariable, Variable: "to"},
		"1420000,1,,甲":       {Code: FaultNumber},
		"14200000001,1," + strings.Repeat("x", 65) + ",甲": {Code: FaultRef},
		"14200000001,1,甲":    {Code: FaultColumns},
		"14200000001,1,,\"甲": {Code: FaultColumns},
		"":                   {Code: FaultColumns},
	} {
		_, f := r.read([]byte(line), 9)
		if want.Code == "" {
			if f != nil {
				t.Errorf("%q: %+v", line, f)
			}
			continue
		}
		want.Line = 9
		if f == nil || *f != want {
			t.Errorf("%q: %+v, want %+v", line, f, want)
			continue
		}
		c := &Chunk{}
		c.addFaults(r.names, *f)
		if got := c.FaultsOf(r.names); len(got) != 1 || got[0] != want {
			t.Errorf("%q is kept as %+v", line, got)
		}
	}
}

// A part that is too long in any direction is refused.
func TestPartsAreBounded(t *testing.T) {
	t.Parallel()
	none := func(int, int, []row, []Fault) error { return nil }
	for name, in := range map[string]struct {
		text string
		code sms.Code
	}{
		"rows":  {"to\n" + strings.Repeat("14200000001\n", 11), sms.BodyTooLarge},
		"line":  {"to\n" + strings.Repeat("1", maxLine+1), sms.BadRequest},
		"lines": {strings.Repeat("\n", 3), sms.BadRequest},
		"none":  {"to\n", sms.BadRequest},
	} {
		err := newReader(t, CSV, "会员日全场八折").rowsOf(strings.NewReader(in.text), 10, none)
		known, ok := err.(*sms.Error) //nolint:errorlint // it gives it bare
		if !ok || known.Code != in.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := newReader(t, CSV, "会员日全场八折").rowsOf(strings.NewReader("to\n"+strings.Repeat("14200000001\n", 10)), 10, none); err != nil {
		t.Error(err)
	}
}

func FuzzRows(f *testing.F) {
	f.Add([]byte("to,no\n14200000001,1\n"), true)
	f.Add([]byte(`{"to":"14200000001","variables":{"no":"1"}}`+"\n"), false)
	f.Fuzz(func(t *testing.T, b []byte, csv bool) {
		form := NDJSON
		if csv {
			form = CSV
		}
		r := newReader(t, form, "您的订单${no:digits}已发货。")
		lines := 0
		err := r.rowsOf(bytes.NewReader(b), 100, func(_, n int, rows []row, faults []Fault) error {
			lines += n
			if len(rows)+len(faults) != n {
				t.Errorf("%d lines, %d rows, %d faults", n, len(rows), len(faults))
			}
			for i := range rows {
				w := &work{reader: r, Campaign: &Campaign{}}
				if _, err := w.call(rows[i : i+1]); err != nil {
					t.Errorf("a row that was taken can't be sent: %v", err)
				}
			}
			return nil
		})
		if err == nil && (lines == 0 || lines > 100) {
			t.Errorf("%d lines were taken", lines)
		}
	})
}
