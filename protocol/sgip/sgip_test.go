package sgip_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/sgip"
	"github.com/zhunxin/zhunxin/protocol/wire"
)

const (
	phone = "8614200000001"
	long  = "1234567890123456789012" // one more than a number may have
)

// bindFrame was seen on the wire.
const bindFrame = "0000003d00000001b47cb39842f128e60000000101" +
	"66616b656e616d650000000000000000" + "31323334000000000000000000000000" + "0000000000000000"

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// seal puts the length of the frame into its header.
func seal(frame []byte) []byte {
	binary.BigEndian.PutUint32(frame, uint32(len(frame)))
	return frame
}

func frameOf(t testing.TB, p sgip.PDU) []byte {
	t.Helper()
	frame, err := sgip.Append(nil, sgip.Sequence{Node: 3028071320, Time: 1123100902, Count: 1}, p)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

// samples has every PDU with all its fields set.
func samples() []sgip.PDU {
	reserve := [8]byte{1, 2, 3, 4, 5, 6, 7, 8}
	id := sgip.Sequence{Node: 3028071320, Time: 1123100902, Count: 7}
	return []sgip.PDU{
		&sgip.Bind{Type: sgip.LoginSP, Name: "fakename", Password: "1234", Reserve: reserve},
		&sgip.BindResp{Result: sgip.ResultBadLogin, Reserve: reserve},
		&sgip.Unbind{},
		&sgip.UnbindResp{},
		&sgip.Submit{
			SPNumber: "10650000", ChargeNumber: sgip.ChargeSP, UserNumbers: []string{phone, "8614200000002"},
			CorpID: "71320", ServiceType: "SMS", FeeType: 1, FeeValue: "10", GivenValue: "20", AgentFlag: 1, MorelateToMTFlag: 2,
			Priority: 9, ExpireTime: "261124000402032+", ScheduleTime: "261123000402032+", ReportFlag: sgip.ReportAlways, TPPID: 3,
			TPUDHI: 1, MessageCoding: 8, MessageType: 4, Content: []byte("content"), Reserve: reserve,
		},
		&sgip.SubmitResp{Result: sgip.ResultBusy, Reserve: reserve},
		&sgip.Deliver{
			UserNumber: phone, SPNumber: "10650000", TPPID: 1, TPUDHI: 0x40, MessageCoding: 15, Content: []byte("T"), Reserve: reserve,
		},
		&sgip.DeliverResp{Result: sgip.ResultBadParameter, Reserve: reserve},
		&sgip.Report{
			Submit: id, Type: 1, UserNumber: phone, State: sgip.StateFailed, ErrorCode: sgip.ResultUserAbsent, Reserve: reserve,
		},
		&sgip.ReportResp{Result: sgip.ResultBadSequence, Reserve: reserve},
		&sgip.UserRpt{SPNumber: "10650000", UserNumber: phone, UserCondition: 2, Reserve: reserve},
		&sgip.UserRptResp{Result: sgip.ResultBadNumber, Reserve: reserve},
		&sgip.Trace{Submit: id, UserNumber: phone, Reserve: reserve},
		&sgip.TraceResp{Hops: []sgip.Hop{
			{Result: 1, NodeID: "100281", ReceiveTime: "261123100902032+", SendTime: "261123100903032+", Reserve: reserve},
			{Result: 2, NodeID: "100282"},
		}},
	}
}

func TestBindVector(t *testing.T) {
	t.Parallel()
	node, err := sgip.SPNode("028", "71320")
	if err != nil || node != 0xB47CB398 {
		t.Fatal(node, err)
	}
	at := time.Date(2026, 11, 23, 2, 9, 2, 0, time.UTC)
	seq := sgip.Sequence{Node: node, Time: sgip.Timestamp(at), Count: 1}
	bind := &sgip.Bind{Type: sgip.LoginSP, Name: "fakename", Password: "1234"}
	frame, err := sgip.Append(nil, seq, bind)
	if want := unhex(t, bindFrame); err != nil || !bytes.Equal(frame, want) {
		t.Fatalf("%x, %v, want %x", frame, err, want)
	}
	h, back, err := sgip.Decode(frame)
	if err != nil || h != (sgip.Header{Length: 61, Command: sgip.CmdBind, Sequence: seq}) || !reflect.DeepEqual(back, bind) {
		t.Fatal(h, back, err)
	}
}

// The order and the size of every field, on hand-laid bytes: a round trip alone
// would not see two fields of one size in each other's place.
func TestLayouts(t *testing.T) {
	t.Parallel()
	pad := func(s string, n int) string { return s + strings.Repeat("\x00", n-len(s)) }
	const reserve = "\x01\x02\x03\x04\x05\x06\x07\x08"
	const id = "\xb4\x7c\xb3\x98\x42\xf1\x28\xe6\x00\x00\x00\x07"
	want := map[sgip.Command]string{
		sgip.CmdBindResp: "\x01" + reserve,
		sgip.CmdSubmit: pad("10650000", 21) + strings.Repeat("0", 21) + "\x02" + pad(phone, 21) + pad("8614200000002", 21) +
			"71320" + pad("SMS", 10) + "\x01" + pad("10", 6) + pad("20", 6) + "\x01\x02\x09" + "261124000402032+" +
			"261123000402032+" + "\x01\x03\x01\x08\x04" + "\x00\x00\x00\x07content" + reserve,
		sgip.CmdDeliver: pad(phone, 21) + pad("10650000", 21) + "\x01\x40\x0f" + "\x00\x00\x00\x01T" + reserve,
		sgip.CmdReport:  id + "\x01" + pad(phone, 21) + "\x02\x19" + reserve,
		sgip.CmdUserRpt: pad("10650000", 21) + pad(phone, 21) + "\x02" + reserve,
		sgip.CmdTrace:   id + pad(phone, 21) + reserve,
		sgip.CmdTraceResp: "\x02" + "\x01" + "100281" + "261123100902032+" + "261123100903032+" + reserve +
			"\x02" + "100282" + pad("", 16+16+8),
	}
	for _, p := range samples() {
		body, err := p.AppendBody(nil)
		if w, ok := want[p.Command()]; err != nil || ok && string(body) != w {
			t.Errorf("%T: %q, %v, want %q", p, body, err, w)
		}
	}
}

func TestCommandIDs(t *testing.T) {
	t.Parallel()
	want := []sgip.Command{
		1, 0x80000001, 2, 0x80000002, 3, 0x80000003, 4, 0x80000004, 5, 0x80000005, 0x11, 0x80000011, 0x1000, 0x80001000,
	}
	for i, p := range samples() {
		h, err := sgip.DecodeHeader(frameOf(t, p))
		if err != nil || h.Command != want[i] || p.Command() != want[i] {
			t.Errorf("%T: 0x%08x, %v, want 0x%08x", p, uint32(h.Command), err, uint32(want[i]))
		}
	}
}

func TestFrameSizes(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		pdu  sgip.PDU
		want int
	}{
		{&sgip.Bind{}, 61},
		{&sgip.BindResp{}, 29},
		{&sgip.Unbind{}, 20},
		{&sgip.UnbindResp{}, 20},
		{&sgip.Submit{UserNumbers: []string{phone}, Content: []byte("123456")}, 170},
		{&sgip.Submit{UserNumbers: make([]string, 100), Content: make([]byte, 160)}, 2403},
		{&sgip.SubmitResp{}, 29},
		{&sgip.Deliver{Content: []byte("12")}, 79},
		{&sgip.DeliverResp{}, 29},
		{&sgip.Report{}, 64},
		{&sgip.ReportResp{}, 29},
		{&sgip.UserRpt{}, 71},
		{&sgip.UserRptResp{}, 29},
		{&sgip.Trace{}, 61},
		{&sgip.TraceResp{}, 21},
		{&sgip.TraceResp{Hops: make([]sgip.Hop, 3)}, 21 + 47*3},
	} {
		if frame := frameOf(t, v.pdu); len(frame) != v.want {
			t.Errorf("%T: %d bytes, want %d", v.pdu, len(frame), v.want)
		}
	}
}

