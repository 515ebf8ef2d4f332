package smgp_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smgp"
)

// An unknown tag, a known one of another size and a repeated one come through as
// they are, in their order.
func TestTLVsAreKept(t *testing.T) {
	t.Parallel()
	body, err := (&smgp.Deliver{Content: []byte("TD")}).AppendBody(nil, smgp.V30)
	if err != nil {
		t.Fatal(err)
	}
	tail := unhex(t, "8001 0003 616263 0002 0001 40 0010 0004 20393031 0009 0000 0002 0001 00")
	var p smgp.Deliver
	if err := p.DecodeBody(append(body, tail...), smgp.V30); err != nil {
		t.Fatal(err)
	}
	want := smgp.TLVs{
		{0x8001, []byte("abc")},
		{smgp.TagTPUDHI, []byte{0x40}},
		{smgp.TagMsgSrc, []byte(" 901")},
		{smgp.TagPkTotal, []byte{}},
		{smgp.TagTPUDHI, []byte{0}},
	}
	if !reflect.DeepEqual(p.TLVs, want) {
		t.Errorf("%v, want %v", p.TLVs, want)
	}
	if v, ok := p.TLVs.Get(0x8001); !ok || string(v) != "abc" {
		t.Errorf("unknown tag: %q, %v", v, ok)
	}
	if v, ok := p.TLVs.Byte(smgp.TagTPUDHI); !ok || v != 0x40 {
		t.Errorf("the first of two: %d, %v", v, ok)
	}
	if v := p.TLVs.Text(smgp.TagMsgSrc); v != "901" {
		t.Errorf("text: %q", v)
	}
	if v, ok := p.TLVs.Byte(smgp.TagPkTotal); ok || v != 0 {
		t.Errorf("no byte in an empty one: %d, %v", v, ok)
	}
	if v, ok := p.TLVs.Get(smgp.TagLinkID); ok || v != nil || p.TLVs.Text(smgp.TagLinkID) != "" {
		t.Errorf("absent: %q, %v", v, ok)
	}
}

// Sizes and tags as the specification lists them; 0 is any size.
func TestTLVSizes(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		name string
		size int
	}{
		{"TP_pid", 1},
		{"TP_udhi", 1},
		{"LinkID", 20},
		{"ChargeUserType", 1},
		{"ChargeTermType", 1},
		{"ChargeTermPseudo", 0},
		{"DestTermType", 1},
		{"DestTermPseudo", 0},
		{"PkTotal", 1},
		{"PkNumber", 1},
		{"SubmitMsgType", 1},
		{"SPDealResult", 1},
		{"SrcTermType", 1},
		{"SrcTermPseudo", 0},
		{"NodesCount", 1},
		{"MsgSrc", 8},
		{"SrcType", 1},
		{"MServiceID", 21},
		{"unknown", 0},
	} {
		tag := uint16(i + 1)
		for n := range 30 {
			_, err := (&smgp.Deliver{TLVs: smgp.TLVs{{Tag: tag, Value: make([]byte, n)}}}).AppendBody(nil, smgp.V30)
			fits := c.size == 0 || c.size == n
			if fits != (err == nil) || err != nil && !strings.Contains(err.Error(), c.name) {
				t.Errorf("%d bytes of %s (0x%04x): %v", n, c.name, tag, err)
			}
		}
		if v := smgp.TextTLV(tag, "").Value; len(v) != c.size {
			t.Errorf("%s as text has %d bytes", c.name, len(v))
		}
	}
}

func TestHasUDH(t *testing.T) {
	t.Parallel()
	for v, want := range map[uint8]bool{0: false, 1: true, 0x40: true, 0x41: true, 0x04: false} {
		if got := (smgp.TLVs{smgp.ByteTLV(smgp.TagTPUDHI, v)}).HasUDH(); got != want {
			t.Errorf("0x%02x: %v", v, got)
		}
	}
	if (smgp.TLVs)(nil).HasUDH() {
		t.Error("absent")
	}
}

// A bad tail still gives the message, so that it can be answered.
func TestBadTLVGivesThePDU(t *testing.T) {
	t.Parallel()
	deliver := &smgp.Deliver{MsgID: smgp.MsgID{9}, SrcTermID: handset, Content: []byte("TD")}
	good := smgp.TLVs{smgp.ByteTLV(smgp.TagTPPID, 7)}
	for name, tail := range map[string]string{
		"runs past the frame": "0001 0001 07 0010 0008 39303030",
		"half a length":       "0001 0001 07 0010 00",
		"a lone byte":         "0001 0001 07 00",
	} {
		body, err := deliver.AppendBody(make([]byte, smgp.HeaderSize), smgp.V30)
		if err != nil {
			t.Fatal(err)
		}
		frame := append(body, unhex(t, tail)...)
		copy(frame, []byte{0, 0, 0, byte(len(frame)), 0, 0, 0, 3, 0, 0, 0, 5})
		h, p, err := smgp.Decode(smgp.V30, frame)
		d, ok := p.(*smgp.Deliver)
		if !errors.Is(err, smgp.ErrTLV) || !ok || h.Sequence != 5 || d.MsgID != deliver.MsgID ||
			d.SrcTermID != handset || !reflect.DeepEqual(d.TLVs, good) {
			t.Errorf("%s: %+v, %+v, %v", name, h, p, err)
		}
	}
}

