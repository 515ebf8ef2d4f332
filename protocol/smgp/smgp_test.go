package smgp_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smgp"
	"github.com/zhunxin/zhunxin/protocol/wire"
)

const handset = "14200000001"

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAuthenticatorVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		login, secret string
		stamp         uint32
		want          string
	}{
		{"12345678", "1234", 301000000, "e6c028bacf65f21bb98490c8b9139037"},
		{"900001", "888888", 1123100317, "6ecb8ec6813f3b43eca563204708b4b1"},
	} {
		if got := smgp.Authenticator(v.login, v.secret, v.stamp); hex.EncodeToString(got[:]) != v.want {
			t.Errorf("%s at %d: %x, want %s", v.login, v.stamp, got, v.want)
		}
	}
	proof := [16]byte(unhex(t, "e6c028bacf65f21bb98490c8b9139037"))
	if got := smgp.ServerAuthenticator(smgp.StatusOK, proof, "1234"); hex.EncodeToString(got[:]) != "2961afa074d4769f03e3d7533816efd9" {
		t.Errorf("server: %x", got)
	}
}

func TestLoginVector(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 23, 2, 3, 17, 0, time.UTC)
	stamp := smgp.Timestamp(at)
	frame, err := smgp.Append(nil, smgp.V30, 1, &smgp.Login{
		ClientID: "900001", Authenticator: smgp.Authenticator("900001", "888888", stamp), LoginMode: smgp.ModeSend, Timestamp: stamp, Version: smgp.V30,
	})
	want := unhex(t, "0000002a 00000001 00000001 3930303030310000 6ecb8ec6813f3b43eca563204708b4b1 00 42f1269d 30")
	if err != nil || !bytes.Equal(frame, want) {
		t.Fatalf("%x, %v, want %x", frame, err, want)
	}
}

// Times are China's wherever the host and the value come from.
func TestTimes(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 31, 16, 4, 2, 0, time.UTC)
	for _, zone := range []*time.Location{time.UTC, time.FixedZone("", -9*60*60)} {
		at := at.In(zone)
		got := []string{
			smgp.FormatTime(at), smgp.FormatRecvTime(at), smgp.FormatReportTime(at), smgp.FormatQueryTime(at),
			fmt.Sprintf("%010d", smgp.Timestamp(at)),
		}
		if want := []string{"270101000402032+", "20270101000402", "2701010004", "20270101", "0101000402"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	}
}

func TestMsgID(t *testing.T) {
	t.Parallel()
	id, err := smgp.NewMsgID(time.Date(2026, 1, 16, 9, 0, 0, 0, time.UTC), 10061, 12345)
	if err != nil || id.String() != "01006101161700012345" || id[5] != 0x17 {
		t.Errorf("%s, %v", id, err)
	}
	for _, s := range []string{"01006101161700012345", "00000000000000000000", "ff00abcdef0123456789"} {
		if id, err := smgp.ParseMsgID(s); err != nil || id.String() != s {
			t.Errorf("%s became %s, %v", s, id, err)
		}
	}
	if id, err := smgp.ParseMsgID("FF00ABCDEF0123456789"); err != nil || id != (smgp.MsgID{0xff, 0, 0xab, 0xcd, 0xef, 1, 0x23, 0x45, 0x67, 0x89}) {
		t.Errorf("upper case: %s, %v", id, err)
	}
	for _, s := range []string{"", "0100610116170001234", "010061011617000123450", "0100610116170001234x"} {
		if id, err := smgp.ParseMsgID(s); err == nil || id != (smgp.MsgID{}) {
			t.Errorf("%q was read as %s, %v", s, id, err)
		}
	}
	for _, part := range [][2]uint32{{smgp.MaxMsgIDPart + 1, 0}, {0, smgp.MaxMsgIDPart + 1}} {
		if id, err := smgp.NewMsgID(time.Time{}, part[0], part[1]); err == nil {
			t.Errorf("%v became %s", part, id)
		}
	}
	id, err = smgp.NewMsgID(time.Date(2026, 12, 31, 15, 59, 0, 0, time.UTC), smgp.MaxMsgIDPart, smgp.MaxMsgIDPart)
	if err != nil || id.String() != "99999912312359999999" {
		t.Errorf("%s, %v", id, err)
	}
}

