package smpp_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/protocol/smpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
	"github.com/zhunxin/zhunxin/protocol/wire"
)

// unhex reads hexadecimal with blanks between the fields.
func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// receiptText has 122 bytes, 0x7a: the 102 of Appendix B with its dates, and 20 of text.
const receiptText = "id:0012617184 sub:001 dlvrd:001 submit date:2611241000 done date:2611241001 stat:DELIVRD err:000 text:Hello, world: all ok"

// Frames written by hand from SMPP 3.4 §4, field by field.
func TestVectors(t *testing.T) {
	t.Parallel()
	receipt := &smpp.DeliverSM{
		SourceTON: smpp.TONInternational, SourceNPI: smpp.NPIISDN, SourceAddr: "9991420001", DestAddr: "1069",
		EsmClass: smpp.EsmReceipt, ShortMessage: []byte(receiptText),
		TLVs: smpp.TLVs{{Tag: smpp.TagReceiptedMessageID, Value: []byte("C085E0\x00")}, {Tag: smpp.TagMessageState, Value: []byte{2}}},
	}
	for name, v := range map[string]struct {
		status smpp.Status
		pdu    smpp.PDU
		want   string
	}{
		"bind_transceiver": {0, &smpp.Bind{
			Type: smpp.CmdBindTransceiver, SystemID: "smppclnt", Password: "secret", SystemType: "SMS",
			InterfaceVersion: smpp.Version, AddrTON: smpp.TONInternational, AddrNPI: smpp.NPIISDN, AddressRange: "1069",
		}, `0000002c 00000009 00000000 00000007
			736d7070636c6e7400 73656372657400 534d5300 34 01 01 3130363900`},
		"bind_transceiver_resp": {0, &smpp.BindResp{
			Type: smpp.CmdBindTransceiverResp, SystemID: "SMSC", TLVs: smpp.TLVs{{Tag: smpp.TagScInterfaceVersion, Value: []byte{0x34}}},
		}, `0000001a 80000009 00000000 00000007 534d534300 0210 0001 34`},
		"bind refused": {smpp.StatusInvPassword, &smpp.BindResp{Type: smpp.CmdBindReceiverResp, SystemID: "SMSC"}, `00000010 80000001 0000000e 00000007`},
		"enquire_link": {0, &smpp.EnquireLink{}, `00000010 00000015 00000000 00000007`},
		"generic_nack": {smpp.StatusInvCmdID, &smpp.GenericNack{}, `00000010 80000000 00000003 00000007`},
		"submit_sm": {0, &smpp.SubmitSM{
			SourceTON: smpp.TONAlphanumeric, SourceAddr: "Zhunxin", DestTON: smpp.TONInternational, DestNPI: smpp.NPIISDN,
			DestAddr: "9991420001", EsmClass: smpp.EsmStoreForward, ValidityPeriod: "000002000000000R",
			RegisteredDelivery: smpp.RegisteredReceipt, DataCoding: smpp.CodingUCS2, ShortMessage: []byte("\x4f\x60\x59\x7d"),
			TLVs: smpp.TLVs{{Tag: smpp.TagUserMessageReference, Value: []byte{0x12, 0x34}}},
		}, `0000004c 00000004 00000000 00000007
			00 05 00 5a68756e78696e00 01 01 3939393134323030303100 03 00 00
			00 3030303030323030303030303030305200 01 00 08 00 04 4f60597d 0204 0002 1234`},
		"submit_sm_resp":           {0, &smpp.SubmitSMResp{MessageID: "C085E0"}, `00000017 80000004 00000000 00000007 43303835453000`},
		"submit_sm_resp throttled": {smpp.StatusThrottled, &smpp.SubmitSMResp{}, `00000010 80000004 00000058 00000007`},
		"deliver_sm with receipt": {0, receipt, `000000b9 00000005 00000000 00000007
			00 01 01 3939393134323030303100 00 00 3130363900 04 00 00 00 00 00 00 00 00 7a` +
			hex.EncodeToString([]byte(receiptText)) + `001e 0007 43303835453000 0427 0001 02`},
		"deliver_sm_resp": {0, &smpp.DeliverSMResp{}, `00000011 80000005 00000000 00000007 00`},
		"data_sm_resp failed": {smpp.StatusDeliveryFailure, &smpp.DataSMResp{
			TLVs: smpp.TLVs{{Tag: smpp.TagDeliveryFailureReason, Value: []byte{3}}},
		}, `00000016 80000103 000000fe 00000007 00 0425 0001 03`},
		"outbind":  {0, &smpp.Outbind{SystemID: "SMSC", Password: "pw"}, `00000018 0000000b 00000000 00000007 534d534300 707700`},
		"query_sm": {0, &smpp.QuerySM{MessageID: "7A", SourceAddr: "1069"}, `0000001a 00000003 00000000 00000007 374100 00 00 3130363900`},
		"query_sm_resp": {
			0, &smpp.QuerySMResp{MessageID: "7A", FinalDate: "261124100102032+", State: smpp.StateExpired, ErrorCode: 9},
			`00000026 80000003 00000000 00000007 374100 3236313132343130303130323033322b00 03 09`,
		},
		"alert_notification": {
			0, &smpp.AlertNotification{SourceAddr: "142", EsmeAddr: "1069"},
			`0000001d 00000102 00000000 00000007 00 00 31343200 00 00 3130363900`,
		},
	} {
		want := unhex(t, v.want)
		frame, err := smpp.Append(nil, v.status, 7, v.pdu)
		if err != nil || !bytes.Equal(frame, want) {
			t.Errorf("%s:\n got %x, %v\nwant %x", name, frame, err, want)
		}
		h, back, err := smpp.Decode(want)
		if err != nil || h != (smpp.Header{Length: uint32(len(want)), Command: v.pdu.Command(), Status: v.status, Sequence: 7}) {
			t.Errorf("%s: %+v, %v", name, h, err)
			continue
		}
		if again, err := smpp.Append(nil, v.status, 7, back); err != nil || !bytes.Equal(again, want) {
			t.Errorf("%s: read as %+v, written as %x, %v", name, back, again, err)
		}
	}
}