func TestTLVsAreBounded(t *testing.T) {
	t.Parallel()
	body, err := (&smgp.Submit{Dest: []string{handset}, TLVs: make(smgp.TLVs, smgp.MaxTLVs)}).AppendBody(nil, smgp.V30)
	if err != nil {
		t.Fatal(err)
	}
	var p smgp.Submit
	if err := p.DecodeBody(body, smgp.V30); err != nil || len(p.TLVs) != smgp.MaxTLVs {
		t.Errorf("%d, %v", len(p.TLVs), err)
	}
	if err := p.DecodeBody(append(body, 0, 0, 0, 0), smgp.V30); !errors.Is(err, smgp.ErrTLV) || len(p.TLVs) != smgp.MaxTLVs {
		t.Errorf("one more: %d, %v", len(p.TLVs), err)
	}
}

// rawID holds what trips a reader of text: a NUL, a space, half a character and a label.
var rawID = smgp.MsgID{0, ' ', 0xe4, 's', 'u', 'b', ':', 'i', 'd', 0}

func sampleReport() smgp.Report {
	return smgp.Report{
		MsgID: rawID, Sub: "001", Dlvrd: "001", SubmitTime: "2611231004", DoneTime: "2611231005", Stat: "DELIVRD", Err: "000",
		Text: smgp.ReportText([]byte("\x4f\x60\x59\x7d\x00A")),
	}
}

// sampleText is sampleReport as the specification writes it.
func sampleText() string {
	return "id:" + string(rawID[:]) + " sub:001 dlvrd:001 submit date:2611231004 done date:2611231005 stat:DELIVRD err:000 text:006" +
		"\x4f\x60\x59\x7d\x00A" + strings.Repeat("\x00", 11)
}

func TestReportText(t *testing.T) {
	t.Parallel()
	for content, want := range map[string]string{
		"":                       "000",
		"TD":                     "002TD",
		strings.Repeat("x", 140): "140" + strings.Repeat("x", 17),
	} {
		if got := smgp.ReportText([]byte(content)); strings.TrimRight(string(got[:]), "\x00") != want {
			t.Errorf("%q: %q", content, got)
		}
	}
}