// The host's zone is no concern of the carrier's: the same instant gives the
// same digits, in UTC+8.
func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 31, 16, 4, 2, 999, time.UTC)
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("west", -9*3600), time.FixedZone("east", 9*3600)} {
		if n := sgip.Timestamp(at.In(zone)); n != 101000402 {
			t.Errorf("%s: %d", zone, n)
		}
		if s := sgip.FormatTime(at.In(zone)); s != "270101000402032+" || len(s) != 16 {
			t.Errorf("%s: %s", zone, s)
		}
	}
}

func TestSPNode(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		area, corp string
		want       uint32 // zero is an error
	}{
		{"028", "71320", 3028071320},
		{"0755", "00001", 3075500001},
		{"010", "99999", 3010099999},
		{"28", "71320", 0},
		{"02855", "71320", 0},
		{"028", "7132", 0},
		{"028", "713200", 0},
		{"0x8", "71320", 0},
		{"028", "-1320", 0},
		{"", "", 0},
	} {
		if n, err := sgip.SPNode(v.area, v.corp); n != v.want || (err == nil) != (v.want != 0) {
			t.Errorf("%s %s: %d, %v, want %d", v.area, v.corp, n, err, v.want)
		}
	}
}

func TestSequenceString(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]sgip.Sequence{
		"3028071320-1123100902-1":          {Node: 3028071320, Time: 1123100902, Count: 1},
		"0-0-0":                            {},
		"4294967295-4294967295-4294967295": {Node: math.MaxUint32, Time: math.MaxUint32, Count: math.MaxUint32},
	} {
		if got, err := sgip.ParseSequence(s); err != nil || got != want || want.String() != s {
			t.Errorf("%s: %v, %v, and back %s", s, got, err, want)
		}
	}
	for _, s := range []string{
		"", "-", "--", "1", "1-2", "1-2-", "-1-2", "1--2", "1-2-3-4", "01-2-3", "+1-2-3", "1-2-3 ", "1-x-3", "4294967296-1-1",
		"1-2-0x3", "1_0-2-3", "-1-2-3",
	} {
		if got, err := sgip.ParseSequence(s); err == nil || got != (sgip.Sequence{}) {
			t.Errorf("%q was read as %v", s, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		q := drawSequence(t)
		if back, err := sgip.ParseSequence(q.String()); err != nil || back != q {
			t.Fatalf("%v became %v, %v", q, back, err)
		}
	})
}