func TestFrameSizes(t *testing.T) {
	t.Parallel()
	submit := &smgp.Submit{MsgType: smgp.MsgTypeMT, Dest: []string{handset}, Content: []byte("123456")}
	three := &smgp.Submit{Dest: []string{handset, handset, handset}}
	withTLVs := &smgp.Submit{Dest: []string{handset}, Content: []byte("123456"), TLVs: smgp.TLVs{
		smgp.ByteTLV(smgp.TagTPUDHI, 0), smgp.TextTLV(smgp.TagMsgSrc, "900001"), smgp.ByteTLV(smgp.TagPkTotal, 1),
		smgp.ByteTLV(smgp.TagPkNumber, 1), smgp.TextTLV(smgp.TagMServiceID, "p"),
	}}
	for _, v := range []struct {
		version smgp.Version
		pdu     smgp.PDU
		want    int
	}{
		{smgp.V30, &smgp.Login{}, 42},
		{smgp.V30, &smgp.LoginResp{}, 33},
		{smgp.V30, submit, 126 + 21 + 6},
		{smgp.V13, submit, 126 + 21 + 6 - 6},
		{smgp.V30, three, 126 + 3*21},
		{smgp.V30, &smgp.Submit{Dest: make([]string, 100), Content: make([]byte, 140)}, 2366},
		{smgp.V30, withTLVs, 205},
		{smgp.V30, &smgp.SubmitResp{}, 26},
		{smgp.V30, &smgp.Deliver{Content: []byte("TD")}, 91},
		{smgp.V13, &smgp.Deliver{Content: []byte("TD")}, 91},
		{smgp.V30, &smgp.DeliverResp{}, 26},
		{smgp.V30, &smgp.ActiveTest{}, 12},
		{smgp.V30, &smgp.ActiveTestResp{}, 12},
		{smgp.V30, &smgp.Exit{}, 12},
		{smgp.V30, &smgp.ExitResp{}, 12},
		{smgp.V30, &smgp.Query{}, 31},
		{smgp.V30, &smgp.QueryResp{}, 71},
	} {
		frame, err := smgp.Append(nil, v.version, 7, v.pdu)
		if err != nil || len(frame) != v.want {
			t.Errorf("%T in 0x%02x: %d bytes, %v, want %d", v.pdu, uint8(v.version), len(frame), err, v.want)
		}
	}
}

// Where each field of a Submit and of a Deliver stands.
func TestFieldOffsets(t *testing.T) {
	t.Parallel()
	submit, err := (&smgp.Submit{
		MsgType: 6, NeedReport: 1, Priority: 2, ServiceID: "SVC", FeeType: "01", FeeCode: "000010", FixedFee: "000020", MsgFormat: 8,
		ValidTime: "V", AtTime: "A", SrcTermID: "10690", ChargeTermID: "C", Dest: []string{handset}, Content: []byte{0x4f, 0x60},
		TLVs: smgp.TLVs{smgp.ByteTLV(smgp.TagPkTotal, 3)},
	}).AppendBody(nil, smgp.V30)
	if err != nil {
		t.Fatal(err)
	}
	deliver, err := (&smgp.Deliver{
		MsgID: smgp.MsgID{1, 2}, IsReport: 1, MsgFormat: 4, RecvTime: "20261123100402", SrcTermID: handset, DestTermID: "10690", Content: []byte("TD"),
	}).AppendBody(nil, smgp.V30)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		body []byte
		at   int
		want string
	}{
		{submit, 0, "\x06\x01\x02SVC\x00"},
		{submit, 13, "01000010000020\x08V\x00"},
		{submit, 45, "A\x00"},
		{submit, 62, "10690\x00"},
		{submit, 83, "C\x00"},
		{submit, 104, "\x01" + handset},
		{submit, 126, "\x02\x4f\x60" + strings.Repeat("\x00", 8) + "\x00\x09\x00\x01\x03"},
		{deliver, 0, "\x01\x02\x00"},
		{deliver, 10, "\x01\x0420261123100402" + handset},
		{deliver, 47, "10690\x00"},
		{deliver, 68, "\x02TD\x00"},
	} {
		if got := string(f.body[f.at:][:len(f.want)]); got != f.want {
			t.Errorf("at %d: %q, want %q", f.at, got, f.want)
		}
	}
}

