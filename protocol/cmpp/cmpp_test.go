package cmpp

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAuthenticatorVectors(t *testing.T) {
	for _, v := range []struct {
		login, secret string
		stamp         uint32
		want          string
	}{
		{"901234", "1234", 1108163645, "bd527850eb49f4e3cee6477da0b5eb00"},
		{"901234", "1234", 301000000, "3b892f74b6878d56ff75ebb93be18be8"},
		{"900001", "888888", 1123100317, "d42683ea851c91e89812eafb4da3bf99"},
		{"900001", "888888", 1123100347, "5118bb6eb4c7263629e7bc1d427d9c2b"},
	} {
		if got := Authenticator(v.login, v.secret, v.stamp); hex.EncodeToString(got[:]) != v.want {
			t.Errorf("%s at %d: %x, want %s", v.login, v.stamp, got, v.want)
		}
	}
	proof := [16]byte(unhex(t, "bd527850eb49f4e3cee6477da0b5eb00"))
	if got := ServerAuthenticator(0, V20, proof, "1234"); hex.EncodeToString(got[:]) != "d27c6a71367ec69bce0b817cfc34fd2b" {
		t.Errorf("one-byte status: %x", got)
	}
	if got := ServerAuthenticator(0, V30, proof, "1234"); hex.EncodeToString(got[:]) != "4a90bbed308dde91dfd5596de6e53393" {
		t.Errorf("four-byte status: %x", got)
	}
}

func TestConnectVector(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 3, 17, 0, time.UTC)
	stamp := Timestamp(at)
	frame, err := Append(nil, V20, 1, &Connect{
		SourceAddr: "900001", Authenticator: Authenticator("900001", "888888", stamp), Version: V20, Timestamp: stamp,
	})
	want := unhex(t, "000000270000000100000001393030303031d42683ea851c91e89812eafb4da3bf992042f1269d")
	if err != nil || !bytes.Equal(frame, want) {
		t.Fatalf("%x, %v, want %x", frame, err, want)
	}
}

func TestMsgIDVector(t *testing.T) {
	at := time.Date(2026, 11, 23, 2, 4, 2, 0, time.UTC)
	if id := MsgID(at, 1001, 1); id != 13522128799745507329 {
		t.Errorf("%d", id)
	}
}

func TestFormatTime(t *testing.T) {
	if s := FormatTime(time.Date(2026, 11, 23, 16, 4, 2, 0, time.UTC)); s != "261124000402032+" {
		t.Error(s)
	}
}

// Sizes of CMPP 3.0 §8.4.3 and §8.4.5, and of 2.0.
func TestFrameSizes(t *testing.T) {
	submit := &Submit{PkTotal: 1, PkNumber: 1, Dest: []string{"17000000001"}, Content: []byte("123456")}
	deliver := &Deliver{Content: []byte("T")}
	for _, v := range []struct {
		version Version
		pdu     PDU
		want    int
	}{
		{V20, submit, 165},
		{V30, submit, 163 + 32 + 6},
		{V20, deliver, 86},
		{V30, deliver, 110},
		{V20, &ConnectResp{}, 30},
		{V30, &ConnectResp{}, 33},
		{V20, &SubmitResp{}, 21},
		{V30, &SubmitResp{}, 24},
		{V21, &DeliverResp{}, 21},
		{V30, &DeliverResp{}, 24},
		{V20, &Terminate{}, 12},
		{V20, &ActiveTest{}, 12},
		{V20, &ActiveTestResp{}, 13},
		{V20, &Cancel{}, 20},
		{V20, &CancelResp{}, 13},
		{V30, &CancelResp{}, 16},
		{V20, &Query{}, 39},
		{V20, &QueryResp{}, 63},
	} {
		frame, err := Append(nil, v.version, 7, v.pdu)
		if err != nil || len(frame) != v.want {
			t.Errorf("%T in 0x%02x: %d bytes, %v, want %d", v.pdu, uint8(v.version), len(frame), err, v.want)
		}
	}
}

func digits(most int) *rapid.Generator[string] {
	return rapid.StringMatching(`[0-9]{0,` + string(rune('0'+most%10)) + `}`)
}