// The fixed part of the bodies has the size of SMPP 3.4 §4 at its fullest, so no
// field is shorter or longer than the specification lets it be.
func TestFullestFrames(t *testing.T) {
	t.Parallel()
	s := func(n int) string { return strings.Repeat("9", n) }
	for _, v := range []struct {
		pdu  smpp.PDU
		want int
	}{
		{&smpp.Bind{Type: smpp.CmdBindReceiver, SystemID: s(15), Password: s(8), SystemType: s(12), AddressRange: s(40)}, 16 + 9 + 13 + 3 + 41},
		{&smpp.SubmitSM{
			ServiceType: s(5), SourceAddr: s(20), DestAddr: s(20), ScheduleDeliveryTime: s(16), ValidityPeriod: s(16),
			ShortMessage: make([]byte, 254),
		}, 348},
		{&smpp.SubmitSMResp{MessageID: s(64)}, 65},
		{&smpp.DataSM{ServiceType: s(5), SourceAddr: s(64), DestAddr: s(64)}, 6 + 67 + 67 + 3},
		{&smpp.CancelSM{ServiceType: s(5), MessageID: s(64), SourceAddr: s(20), DestAddr: s(20)}, 6 + 65 + 23 + 23},
		{&smpp.AlertNotification{SourceAddr: s(64), EsmeAddr: s(64)}, 67 + 67},
	} {
		frame, err := smpp.Append(nil, 0, 1, v.pdu)
		if err != nil || len(frame) != smpp.HeaderSize+v.want {
			t.Errorf("%T: %d bytes, %v, want %d", v.pdu, len(frame), err, smpp.HeaderSize+v.want)
		}
		if _, _, err := smpp.Decode(frame); err != nil {
			t.Errorf("%T: %v", v.pdu, err)
		}
	}
}