func drawSequence(t *rapid.T) sgip.Sequence {
	u32 := rapid.Uint32()
	return sgip.Sequence{Node: u32.Draw(t, "node"), Time: u32.Draw(t, "time"), Count: u32.Draw(t, "count")}
}

// drawPDU makes any PDU that a frame can hold.
func drawPDU(t *rapid.T) sgip.PDU {
	u8 := func(name string) uint8 { return rapid.Uint8().Draw(t, name) }
	word := func(most int) *rapid.Generator[string] {
		return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789abcXYZ+")), 0, most, -1)
	}
	text := func(most int) string { return word(most).Draw(t, "text") }
	reserve := [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "reserve"))
	result := sgip.Result(u8("result"))
	coding := u8("coding")
	content := func() []byte {
		most := 140
		if coding == 0 {
			most = 160
		}
		return rapid.SliceOfN(rapid.Byte(), 0, most).Draw(t, "content")
	}
	switch rapid.IntRange(0, 13).Draw(t, "pdu") {
	case 0:
		return &sgip.Bind{Type: sgip.LoginType(u8("type")), Name: text(16), Password: text(16), Reserve: reserve}
	case 1:
		return &sgip.BindResp{Result: result, Reserve: reserve}
	case 2:
		return &sgip.Unbind{}
	case 3:
		return &sgip.UnbindResp{}
	case 4:
		return &sgip.Submit{
			SPNumber: text(21), ChargeNumber: text(21), UserNumbers: rapid.SliceOfN(word(21), 1, sgip.MaxUsers).Draw(t, "users"),
			CorpID: text(5), ServiceType: text(10), FeeType: u8("fee"), FeeValue: text(6), GivenValue: text(6),
			AgentFlag: u8("agent"), MorelateToMTFlag: u8("more"), Priority: u8("priority"), ExpireTime: text(16),
			ScheduleTime: text(16), ReportFlag: u8("report"), TPPID: u8("pid"), TPUDHI: u8("udhi"), MessageCoding: coding,
			MessageType: u8("type"), Content: content(), Reserve: reserve,
		}
	case 5:
		return &sgip.SubmitResp{Result: result, Reserve: reserve}
	case 6:
		return &sgip.Deliver{
			UserNumber: text(21), SPNumber: text(21), TPPID: u8("pid"), TPUDHI: u8("udhi"), MessageCoding: coding,
			Content: content(), Reserve: reserve,
		}
	case 7:
		return &sgip.DeliverResp{Result: result, Reserve: reserve}
	case 8:
		return &sgip.Report{
			Submit: drawSequence(t), Type: u8("type"), UserNumber: text(21), State: sgip.State(u8("state")), ErrorCode: result,
			Reserve: reserve,
		}
	case 9:
		return &sgip.ReportResp{Result: result, Reserve: reserve}
	case 10:
		return &sgip.UserRpt{SPNumber: text(21), UserNumber: text(21), UserCondition: u8("condition"), Reserve: reserve}
	case 11:
		return &sgip.UserRptResp{Result: result, Reserve: reserve}
	case 12:
		return &sgip.Trace{Submit: drawSequence(t), UserNumber: text(21), Reserve: reserve}
	default:
		p := &sgip.TraceResp{}
		for range rapid.IntRange(0, 86).Draw(t, "hops") {
			p.Hops = append(p.Hops, sgip.Hop{
				Result: sgip.Result(u8("hop")), NodeID: text(6), ReceiveTime: text(16), SendTime: text(16), Reserve: reserve,
			})
		}
		return p
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, seq := drawPDU(t), drawSequence(t)
		frame, err := sgip.Append([]byte("before"), seq, p)
		if err != nil || string(frame[:6]) != "before" {
			t.Fatal(err)
		}
		frame = frame[len("before"):]
		h, back, err := sgip.Decode(frame)
		if err != nil || h != (sgip.Header{Length: uint32(len(frame)), Command: p.Command(), Sequence: seq}) {
			t.Fatal(h, err)
		}
		if !reflect.DeepEqual(p, back) {
			t.Fatalf("sent %+v, got %+v", p, back)
		}
	})
}