// drawPDU makes any PDU that a frame of v can hold.
func drawPDU(t *rapid.T, v Version) PDU {
	u8 := func(name string) uint8 { return rapid.Uint8().Draw(t, name) }
	u32 := func(name string) uint32 { return rapid.Uint32().Draw(t, name) }
	status := func() uint32 {
		if v.is3() {
			return u32("status")
		}
		return uint32(u8("status"))
	}
	text := func(most int) string { return digits(most).Draw(t, "text") }
	id := rapid.Uint64().Draw(t, "id")
	content := rapid.SliceOfN(rapid.Byte(), 0, 140).Draw(t, "content")
	third := func() uint8 {
		if v.is3() {
			return u8("type")
		}
		return 0
	}
	switch rapid.IntRange(0, 13).Draw(t, "pdu") {
	case 0:
		return &Connect{SourceAddr: text(6), Authenticator: [16]byte{u8("a")}, Version: v, Timestamp: u32("stamp")}
	case 1:
		return &ConnectResp{Status: status(), Authenticator: [16]byte{u8("a")}, Version: v}
	case 2:
		return &Terminate{}
	case 3:
		return &TerminateResp{}
	case 4:
		return &Submit{
			MsgID: id, PkTotal: u8("total"), PkNumber: u8("number"), RegisteredDelivery: u8("rd"), MsgLevel: u8("level"),
			ServiceID: text(9), FeeUserType: u8("user"), FeeTerminalID: text(9), FeeTerminalType: third(), TPPID: u8("pid"),
			TPUDHI: u8("udhi"), MsgFmt: u8("fmt"), MsgSrc: text(6), FeeType: text(2), FeeCode: text(6), ValidTime: text(9),
			AtTime: text(9), SrcID: text(9), Dest: rapid.SliceOfN(digits(9), 1, MaxDests).Draw(t, "dest"),
			DestTerminalType: third(), Content: content, LinkID: text(8),
		}
	case 5:
		return &SubmitResp{MsgID: id, Result: status()}
	case 6:
		return &Deliver{
			MsgID: id, DestID: text(9), ServiceID: text(9), TPPID: u8("pid"), TPUDHI: u8("udhi"), MsgFmt: u8("fmt"),
			SrcTerminalID: text(9), SrcTerminalType: third(), RegisteredDelivery: u8("rd"), Content: content, LinkID: text(8),
		}
	case 7:
		return &DeliverResp{MsgID: id, Result: status()}
	case 8:
		return &Query{Time: text(8), QueryType: u8("type"), QueryCode: text(9)}
	case 9:
		return &QueryResp{Time: text(8), QueryType: u8("type"), QueryCode: text(9), MTMessages: u32("mt"), MOFailed: u32("mo")}
	case 10:
		return &Cancel{MsgID: id}
	case 11:
		return &CancelResp{SuccessID: status()}
	case 12:
		return &ActiveTest{}
	default:
		return &ActiveTestResp{Reserved: u8("reserved")}
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]Version{V20, V21, V30}).Draw(t, "version")
		p := drawPDU(t, v)
		seq := rapid.Uint32().Draw(t, "sequence")
		frame, err := Append([]byte("before"), v, seq, p)
		if err != nil {
			t.Fatal(err)
		}
		frame = frame[len("before"):]
		h, back, err := Decode(v, frame)
		if err != nil || h.Sequence != seq || h.Command != p.Command() {
			t.Fatal(h, err)
		}
		if !reflect.DeepEqual(p, back) {
			t.Fatalf("sent %+v, got %+v", p, back)
		}
	})
}

// Every frame that lost its end is refused, or is one of the two that peers are
// known to shorten.
func TestTruncationIsRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]Version{V20, V30}).Draw(t, "version")
		p := drawPDU(t, v)
		body, err := p.AppendBody(nil, v)
		if err != nil || len(body) == 0 {
			return
		}
		cut := rapid.IntRange(0, len(body)-1).Draw(t, "cut")
		err = newPDU(p.Command()).DecodeBody(body[:cut], v)
		if _, ok := p.(*Deliver); ok && cut >= len(body)-v.linkLen() {
			return // the link id may be short
		}
		switch p.(type) {
		case *ActiveTestResp:
			return
		case *ConnectResp, *SubmitResp, *DeliverResp, *CancelResp:
			if v == V30 && cut == len(body)-3 {
				return // it has the size of the other version
			}
		}
		if err == nil {
			t.Fatalf("%T of %d bytes was read from %d", p, len(body), cut)
		}
	})
}