func digits(most int) *rapid.Generator[string] {
	return rapid.StringMatching(fmt.Sprintf(`[0-9]{0,%d}`, most))
}

// drawTLVs makes fields whose known tags have their sizes. Unknown tags and
// pseudonyms may be empty.
func drawTLVs(t *rapid.T) smgp.TLVs {
	var list smgp.TLVs
	tags := []uint16{
		smgp.TagTPUDHI, smgp.TagPkTotal, smgp.TagMsgSrc, smgp.TagLinkID, smgp.TagMServiceID, smgp.TagDestTermPseudo, 0x0000, 0x0013, 0xFFFF,
	}
	for range rapid.IntRange(0, 4).Draw(t, "TLVs") {
		tag := rapid.SampledFrom(tags).Draw(t, "tag")
		switch tag {
		case smgp.TagTPUDHI, smgp.TagPkTotal:
			list = append(list, smgp.ByteTLV(tag, rapid.Uint8().Draw(t, "value")))
		case smgp.TagMsgSrc, smgp.TagLinkID, smgp.TagMServiceID:
			list = append(list, smgp.TextTLV(tag, digits(8).Draw(t, "value")))
		default:
			list = append(list, smgp.TLV{tag, rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "value")})
		}
	}
	return list
}

// drawPDUs makes one PDU of every kind that a frame of v can hold.
func drawPDUs(t *rapid.T, v smgp.Version) []smgp.PDU {
	u8 := func(name string) uint8 { return rapid.Uint8().Draw(t, name) }
	u32 := func(name string) uint32 { return rapid.Uint32().Draw(t, name) }
	text := func(most int) string { return digits(most).Draw(t, "text") }
	raw := func(least, most int) []byte { return rapid.SliceOfN(rapid.Byte(), least, most).Draw(t, "bytes") }
	id, proof := smgp.MsgID(raw(10, 10)), [16]byte(raw(16, 16))
	submit := &smgp.Submit{
		MsgType: u8("type"), NeedReport: u8("report"), Priority: u8("priority"), ServiceID: text(10), FeeType: text(2), FeeCode: text(6),
		MsgFormat: u8("format"), ValidTime: text(17), AtTime: text(17), SrcTermID: text(21), ChargeTermID: text(21),
		Dest: rapid.SliceOfN(digits(21), 1, smgp.MaxDests).Draw(t, "dest"), Content: raw(0, smgp.MaxContent), TLVs: drawTLVs(t),
	}
	if v == smgp.V30 {
		submit.FixedFee = text(6)
	}
	return []smgp.PDU{
		&smgp.Login{ClientID: text(8), Authenticator: proof, LoginMode: u8("mode"), Timestamp: u32("stamp"), Version: v},
		&smgp.LoginResp{Status: u32("status"), Authenticator: proof, Version: v},
		submit,
		&smgp.SubmitResp{MsgID: id, Status: u32("status")},
		&smgp.Deliver{
			MsgID: id, IsReport: u8("report"), MsgFormat: u8("format"), RecvTime: text(14), SrcTermID: text(21), DestTermID: text(21),
			Content: raw(0, 255), TLVs: drawTLVs(t),
		},
		&smgp.DeliverResp{MsgID: id, Status: u32("status")},
		&smgp.Query{Time: text(8), QueryType: u8("type"), QueryCode: text(10)},
		&smgp.QueryResp{
			Time: text(8), QueryType: u8("type"), QueryCode: text(10), MTMessages: u32("1"), MTUsers: u32("2"), MTDelivered: u32("3"),
			MTWaiting: u32("4"), MTFailed: u32("5"), MODelivered: u32("6"), MOWaiting: u32("7"), MOFailed: u32("8"),
		},
		&smgp.ActiveTest{},
		&smgp.ActiveTestResp{},
		&smgp.Exit{},
		&smgp.ExitResp{},
	}
}