func drawText(t *rapid.T, most int) string {
	return rapid.StringOfN(rapid.RuneFrom([]rune("0123456789ABCabc-_")), 0, most, most).Draw(t, "text")
}

// drawTLVs has known, unknown and repeated tags in any order, never nil and
// never a payload.
func drawTLVs(t *rapid.T) smpp.TLVs {
	one := rapid.Custom(func(t *rapid.T) smpp.TLV {
		return smpp.TLV{
			Tag:   rapid.SampledFrom([]uint16{smpp.TagSarMsgRefNum, smpp.TagMessageState, smpp.TagCallbackNum, 0x1400, 0x3FFF, 0}).Draw(t, "tag"),
			Value: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value"),
		}
	})
	if list := rapid.SliceOfN(one, 0, 6).Draw(t, "tlvs"); len(list) > 0 {
		return list
	}
	return nil
}

// drawPDU makes any PDU that a frame can hold.
func drawPDU(t *rapid.T) smpp.PDU {
	u8 := func() uint8 { return rapid.Uint8().Draw(t, "u8") }
	text := func(most int) string { return drawText(t, most) }
	when := func() string {
		return rapid.SampledFrom([]string{"", "000007000000000R", "261124100102032+"}).Draw(t, "time")
	}
	content := rapid.SliceOfN(rapid.Byte(), 0, smpp.MaxShortMessage).Draw(t, "content")
	list := drawTLVs(t)
	ton, npi := smpp.TON(u8()), smpp.NPI(u8())
	switch rapid.IntRange(0, 18).Draw(t, "pdu") {
	case 0:
		kind := rapid.SampledFrom([]smpp.Command{smpp.CmdBindReceiver, smpp.CmdBindTransmitter, smpp.CmdBindTransceiver}).Draw(t, "type")
		return &smpp.Bind{
			Type: kind, SystemID: text(15), Password: text(8), SystemType: text(12), InterfaceVersion: u8(),
			AddrTON: ton, AddrNPI: npi, AddressRange: text(40), TLVs: list,
		}
	case 1:
		kind := rapid.SampledFrom([]smpp.Command{smpp.CmdBindReceiverResp, smpp.CmdBindTransmitterResp, smpp.CmdBindTransceiverResp}).Draw(t, "type")
		return &smpp.BindResp{Type: kind, SystemID: text(15), TLVs: list}
	case 2:
		return &smpp.Outbind{SystemID: text(15), Password: text(8)}
	case 3:
		return &smpp.Unbind{}
	case 4:
		return &smpp.UnbindResp{}
	case 5:
		return &smpp.GenericNack{}
	case 6:
		return &smpp.EnquireLink{}
	case 7:
		return &smpp.EnquireLinkResp{}
	case 8, 9:
		return &smpp.SubmitSM{
			ServiceType: text(5), SourceTON: ton, SourceNPI: npi, SourceAddr: text(20), DestTON: smpp.TON(u8()), DestNPI: smpp.NPI(u8()),
			DestAddr: text(20), EsmClass: smpp.EsmClass(u8()), ProtocolID: u8(), PriorityFlag: u8(), ScheduleDeliveryTime: when(),
			ValidityPeriod: when(), RegisteredDelivery: smpp.RegisteredDelivery(u8()), ReplaceIfPresent: u8(),
			DataCoding: smpp.DataCoding(u8()), SMDefaultMsgID: u8(), ShortMessage: content, TLVs: list,
		}
	case 10:
		return &smpp.SubmitSMResp{MessageID: text(64), TLVs: list}
	case 11:
		return &smpp.DeliverSM{
			ServiceType: text(5), SourceTON: ton, SourceNPI: npi, SourceAddr: text(20), DestTON: smpp.TON(u8()), DestNPI: smpp.NPI(u8()),
			DestAddr: text(20), EsmClass: smpp.EsmClass(u8()), ProtocolID: u8(), PriorityFlag: u8(),
			RegisteredDelivery: smpp.RegisteredDelivery(u8()), DataCoding: smpp.DataCoding(u8()), ShortMessage: content, TLVs: list,
		}
	case 12:
		return &smpp.DeliverSMResp{MessageID: text(64), TLVs: list}
	case 13:
		return &smpp.DataSM{
			ServiceType: text(5), SourceTON: ton, SourceNPI: npi, SourceAddr: text(64), DestTON: smpp.TON(u8()), DestNPI: smpp.NPI(u8()),
			DestAddr: text(64), EsmClass: smpp.EsmClass(u8()), RegisteredDelivery: smpp.RegisteredDelivery(u8()),
			DataCoding: smpp.DataCoding(u8()), TLVs: append(smpp.TLVs{{Tag: smpp.TagMessagePayload, Value: content}}, list...),
		}
	case 14:
		return &smpp.DataSMResp{MessageID: text(64), TLVs: list}
	case 15:
		return &smpp.QuerySM{MessageID: text(64), SourceTON: ton, SourceNPI: npi, SourceAddr: text(20)}
	case 16:
		return &smpp.QuerySMResp{MessageID: text(64), FinalDate: when(), State: smpp.MessageState(u8()), ErrorCode: u8()}
	case 17:
		return &smpp.CancelSM{
			ServiceType: text(5), MessageID: text(64), SourceTON: ton, SourceNPI: npi, SourceAddr: text(20),
			DestTON: smpp.TON(u8()), DestNPI: smpp.NPI(u8()), DestAddr: text(20),
		}
	default:
		if rapid.Bool().Draw(t, "resp") {
			return &smpp.CancelSMResp{}
		}
		return &smpp.AlertNotification{
			SourceTON: ton, SourceNPI: npi, SourceAddr: text(64), EsmeTON: smpp.TON(u8()), EsmeNPI: smpp.NPI(u8()), EsmeAddr: text(64), TLVs: list,
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPDU(t)
		seq := rapid.Uint32Range(1, smpp.MaxSequence).Draw(t, "sequence")
		frame, err := smpp.Append([]byte("before"), smpp.StatusOK, seq, p)
		if err != nil {
			t.Fatal(err)
		}
		frame = frame[len("before"):]
		h, back, err := smpp.Decode(frame)
		if err != nil || h.Sequence != seq || h.Command != p.Command() {
			t.Fatal(h, err)
		}
		if !reflect.DeepEqual(p, back) {
			t.Fatalf("sent %+v, got %+v", p, back)
		}
		// A PDU that held another message before reads the same.
		used := reflect.New(reflect.TypeOf(p).Elem()).Interface().(smpp.PDU)
		reflect.ValueOf(used).Elem().Set(reflect.ValueOf(p).Elem())
		if l := listOf(used); l != nil {
			*l = append(smpp.TLVs{{Tag: 1}, {Tag: 2}}, *l...)
		}
		if err := used.DecodeBody(frame[smpp.HeaderSize:]); err != nil {
			t.Fatal(err)
		}
		if again, err := smpp.Append(nil, smpp.StatusOK, seq, used); err != nil || !bytes.Equal(again, frame) {
			t.Fatalf("reused: %x, %v, want %x", again, err, frame)
		}
	})
}