// fits tells whether a body is one of the version, to the byte.
func fits(c Command, body []byte, v Version) bool {
	p := newPDU(c)
	if p.DecodeBody(body, v) != nil {
		return false
	}
	again, err := p.AppendBody(nil, v)
	return err == nil && len(again) == len(body)
}

// Vendors append bytes of their own, and some peers answer in the other version.
func TestTrailingBytesAndAnswersOfTheOtherVersion(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SampledFrom([]Version{V20, V30}).Draw(t, "version")
		p := drawPDU(t, v)
		body, err := p.AppendBody(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		more := append(body, bytes.Repeat([]byte{0x5a}, rapid.SampledFrom([]int{1, 2, 5, 40}).Draw(t, "more"))...)
		got := newPDU(p.Command())
		if fits(p.Command(), more, v.other()) {
			return // by chance: nobody could tell
		}
		if err := got.DecodeBody(more, v); err != nil {
			t.Fatalf("%T with %d bytes more: %v", p, len(more)-len(body), err)
		}
		again, err := got.AppendBody(nil, v)
		if err != nil || !bytes.Equal(again, body) {
			t.Fatalf("%T with bytes behind it is read as %+v, %v", p, got, err)
		}
	})
	for _, v := range []Version{V20, V30} {
		for _, p := range []PDU{&ConnectResp{Status: 3}, &SubmitResp{MsgID: 7, Result: 8}, &DeliverResp{MsgID: 7, Result: 8}, &CancelResp{SuccessID: 1}} {
			body, err := p.AppendBody(nil, v.other())
			if err != nil {
				t.Fatal(err)
			}
			got := newPDU(p.Command())
			if err := got.DecodeBody(body, v); err != nil || !reflect.DeepEqual(got, p) {
				t.Errorf("%T of the other version than 0x%02x: %+v, %v", p, uint8(v), got, err)
			}
		}
		for _, p := range []PDU{&Submit{Dest: []string{"17000000001"}, Content: []byte("x")}, &Deliver{Content: []byte("x")}} {
			body, err := p.AppendBody(nil, v.other())
			if err != nil {
				t.Fatal(err)
			}
			if err := newPDU(p.Command()).DecodeBody(body, v); err == nil {
				t.Errorf("%T of the other version than 0x%02x was read", p, uint8(v))
			}
		}
	}
}

func TestReportLayoutComesFromItsLength(t *testing.T) {
	r := Report{MsgID: 9, Stat: "DELIVRD", SubmitTime: "2611241000", DoneTime: "2611241001", Dest: "17000000001", SMSCSequence: 5}
	for v, size := range map[Version]int{V20: 60, V30: 71} {
		b, err := r.Append(nil, v)
		if err != nil || len(b) != size {
			t.Fatal(len(b), err)
		}
		if got, err := ParseReport(b); err != nil || got != r {
			t.Errorf("%d bytes: %+v, %v", size, got, err)
		}
		for cut := range b {
			got, err := ParseReport(b[:cut])
			if (err == nil) != (cut >= reportHead) || err == nil && got.Stat != r.Stat {
				t.Errorf("%d of %d bytes: %+v, %v", cut, size, got, err)
			}
		}
	}
}