// eachPDU checks a property of PDUs of every kind in both dialects.
func eachPDU(t *testing.T, check func(t *rapid.T, v smgp.Version, p smgp.PDU)) {
	rapid.Check(t, func(t *rapid.T) {
		for _, v := range []smgp.Version{smgp.V13, smgp.V30} {
			for _, p := range drawPDUs(t, v) {
				check(t, v, p)
			}
		}
	})
}

// bare is a new PDU of the same kind.
func bare(p smgp.PDU) smgp.PDU { return reflect.New(reflect.TypeOf(p).Elem()).Interface().(smgp.PDU) }

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	var reused smgp.Submit
	eachPDU(t, func(t *rapid.T, v smgp.Version, p smgp.PDU) {
		seq := rapid.Uint32().Draw(t, "sequence")
		frame, err := smgp.Append([]byte("before"), v, seq, p)
		if err != nil {
			t.Fatal(err)
		}
		frame = frame[len("before"):]
		h, back, err := smgp.Decode(v, frame)
		if err != nil || h.Sequence != seq || h.Command != p.Command() || int(h.Length) != len(frame) {
			t.Fatal(h, err)
		}
		if !reflect.DeepEqual(p, back) {
			t.Fatalf("sent %+v, got %+v", p, back)
		}
		if _, ok := p.(*smgp.Submit); !ok {
			return
		}
		// What an earlier Submit left behind must not show.
		if err := reused.DecodeBody(frame[smgp.HeaderSize:], v); err != nil {
			t.Fatal(err)
		}
		if again, err := smgp.Append(nil, v, seq, &reused); err != nil || !bytes.Equal(again, frame) {
			t.Fatalf("reused: %x, %v, want %x", again, err, frame)
		}
	})
}