func listOf(p smpp.PDU) *smpp.TLVs {
	if f := reflect.ValueOf(p).Elem().FieldByName("TLVs"); f.IsValid() {
		return f.Addr().Interface().(*smpp.TLVs)
	}
	return nil
}

// cutFrame is the first n bytes of a frame with the length to match.
func cutFrame(frame []byte, n int) []byte {
	b := bytes.Clone(frame[:n])
	binary.BigEndian.PutUint32(b, uint32(n))
	return b
}

// Every frame that lost its end is refused, unless what it lost is whole
// optional parameters or all of the body of deliver_sm_resp.
func TestTruncationIsRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPDU(t)
		frame, err := smpp.Append(nil, smpp.StatusOK, 1, p)
		if err != nil {
			t.Fatal(err)
		}
		lawful := map[int]bool{}
		if l := listOf(p); l != nil {
			for at := len(frame); len(*l) > 0; *l = (*l)[:len(*l)-1] {
				at -= 4 + len((*l)[len(*l)-1].Value)
				lawful[at] = true
			}
		}
		_, lawful[smpp.HeaderSize] = p.(*smpp.DeliverSMResp)
		for cut := smpp.HeaderSize; cut < len(frame); cut++ {
			if _, q, err := smpp.Decode(cutFrame(frame, cut)); (err == nil) != lawful[cut] {
				t.Fatalf("%T of %d bytes, cut to %d: %+v, %v", p, len(frame), cut, q, err)
			}
		}
		for cut := range smpp.HeaderSize {
			if _, err := smpp.DecodeHeader(frame[:cut]); !errors.Is(err, smpp.ErrHeader) {
				t.Fatal(cut, err)
			}
		}
	})
}