// A PDU that is decoded into again holds nothing of what it held.
func TestReuseLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	for _, p := range samples() {
		fresh := reflect.New(reflect.TypeOf(p).Elem()).Interface().(sgip.PDU)
		if s, ok := fresh.(*sgip.Submit); ok {
			s.UserNumbers = []string{""}
		}
		body, err := fresh.AppendBody(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.DecodeBody(body); err != nil {
			t.Fatal(err)
		}
		again, err := p.AppendBody(nil)
		if err != nil || !bytes.Equal(again, body) {
			t.Errorf("%T: %q, %v, want %q", p, again, err, body)
		}
	}
}

func TestTruncationIsRefused(t *testing.T) {
	t.Parallel()
	for _, p := range samples() {
		frame := frameOf(t, p)
		for cut := range frame {
			if _, _, err := sgip.Decode(frame[:cut]); !errors.Is(err, sgip.ErrHeader) {
				t.Errorf("%T of %d bytes, %d came: %v", p, len(frame), cut, err)
			}
			if cut < 4 {
				continue
			}
			want := wire.ErrShort
			if cut < sgip.HeaderSize {
				want = sgip.ErrHeader
			}
			if _, _, err := sgip.Decode(seal(bytes.Clone(frame[:cut]))); !errors.Is(err, want) {
				t.Errorf("%T of %d bytes was read from %d: %v", p, len(frame), cut, err)
			}
		}
	}
}

// Vendors append fields of their own, and a server is known that answers UNBIND
// with the 9 bytes of the other responses.
func TestTrailingBytesAreSkipped(t *testing.T) {
	t.Parallel()
	for _, p := range samples() {
		frame := frameOf(t, p)
		for n := 1; n <= 9; n++ {
			longer := seal(append(bytes.Clone(frame), "trailings"[:n]...))
			if _, back, err := sgip.Decode(longer); err != nil || !reflect.DeepEqual(p, back) {
				t.Errorf("%T with %d bytes more: %+v, %v", p, n, back, err)
			}
		}
	}
}