// A 3.0 DELIVER with the 60-byte report is 11 bytes short of its link id.
func TestShortLinkIDIsRead(t *testing.T) {
	frame, err := Append(nil, V30, 1, &Deliver{RegisteredDelivery: 1, Content: make([]byte, 60)})
	if err != nil {
		t.Fatal(err)
	}
	p := &Deliver{}
	if err := p.DecodeBody(frame[HeaderSize:len(frame)-11], V30); err != nil || len(p.Content) != 60 {
		t.Error(err, len(p.Content))
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	good := func() *Submit { return &Submit{Dest: []string{"17000000001"}, Content: []byte("x")} }
	for name, spoil := range map[string]func(*Submit){
		"nobody":        func(s *Submit) { s.Dest = nil },
		"100 numbers":   func(s *Submit) { s.Dest = make([]string, 100) },
		"long number":   func(s *Submit) { s.Dest = []string{"1234567890123456789012"} },
		"long content":  func(s *Submit) { s.MsgFmt, s.Content = 8, make([]byte, 141) },
		"long ASCII":    func(s *Submit) { s.Content = make([]byte, 160) },
		"long source":   func(s *Submit) { s.SrcID = "1234567890123456789012" },
		"NUL in source": func(s *Submit) { s.SrcID = "10\x0069" },
	} {
		s := good()
		spoil(s)
		if b, err := Append(nil, V20, 1, s); err == nil || len(b) != 0 {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	if _, err := Append(nil, V20, 1, &SubmitResp{Result: 256}); err == nil {
		t.Error("result 256 was written into one byte")
	}
}

func FuzzDecode(f *testing.F) {
	for _, v := range []Version{V20, V30} {
		for _, p := range []PDU{
			&Connect{SourceAddr: "900001"}, &Submit{Dest: []string{"1"}}, &Deliver{Content: []byte("T")}, &SubmitResp{}, &QueryResp{},
		} {
			frame, err := Append(nil, v, 1, p)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(uint8(v), frame)
		}
	}
	f.Fuzz(func(t *testing.T, version uint8, frame []byte) {
		v := Version(version)
		_, p, err := Decode(v, frame)
		if err != nil {
			return
		}
		if d, ok := p.(*Deliver); ok && d.RegisteredDelivery == 1 {
			_, _ = ParseReport(d.Content)
		}
		again, err := Append(nil, v, 1, p)
		if err != nil {
			return // longer content than may be sent is still read
		}
		if _, q, err := Decode(v, again); err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v became %+v, %v", p, q, err)
		}
	})
}

func FuzzParseReport(f *testing.F) {
	f.Add(make([]byte, 60))
	f.Add(make([]byte, 71))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseReport(b); err == nil && len(b) < reportHead {
			t.Fatal(r)
		}
	})
}

func BenchmarkSubmitAppend(b *testing.B) {
	s := &Submit{PkTotal: 1, PkNumber: 1, MsgFmt: 8, SrcID: "10690000", Dest: []string{"17000000001"}, Content: make([]byte, 60)}
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Append(buf, V30, 1, s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubmitDecodeReused(b *testing.B) {
	s := &Submit{PkTotal: 1, PkNumber: 1, MsgFmt: 8, SrcID: "10690000", Dest: []string{"17000000001"}, Content: make([]byte, 60)}
	body, err := s.AppendBody(nil, V30)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var p Submit
	for b.Loop() {
		if err := p.DecodeBody(body, V30); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubmitRespDecodeReused(b *testing.B) {
	body, err := (&SubmitResp{MsgID: 1}).AppendBody(nil, V30)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var p SubmitResp
	for b.Loop() {
		if err := p.DecodeBody(body, V30); err != nil {
			b.Fatal(err)
		}
	}
}

// Some gateways fill their fields up with spaces: a number is the same number.
func TestSpacesAroundFieldsAreNoPartOfThem(t *testing.T) {
	r := Report{MsgID: 1, Stat: "DELIVRD", SubmitTime: "2611240001", DoneTime: "2611240002", Dest: "17000000001   "}
	content, err := r.Append(nil, V20)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := Append(nil, V20, 1, &Deliver{DestID: "1069000001 ", SrcTerminalID: " 17000000001", RegisteredDelivery: 1, Content: content})
	if err != nil {
		t.Fatal(err)
	}
	_, p, err := Decode(V20, frame)
	if err != nil {
		t.Fatal(err)
	}
	d := p.(*Deliver)
	if d.DestID != "1069000001" || d.SrcTerminalID != "17000000001" {
		t.Errorf("%q to %q", d.SrcTerminalID, d.DestID)
	}
	if got, err := ParseReport(d.Content); err != nil || got.Dest != "17000000001" {
		t.Errorf("%q, %v", got.Dest, err)
	}
}