// A failed response may come without a body, and some are sent so; success without one
// says nothing.
func TestResponseWithoutBody(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		pdu    smpp.PDU
		body   int  // bytes of it that are sent with an error
		silent bool // reads without a body at status 0 too
	}{
		{&smpp.BindResp{Type: smpp.CmdBindTransmitterResp, SystemID: "SMSC"}, 0, false},
		{&smpp.BindResp{Type: smpp.CmdBindReceiverResp, SystemID: "SMSC"}, 0, false},
		{&smpp.BindResp{Type: smpp.CmdBindTransceiverResp}, 1, false},
		{&smpp.SubmitSMResp{MessageID: "1", TLVs: smpp.TLVs{{Tag: 0x1400, Value: []byte{1}}}}, 0, false},
		{&smpp.DataSMResp{MessageID: "1"}, 2, false},
		{&smpp.QuerySMResp{MessageID: "1", State: smpp.StateDelivered}, 5, false},
		{&smpp.DeliverSMResp{MessageID: "1"}, 2, true},
		{&smpp.CancelSMResp{}, 0, true},
	} {
		frame, err := smpp.Append(nil, smpp.StatusSysErr, 9, v.pdu)
		if err != nil || len(frame) != smpp.HeaderSize+v.body {
			t.Errorf("%T: %x, %v", v.pdu, frame, err)
			continue
		}
		frame = frame[:smpp.HeaderSize]
		frame[3] = smpp.HeaderSize
		h, _, err := smpp.Decode(frame)
		if err != nil || h.Status != smpp.StatusSysErr {
			t.Errorf("%T: %+v, %v", v.pdu, h, err)
		}
		if err := v.pdu.DecodeBody(nil); err != nil { // into one that was used
			t.Errorf("%T: %v", v.pdu, err)
		}
		for _, name := range []string{"SystemID", "MessageID", "TLVs"} {
			if f := reflect.ValueOf(v.pdu).Elem().FieldByName(name); f.IsValid() && f.Len() > 0 {
				t.Errorf("%T keeps %s of an earlier frame", v.pdu, name)
			}
		}
		frame[11] = 0
		if _, _, err := smpp.Decode(frame); (err == nil) != v.silent || err != nil && !errors.Is(err, wire.ErrShort) {
			t.Errorf("%T with status 0: %v", v.pdu, err)
		}
	}
	// Centres that send one all the same are read.
	if _, p, err := smpp.Decode(unhex(t, `00000012 80000004 00000058 00000007 3100`)); err != nil || p.(*smpp.SubmitSMResp).MessageID != "1" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestWhatDoesNotFitIsAnError(t *testing.T) {
	t.Parallel()
	s := func(n int) string { return strings.Repeat("9", n) }
	tlvs := func(n, size int) smpp.TLVs {
		l := make(smpp.TLVs, n)
		for i := range l {
			l[i] = smpp.TLV{Tag: smpp.TagMessagePayload, Value: make([]byte, size)}
		}
		return l
	}
	for _, v := range []struct {
		field string
		pdu   smpp.PDU
	}{
		{"Type", &smpp.Bind{}},
		{"Type", &smpp.BindResp{Type: smpp.CmdSubmitSMResp}},
		{"system_id", &smpp.Bind{Type: smpp.CmdBindReceiver, SystemID: s(16)}},
		{"password", &smpp.Bind{Type: smpp.CmdBindReceiver, Password: s(9)}},
		{"system_type", &smpp.Bind{Type: smpp.CmdBindReceiver, SystemType: s(13)}},
		{"address_range", &smpp.Bind{Type: smpp.CmdBindReceiver, AddressRange: s(41)}},
		{"password", &smpp.Outbind{Password: s(9)}},
		{"service_type", &smpp.SubmitSM{ServiceType: s(6)}},
		{"source_addr", &smpp.SubmitSM{SourceAddr: s(21)}},
		{"source_addr", &smpp.SubmitSM{SourceAddr: "10\x0069"}},
		{"destination_addr", &smpp.SubmitSM{DestAddr: s(21)}},
		{"schedule_delivery_time", &smpp.SubmitSM{ScheduleDeliveryTime: s(15)}},
		{"validity_period", &smpp.SubmitSM{ValidityPeriod: s(17)}},
		{"short_message", &smpp.SubmitSM{ShortMessage: make([]byte, 255)}},
		{"short_message and message_payload", &smpp.SubmitSM{ShortMessage: []byte("x"), TLVs: tlvs(1, 1)}},
		{"short_message and message_payload", &smpp.DeliverSM{ShortMessage: []byte("x"), TLVs: tlvs(1, 1)}},
		{"message_payload", &smpp.DataSM{TLVs: tlvs(1, 0x10000)}},
		{"optional parameters", &smpp.DataSM{TLVs: tlvs(65, 0)}},
		{"command_length", &smpp.DataSM{TLVs: tlvs(2, 0xFFFF)}},
		{"message_id", &smpp.SubmitSMResp{MessageID: s(65)}},
		{"message_id", &smpp.QuerySM{MessageID: "a\x00"}},
		{"final_date", &smpp.QuerySMResp{FinalDate: s(12)}},
		{"message_id", &smpp.CancelSM{MessageID: s(65)}},
		{"esme_addr", &smpp.AlertNotification{EsmeAddr: s(65)}},
	} {
		dst := []byte("before")
		if b, err := smpp.Append(dst, 0, 1, v.pdu); err == nil || !strings.Contains(err.Error(), v.field) || string(b) != "before" {
			t.Errorf("%T, %s: %q, %v", v.pdu, v.field, b, err)
		}
	}
	for _, v := range []struct {
		field    string
		status   smpp.Status
		sequence uint32
	}{{"command_status", 8, 1}, {"sequence_number", 0, 0}, {"sequence_number", 0, 0x80000000}} {
		if _, err := smpp.Append(nil, v.status, v.sequence, &smpp.EnquireLink{}); err == nil || !strings.Contains(err.Error(), v.field) {
			t.Errorf("%+v: %v", v, err)
		}
		if _, err := smpp.Append(nil, v.status, v.sequence, &smpp.EnquireLinkResp{}); err != nil {
			t.Errorf("a response must repeat what the request had: %v", err)
		}
	}
}