func TestTextIsCutAtNULAndTrimmed(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"12345\x006789":           "12345",
		"12345           \x00":    "12345",
		"  12345":                 "12345",
		" 1 2 ":                   "1 2",
		"\x0012345":               "",
		"                     ":   "",
		"123456789012345678901":   "123456789012345678901",
		"12345 \x00 tail ignored": "12345",
	} {
		body := make([]byte, 51)
		copy(body[:21], field)
		var p sgip.UserRpt
		if err := p.DecodeBody(body); err != nil || p.SPNumber != want {
			t.Errorf("%q: %q, %v, want %q", field, p.SPNumber, err, want)
		}
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	submit := func(spoil func(*sgip.Submit)) *sgip.Submit {
		s := &sgip.Submit{UserNumbers: []string{phone}, Content: []byte("x")}
		spoil(s)
		return s
	}
	for _, v := range []struct {
		field string
		pdu   sgip.PDU
	}{
		{"Login Name", &sgip.Bind{Name: "12345678901234567"}},
		{"Login Password", &sgip.Bind{Password: "12345678901234567"}},
		{"SPNumber", submit(func(s *sgip.Submit) { s.SPNumber = long })},
		{"SPNumber holds a NUL", submit(func(s *sgip.Submit) { s.SPNumber = "10\x0065" })},
		{"ChargeNumber", submit(func(s *sgip.Submit) { s.ChargeNumber = long })},
		{"UserCount", submit(func(s *sgip.Submit) { s.UserNumbers = nil })},
		{"UserCount", submit(func(s *sgip.Submit) { s.UserNumbers = make([]string, 101) })},
		{"UserCount", submit(func(s *sgip.Submit) { s.UserNumbers = make([]string, 257) })},
		{"UserNumber", submit(func(s *sgip.Submit) { s.UserNumbers = []string{phone, long} })},
		{"CorpId", submit(func(s *sgip.Submit) { s.CorpID = "123456" })},
		{"ServiceType", submit(func(s *sgip.Submit) { s.ServiceType = "12345678901" })},
		{"FeeValue", submit(func(s *sgip.Submit) { s.FeeValue = "1234567" })},
		{"GivenValue", submit(func(s *sgip.Submit) { s.GivenValue = "1234567" })},
		{"ExpireTime", submit(func(s *sgip.Submit) { s.ExpireTime = "0261124000402032+" })},
		{"ScheduleTime", submit(func(s *sgip.Submit) { s.ScheduleTime = "0261124000402032+" })},
		{"MessageContent", submit(func(s *sgip.Submit) { s.Content = make([]byte, 161) })},
		{"MessageContent", submit(func(s *sgip.Submit) { s.MessageCoding, s.Content = 8, make([]byte, 141) })},
		{"UserNumber", &sgip.Deliver{UserNumber: long}},
		{"SPNumber", &sgip.Deliver{SPNumber: long}},
		{"MessageContent", &sgip.Deliver{MessageCoding: 15, Content: make([]byte, 141)}},
		{"UserNumber", &sgip.Report{UserNumber: long}},
		{"SPNumber", &sgip.UserRpt{SPNumber: long}},
		{"UserNumber", &sgip.UserRpt{UserNumber: long}},
		{"UserNumber", &sgip.Trace{UserNumber: long}},
		{"NodeId", &sgip.TraceResp{Hops: []sgip.Hop{{NodeID: "1234567"}}}},
		{"ReceiveTime", &sgip.TraceResp{Hops: []sgip.Hop{{ReceiveTime: "0261124000402032+"}}}},
		{"SendTime", &sgip.TraceResp{Hops: []sgip.Hop{{SendTime: "0261124000402032+"}}}},
		{"Count", &sgip.TraceResp{Hops: make([]sgip.Hop, 256)}},
		{"frame of 4110 bytes", &sgip.TraceResp{Hops: make([]sgip.Hop, 87)}},
	} {
		b, err := sgip.Append([]byte("kept"), sgip.Sequence{}, v.pdu)
		if err == nil || !strings.Contains(err.Error(), v.field) || string(b) != "kept" {
			t.Errorf("%T with a bad %s: %q, %v", v.pdu, v.field, b, err)
		}
	}
}