// ends is where a body without TLVs ends, and then where each of its TLVs does.
func ends(t *rapid.T, p smgp.PDU, v smgp.Version) []int {
	body, err := p.AppendBody(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	var list smgp.TLVs
	switch p := p.(type) {
	case *smgp.Submit:
		list = p.TLVs
	case *smgp.Deliver:
		list = p.TLVs
	}
	at := []int{len(body)}
	for i := len(list) - 1; i >= 0; i-- {
		at = append([]int{at[0] - 4 - len(list[i].Value)}, at...)
	}
	return at
}

// Every body that lost its end is refused, unless it ends between two TLVs. Once
// the fields before the TLVs are whole, they are given with the error.
func TestTruncationIsRefused(t *testing.T) {
	t.Parallel()
	eachPDU(t, func(t *rapid.T, v smgp.Version, p smgp.PDU) {
		body, err := p.AppendBody(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		whole := map[int]bool{}
		at := ends(t, p, v)
		for _, n := range at {
			whole[n] = true
		}
		for cut := range body {
			q := bare(p)
			err := q.DecodeBody(body[:cut], v)
			switch {
			case whole[cut] != (err == nil):
				t.Fatalf("%T of %d bytes cut to %d: %v", p, len(body), cut, err)
			case err != nil && !errors.Is(err, wire.ErrShort):
				t.Fatalf("%T cut to %d: %v is not ErrShort", p, cut, err)
			case errors.Is(err, smgp.ErrTLV) != (err != nil && cut > at[0]):
				t.Fatalf("%T cut to %d of %v: %v", p, cut, at, err)
			}
		}
	})
}

// Vendors append bytes; the reserved byte of CMPP's answer to an active test is one.
func TestTrailingBytesArePassedOver(t *testing.T) {
	t.Parallel()
	eachPDU(t, func(t *rapid.T, v smgp.Version, p smgp.PDU) {
		body, err := p.AppendBody(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		q := bare(p)
		err = q.DecodeBody(append(body, 0), v)
		switch p.(type) {
		case *smgp.Submit, *smgp.Deliver:
			if !errors.Is(err, smgp.ErrTLV) {
				t.Fatalf("one byte is no TLV: %v", err)
			}
		default:
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(p, q) {
			t.Fatalf("sent %+v, got %+v", p, q)
		}
	})
	h, p, err := smgp.Decode(smgp.V30, unhex(t, "0000000d 80000004 00000009 00"))
	if _, ok := p.(*smgp.ActiveTestResp); err != nil || !ok || h.Sequence != 9 {
		t.Errorf("%+v, %T, %v", h, p, err)
	}
}

// Peers fill fields up with spaces, or leave rubbish after a NUL.
func TestPaddingIsTakenOff(t *testing.T) {
	t.Parallel()
	frame, err := smgp.Append(nil, smgp.V30, 1, &smgp.Login{ClientID: " 9001 "})
	if err != nil {
		t.Fatal(err)
	}
	copy(frame[smgp.HeaderSize+6:], "\x00x")
	if _, p, err := smgp.Decode(smgp.V30, frame); err != nil || p.(*smgp.Login).ClientID != "9001" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	for _, frame := range [][]byte{
		nil,
		unhex(t, "0000000b 00000004 000000"),
		unhex(t, "0000000d 00000004 00000001"),
		unhex(t, "0000000b 00000004 00000001"),
		append(unhex(t, "00001001 00000002 00000001"), make([]byte, smgp.MaxFrame+1-smgp.HeaderSize)...),
	} {
		if _, p, err := smgp.Decode(smgp.V30, frame); !errors.Is(err, smgp.ErrHeader) || p != nil {
			t.Errorf("%d bytes: %T, %v", len(frame), p, err)
		}
	}
	for _, c := range []smgp.Command{0, smgp.CmdForward, smgp.CmdForwardResp, 8, 0x12, 0x80000000} {
		if _, p, err := smgp.Decode(smgp.V30, unhex(t, fmt.Sprintf("0000000c %08x 00000001", uint32(c)))); !errors.Is(err, smgp.ErrCommand) || p != nil {
			t.Errorf("command 0x%x: %T, %v", uint32(c), p, err)
		}
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1", 22)
	good := func() *smgp.Submit { return &smgp.Submit{Dest: []string{handset}, Content: []byte("x")} }
	for _, c := range []struct {
		name  string
		spoil func(*smgp.Submit)
	}{
		{"ServiceID", func(s *smgp.Submit) { s.ServiceID = long[:11] }},
		{"FeeType", func(s *smgp.Submit) { s.FeeType = "001" }},
		{"FeeCode", func(s *smgp.Submit) { s.FeeCode = long[:7] }},
		{"FixedFee", func(s *smgp.Submit) { s.FixedFee = long[:7] }},
		{"ValidTime", func(s *smgp.Submit) { s.ValidTime = long[:18] }},
		{"AtTime", func(s *smgp.Submit) { s.AtTime = long[:18] }},
		{"SrcTermID", func(s *smgp.Submit) { s.SrcTermID = long }},
		{"SrcTermID", func(s *smgp.Submit) { s.SrcTermID = "10\x0069" }},
		{"ChargeTermID", func(s *smgp.Submit) { s.ChargeTermID = long }},
		{"DestTermID", func(s *smgp.Submit) { s.Dest = []string{handset, long} }},
		{"DestTermIDCount", func(s *smgp.Submit) { s.Dest = nil }},
		{"DestTermIDCount", func(s *smgp.Submit) { s.Dest = make([]string, smgp.MaxDests+1) }},
		{"MsgContent", func(s *smgp.Submit) { s.Content = make([]byte, smgp.MaxContent+1) }},
		{"MsgSrc", func(s *smgp.Submit) { s.TLVs = smgp.TLVs{smgp.TextTLV(smgp.TagMsgSrc, "123456789")} }},
		{"MsgSrc", func(s *smgp.Submit) { s.TLVs = smgp.TLVs{{smgp.TagMsgSrc, []byte("900001")}} }},
		{"PkTotal", func(s *smgp.Submit) { s.TLVs = smgp.TLVs{{smgp.TagPkTotal, nil}} }},
		{"65 TLVs", func(s *smgp.Submit) { s.TLVs = make(smgp.TLVs, smgp.MaxTLVs+1) }},
		{"TLV 0x0008", func(s *smgp.Submit) { s.TLVs = smgp.TLVs{{smgp.TagDestTermPseudo, make([]byte, 1<<16)}} }},
		{"frame is too long", func(s *smgp.Submit) {
			s.TLVs = smgp.TLVs{{smgp.TagDestTermPseudo, make([]byte, smgp.MaxFrame-126-21-1-4+1)}}
		}},
	} {
		s := good()
		c.spoil(s)
		if b, err := smgp.Append([]byte("before"), smgp.V30, 1, s); err == nil || string(b) != "before" || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%s: %d bytes, %v", c.name, len(b), err)
		}
	}
	for name, p := range map[string]smgp.PDU{
		"ClientID": &smgp.Login{ClientID: "123456789"}, "QueryTime": &smgp.Query{Time: "202611230"}, "QueryCode": &smgp.QueryResp{QueryCode: long[:11]},
		"RecvTime": &smgp.Deliver{RecvTime: long[:15]}, "SrcTermID": &smgp.Deliver{SrcTermID: long}, "DestTermID": &smgp.Deliver{DestTermID: long},
		"MsgContent": &smgp.Deliver{Content: make([]byte, 256)},
	} {
		if b, err := smgp.Append(nil, smgp.V30, 1, p); err == nil || len(b) != 0 || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
	s := good()
	s.FixedFee = "000010"
	if _, err := smgp.Append(nil, smgp.V13, 1, s); err == nil || !strings.Contains(err.Error(), "FixedFee") {
		t.Errorf("1.3 has no FixedFee: %v", err)
	}
	s.FixedFee, s.TLVs = "", smgp.TLVs{{smgp.TagDestTermPseudo, make([]byte, smgp.MaxFrame-126-21-1-4+6)}}
	if b, err := smgp.Append(nil, smgp.V13, 1, s); err != nil || len(b) != smgp.MaxFrame {
		t.Errorf("the longest frame: %d bytes, %v", len(b), err)
	}
}

// A count that no Submit may have is refused before its numbers are read.
func TestDestCountIsChecked(t *testing.T) {
	t.Parallel()
	body, err := (&smgp.Submit{Dest: make([]string, smgp.MaxDests)}).AppendBody(nil, smgp.V30)
	if err != nil {
		t.Fatal(err)
	}
	body = append(body, make([]byte, 40)...)
	for _, n := range []byte{0, smgp.MaxDests + 1, 255} {
		body[104] = n
		if err := (&smgp.Submit{}).DecodeBody(body, smgp.V30); err == nil || !strings.Contains(err.Error(), "DestTermIDCount") {
			t.Errorf("%d numbers: %v", n, err)
		}
	}
}

func benchSubmit() *smgp.Submit {
	return &smgp.Submit{
		MsgType: smgp.MsgTypeMT, NeedReport: 1, MsgFormat: 8, SrcTermID: "10690000", Dest: []string{handset}, Content: make([]byte, 60),
		TLVs: smgp.TLVs{smgp.ByteTLV(smgp.TagTPUDHI, 1), smgp.ByteTLV(smgp.TagPkTotal, 2), smgp.ByteTLV(smgp.TagPkNumber, 1)},
	}
}

func BenchmarkSubmitAppend(b *testing.B) {
	s := benchSubmit()
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := smgp.Append(buf, smgp.V30, 1, s); err != nil {
			b.Fatal(err)
		}
	}
}

// The two strings are all that is allocated.
func BenchmarkSubmitDecodeReused(b *testing.B) {
	body, err := benchSubmit().AppendBody(nil, smgp.V30)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var p smgp.Submit
	for b.Loop() {
		if err := p.DecodeBody(body, smgp.V30); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubmitRespDecodeReused(b *testing.B) {
	body, err := (&smgp.SubmitResp{MsgID: smgp.MsgID{1}}).AppendBody(nil, smgp.V30)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var p smgp.SubmitResp
	for b.Loop() {
		if err := p.DecodeBody(body, smgp.V30); err != nil {
			b.Fatal(err)
		}
	}
}