func TestWhatCanNotBeRead(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		frame string
		want  string
	}{
		"length field":    {`00000011 00000015 00000000 00000007`, "length field 17"},
		"unknown command": {`00000010 00000021 00000000 00000007`, "0x00000021"},
		"no NUL":          {`00000013 80000004 00000000 00000007 313233`, "message_id ends without its NUL"},
		"long system_id":  {`00000022 0000000b 00000000 00000007 31313131313131313131313131313131 3100`, "system_id has no NUL within its 16 bytes"},
		"half a TLV":      {`00000013 80000004 00000000 00000007 00 0204`, "2 bytes are left"},
		"long TLV":        {`00000016 80000004 00000000 00000007 00 0204 0002 00`, "0x0204 tells 2 bytes, 1 are left"},
		"65 TLVs":         {`00000115 80000004 00000000 00000007 00` + strings.Repeat("14000000", 65), "the most is 64"},
	} {
		if _, p, err := smpp.Decode(unhex(t, v.frame)); err == nil || !strings.Contains(err.Error(), v.want) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	big := make([]byte, smpp.MaxFrame+1)
	binary.BigEndian.PutUint32(big, uint32(len(big)))
	if _, err := smpp.DecodeHeader(big); !errors.Is(err, smpp.ErrHeader) {
		t.Error(err)
	}
}