func TestHeaderLengthIsChecked(t *testing.T) {
	t.Parallel()
	frame := frameOf(t, &sgip.Unbind{})
	for _, n := range []uint32{0, 19, 21, math.MaxUint32} {
		binary.BigEndian.PutUint32(frame, n)
		if _, err := sgip.DecodeHeader(frame); !errors.Is(err, sgip.ErrHeader) {
			t.Errorf("length %d in a frame of 20 bytes: %v", n, err)
		}
	}
	big := append(frameOf(t, &sgip.Unbind{}), make([]byte, sgip.MaxFrame-sgip.HeaderSize)...)
	if _, err := sgip.DecodeHeader(seal(big)); err != nil {
		t.Error(err)
	}
	if _, err := sgip.DecodeHeader(seal(append(big, 0))); !errors.Is(err, sgip.ErrHeader) {
		t.Errorf("%d bytes: %v", len(big)+1, err)
	}
}

// An unknown command keeps its header, so that it can be answered.
func TestUnknownCommand(t *testing.T) {
	t.Parallel()
	for _, c := range []sgip.Command{0, 6, sgip.CmdCheckUser, sgip.CmdCheckUserResp, 0x12, 0x80000000} {
		frame := frameOf(t, &sgip.Unbind{})
		binary.BigEndian.PutUint32(frame[4:], uint32(c))
		h, p, err := sgip.Decode(frame)
		if !errors.Is(err, sgip.ErrCommand) || p != nil || h.Command != c || h.Sequence.Node != 3028071320 {
			t.Errorf("0x%08x: %+v, %v, %v", uint32(c), h, p, err)
		}
	}
}

// Counts that a peer made up are refused, not allocated or sliced by.
func TestMadeUpCounts(t *testing.T) {
	t.Parallel()
	const users, length, deliverLength = 42, 43 + 21 + 68, 45
	submit, err := (&sgip.Submit{UserNumbers: []string{phone}}).AppendBody(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []byte{0, 101, 255} {
		body := bytes.Clone(submit)
		body[users] = n
		if err := new(sgip.Submit).DecodeBody(body); err == nil || !strings.Contains(err.Error(), "UserCount") {
			t.Errorf("UserCount %d: %v", n, err)
		}
	}
	deliver, err := (&sgip.Deliver{}).AppendBody(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint32{161, math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32} {
		binary.BigEndian.PutUint32(submit[length:], n)
		binary.BigEndian.PutUint32(deliver[deliverLength:], n)
		for _, err := range []error{new(sgip.Submit).DecodeBody(submit), new(sgip.Deliver).DecodeBody(deliver)} {
			if err == nil || !strings.Contains(err.Error(), "MessageLength") {
				t.Errorf("MessageLength %d: %v", n, err)
			}
		}
	}
	var p sgip.TraceResp
	if err := p.DecodeBody([]byte{255}); !errors.Is(err, wire.ErrShort) || cap(p.Hops) > 1 {
		t.Errorf("255 hops in no bytes: %v, room for %d", err, cap(p.Hops))
	}
}

// Not parallel: it counts allocations.
func TestReusedDecodeAllocatesOnlyStrings(t *testing.T) {
	for _, p := range samples() {
		body, err := p.AppendBody(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.DecodeBody(body); err != nil {
			t.Fatal(err)
		}
		most := float64(countStrings(reflect.ValueOf(p).Elem()))
		got := testing.AllocsPerRun(100, func() {
			if err := p.DecodeBody(body); err != nil {
				t.Error(err)
			}
		})
		if got > most {
			t.Errorf("%T: %v allocations for %v strings", p, got, most)
		}
	}
}

func countStrings(v reflect.Value) (n int) {
	switch v.Kind() {
	case reflect.String:
		if v.Len() > 0 {
			n = 1
		}
	case reflect.Struct:
		for i := range v.NumField() {
			n += countStrings(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			n += countStrings(v.Index(i))
		}
	}
	return n
}