func TestReportIsWritten(t *testing.T) {
	t.Parallel()
	r := sampleReport()
	b, err := r.Append([]byte("before"))
	if err != nil || string(b) != "before"+sampleText() || len(sampleText()) != smgp.ReportSize {
		t.Fatalf("%q, %v", b, err)
	}
	for name, spoil := range map[string]func(*smgp.Report){
		"sub":         func(r *smgp.Report) { r.Sub = "0001" },
		"dlvrd":       func(r *smgp.Report) { r.Dlvrd = "0001" },
		"submit date": func(r *smgp.Report) { r.SubmitTime = "261123100400" },
		"done date":   func(r *smgp.Report) { r.DoneTime = "261123100400" },
		"stat":        func(r *smgp.Report) { r.Stat = "DELIVERED" },
		"err":         func(r *smgp.Report) { r.Err = "0000" },
	} {
		r := sampleReport()
		spoil(&r)
		if _, err := r.Append(nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What gateways make of a report's labels does not matter.
func TestReportIsRead(t *testing.T) {
	t.Parallel()
	want := sampleReport()
	noText := want
	noText.Text = [20]byte{}
	half := want
	half.Text = smgp.ReportText([]byte("\x4f"))
	half.Text[2] = '6'
	head := sampleText()[:96]
	upper := "ID:" + string(rawID[:]) + "sSub:001sDlvrd:001sSubmit_Date:2611231004sDone_Date:2611231005sStat:DELIVRDsErr:000sText:"
	nonsense := []byte(sampleText())
	for _, at := range [][2]int{{0, 3}, {13, 18}, {21, 28}, {31, 44}, {54, 65}, {75, 81}, {88, 93}, {96, 102}} {
		copy(nonsense[at[0]:at[1]], "?????????????")
	}
	for name, c := range map[string]struct {
		text string
		want smgp.Report
	}{
		"as specified":              {sampleText(), want},
		"other case and separators": {upper + sampleText()[102:], want},
		"no labels at all":          {string(nonsense), want},
		"no text":                   {head, noText},
		"an empty text":             {head + " text:", noText},
		"text with half a letter":   {head + " text:006\x4f", half},
		"one byte more":             {sampleText() + "\x00", want},
		"other labels, no text":     {upper, noText},
		"two bytes in front":        {"\x05\x00" + sampleText(), want},
	} {
		if got, err := smgp.ParseReport([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

// Where the length tells that offsets don't hold, labels bound the values.
func TestReportOfAnotherLengthIsReadByLabel(t *testing.T) {
	t.Parallel()
	id := string(rawID[:])
	for text, want := range map[string]smgp.Report{
		"id:" + id + " stat:EXPIRED":                     {MsgID: rawID, Stat: "EXPIRED"},
		"id:" + id + " sub:1 dlvrd:0 stat:MA:01 err:1":   {MsgID: rawID, Sub: "1", Dlvrd: "0", Stat: "MA:01", Err: "1"},
		"id:" + id + " done date:261123100405 stat:XYZ ": {MsgID: rawID, DoneTime: "2611231004", Stat: "XYZ"},
	} {
		if got, err := smgp.ParseReport([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestReportThatTellsNothingIsRefused(t *testing.T) {
	t.Parallel()
	id := string(rawID[:])
	for text, want := range map[string]string{
		"":                                      "no id",
		"id:123456789":                          "no id",
		"stat:DELIVRD id 0123456789":            "no id",
		"id:" + id + " sub:001":                 "state",
		"id:" + id + " stat:  err:000":          "state",
		strings.Repeat("\x00", smgp.ReportSize): "state",
		"id:01006101161700012345 sub:001 stat:EXPIRED": "not ten raw bytes",
	} {
		if r, err := smgp.ParseReport([]byte(text)); err == nil || r != (smgp.Report{}) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v, want %q", text, r, err, want)
		}
	}
}

func TestReportRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := smgp.Report{
			Sub: digits(3).Draw(t, "sub"), Dlvrd: digits(3).Draw(t, "dlvrd"), SubmitTime: digits(10).Draw(t, "submit"),
			DoneTime: digits(10).Draw(t, "done"), Stat: rapid.StringMatching(`[A-Z:0-9]{1,7}`).Draw(t, "stat"), Err: digits(3).Draw(t, "err"),
		}
		copy(r.MsgID[:], rapid.SliceOfN(rapid.Byte(), 10, 10).Draw(t, "id"))
		copy(r.Text[:], rapid.SliceOfN(rapid.Byte(), 20, 20).Draw(t, "text"))
		b, err := r.Append(nil)
		if err != nil || len(b) != smgp.ReportSize {
			t.Fatal(len(b), err)
		}
		if got, err := smgp.ParseReport(b); err != nil || got != r {
			t.Fatalf("%+v, %v, want %+v", got, err, r)
		}
	})
}

func FuzzDecode(f *testing.F) {
	report := []byte(sampleText())
	for _, v := range []smgp.Version{smgp.V13, smgp.V30} {
		for _, p := range []smgp.PDU{
			&smgp.Login{ClientID: "900001"}, &smgp.LoginResp{}, benchSubmit(), &smgp.Deliver{IsReport: 1, Content: report},
			&smgp.SubmitResp{}, &smgp.Query{}, &smgp.QueryResp{}, &smgp.ActiveTest{},
		} {
			frame, err := smgp.Append(nil, v, 1, p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(v), frame)
		}
	}
	f.Fuzz(func(t *testing.T, version uint8, frame []byte) {
		v := smgp.Version(version)
		before := bytes.Clone(frame)
		_, p, err := smgp.Decode(v, frame)
		if !bytes.Equal(frame, before) {
			t.Fatal("reading changed the frame")
		}
		if err != nil {
			if (p != nil) != errors.Is(err, smgp.ErrTLV) {
				t.Fatalf("%T with %v", p, err)
			}
			return
		}
		again, err := smgp.Append(nil, v, 1, p)
		if err != nil {
			return // what may not be sent, as a known smgp.TLV of another size, is still read
		}
		if _, q, err := smgp.Decode(v, again); err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v became %+v, %v", p, q, err)
		}
	})
}

func FuzzParseReport(f *testing.F) {
	f.Add([]byte(sampleText()))
	f.Add([]byte(sampleText()[:96]))
	f.Add([]byte("ID:0123456789sSubmit_Date:2611231004sStat:UNDELIVsErr:005"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := smgp.ParseReport(b)
		if err != nil {
			return
		}
		text, err := r.Append(nil)
		if err != nil || len(text) != smgp.ReportSize {
			t.Fatalf("%+v is not written: %d bytes, %v", r, len(text), err)
		}
		if again, err := smgp.ParseReport(text); err != nil || again != r {
			t.Fatalf("%+v became %+v, %v", r, again, err)
		}
	})
}

// Three strings of the Deliver, and one that all texts of the report share.
func BenchmarkDeliverReportDecodeReused(b *testing.B) {
	body, err := (&smgp.Deliver{
		MsgID: smgp.MsgID{1}, IsReport: 1, RecvTime: "20261123100402", SrcTermID: handset, DestTermID: "10690000", Content: []byte(sampleText()),
		TLVs: smgp.TLVs{smgp.ByteTLV(smgp.TagTPPID, 0)},
	}).AppendBody(nil, smgp.V30)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var p smgp.Deliver
	for b.Loop() {
		if err := p.DecodeBody(body, smgp.V30); err != nil {
			b.Fatal(err)
		}
		if r, err := smgp.ParseReport(p.Content); err != nil || r.Stat != "DELIVRD" {
			b.Fatal(r, err)
		}
	}
}