func TestTLVs(t *testing.T) {
	t.Parallel()
	var l smpp.TLVs
	l.SetU8(smpp.TagMessageState, 2)
	l.SetU16(smpp.TagSourcePort, 0x1234)
	l.SetU32(smpp.TagQosTimeToLive, 0x12345678)
	if err := l.SetCString(smpp.TagReceiptedMessageID, "ab"); err != nil {
		t.Fatal(err)
	}
	l.SetU8(smpp.TagMessageState, 5) // in its old place
	l.Set(0x1400, []byte{1, 2, 3})
	want := smpp.TLVs{
		{smpp.TagMessageState, []byte{5}},
		{smpp.TagSourcePort, []byte{0x12, 0x34}},
		{smpp.TagQosTimeToLive, []byte{0x12, 0x34, 0x56, 0x78}},
		{smpp.TagReceiptedMessageID, []byte("ab\x00")},
		{0x1400, []byte{1, 2, 3}},
	}
	if !reflect.DeepEqual(l, want) {
		t.Fatalf("%v, want %v", l, want)
	}
	for tag, want := range map[uint16]uint32{smpp.TagMessageState: 5, smpp.TagSourcePort: 0x1234, smpp.TagQosTimeToLive: 0x12345678} {
		if v, ok := l.Uint(tag); !ok || v != want {
			t.Errorf("0x%04x: %d, %v", tag, v, ok)
		}
	}
	if s, ok := l.CString(smpp.TagReceiptedMessageID); !ok || s != "ab" {
		t.Error(s, ok)
	}
	if v, ok := l.Uint(0x1400); ok {
		t.Error("an integer of 3 bytes:", v)
	}
	if _, ok := l.CString(smpp.TagCallbackNum); ok {
		t.Error("a parameter that is not there was found")
	}
	if err := l.SetCString(smpp.TagReceiptedMessageID, "a\x00b"); err == nil || !strings.Contains(err.Error(), "receipted_message_id") {
		t.Error(err)
	}
	if l.Delete(smpp.TagSourcePort); len(l) != 4 {
		t.Error(l)
	}
}

func TestLongMessages(t *testing.T) {
	t.Parallel()
	var p smpp.SubmitSM
	if _, ok := p.TLVs.Segment(); ok {
		t.Error("a segment out of nothing")
	}
	seg := smpp.Segment{Ref: 0x1234, Total: 3, Number: 2}
	if err := p.TLVs.SetSegment(seg); err != nil {
		t.Fatal(err)
	}
	if got, ok := p.TLVs.Segment(); !ok || got != seg || smstext.UDH(got) != (smstext.UDH{Ref: 0x1234, Total: 3, Number: 2}) {
		t.Error(got, ok)
	}
	for _, bad := range []smpp.Segment{{1, 0, 0}, {1, 3, 0}, {1, 3, 4}} {
		if err := p.TLVs.SetSegment(bad); err == nil {
			t.Error("written:", bad)
		}
		p.TLVs.SetU8(smpp.TagSarTotalSegments, bad.Total)
		p.TLVs.SetU8(smpp.TagSarSegmentSeqnum, bad.Number)
		if s, ok := p.TLVs.Segment(); ok {
			t.Error("read:", s)
		}
	}
	_ = p.TLVs.SetSegment(seg)
	p.TLVs.Delete(smpp.TagSarMsgRefNum)
	if s, ok := p.TLVs.Segment(); ok {
		t.Error("read without a reference:", s)
	}

	parts, err := smstext.Split(strings.Repeat("长短信", 40), 7)
	if err != nil {
		t.Fatal(err)
	}
	for i, part := range parts {
		p := smpp.SubmitSM{EsmClass: smpp.EsmUDHI, DataCoding: smpp.CodingUCS2}
		p.SetPayload(part.Content)
		u, _, err := smstext.ParseUDH(p.Payload())
		if err != nil || !p.EsmClass.HasUDH() || p.EsmClass.IsReceipt() || int(u.Number) != i+1 || u.Ref != 7 {
			t.Error(u, err)
		}
	}
}

// The text moves between its two places with its length, and reads the same.
func TestPayload(t *testing.T) {
	t.Parallel()
	var submit smpp.SubmitSM
	var deliver smpp.DeliverSM
	for _, n := range []int{0, 254, 255, 65535, 1} {
		text := bytes.Repeat([]byte("a"), n)
		submit.SetPayload(text)
		deliver.SetPayload(text)
		for _, p := range []smpp.PDU{&submit, &deliver} {
			frame, err := smpp.Append(nil, 0, 1, p)
			if err != nil {
				t.Fatal(n, err)
			}
			_, back, err := smpp.Decode(frame)
			if err != nil {
				t.Fatal(n, err)
			}
			got := back.(interface{ Payload() []byte }).Payload()
			if _, tlv := listOf(back).Get(smpp.TagMessagePayload); !bytes.Equal(got, text) || tlv != (n > 254) {
				t.Errorf("%T: %d of %d bytes, in message_payload: %v", p, len(got), n, tlv)
			}
		}
	}
	data := smpp.DataSM{}
	if data.SetPayload([]byte("x")); string(data.Payload()) != "x" || len(data.TLVs) != 1 {
		t.Errorf("%+v", data)
	}
	both := smpp.DeliverSM{ShortMessage: []byte("short"), TLVs: smpp.TLVs{{Tag: smpp.TagMessagePayload, Value: []byte("long")}}}
	if string(both.Payload()) != "short" {
		t.Errorf("%s", both.Payload())
	}
}

func FuzzDecode(f *testing.F) {
	for _, p := range []smpp.PDU{
		&smpp.Bind{Type: smpp.CmdBindTransceiver, SystemID: "a"},
		&smpp.SubmitSM{DestAddr: "142", TLVs: smpp.TLVs{{Tag: 0x1400, Value: []byte{1}}}},
		&smpp.DeliverSM{EsmClass: smpp.EsmReceipt, ShortMessage: []byte(receiptText)},
		&smpp.SubmitSMResp{MessageID: "1"}, &smpp.QuerySMResp{}, &smpp.DataSM{}, &smpp.AlertNotification{},
	} {
		frame, err := smpp.Append(nil, 0, 1, p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, frame []byte) {
		h, p, err := smpp.Decode(frame)
		if err != nil {
			return
		}
		if d, ok := p.(*smpp.DeliverSM); ok {
			_, _ = d.Receipt()
			_, _ = d.TLVs.Segment()
		}
		if h.Status != 0 {
			return // the body is not written again
		}
		again, err := smpp.Append(nil, 0, 1, p)
		if err != nil {
			return // two texts, or a time of odd length, is still read
		}
		if _, q, err := smpp.Decode(again); err != nil || !reflect.DeepEqual(p, q) {
			t.Fatalf("%+v became %+v, %v", p, q, err)
		}
	})
}
