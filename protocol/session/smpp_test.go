package session

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/smpp"
)

// asCentre reads one frame as a client of SMPP would.
func asCentre(t *testing.T, pdu smpp.PDU) event {
	t.Helper()
	frame, err := smpp.Append(nil, smpp.StatusOK, 7, pdu)
	if err != nil {
		t.Fatal(err)
	}
	var ev event
	b := &smppBinding{client: true, now: time.Now}
	if err := b.decode(frame, &ev); err != nil {
		t.Fatal(err)
	}
	return ev
}

// A centre's note that a message is on its way is no text of a handset, and no end.
func TestSMPPNotesOnTheWayEndNothing(t *testing.T) {
	d := &smpp.DeliverSM{SourceAddr: "8617000000001", SourceTON: smpp.TONInternational, DestAddr: "1069000001"}
	if err := d.SetReceipt(smpp.Receipt{MessageID: "7", Stat: "UNDELIV", State: smpp.StateUndeliverable}); err != nil {
		t.Fatal(err)
	}
	d.EsmClass = smpp.EsmIntermediate
	ev := asCentre(t, d)
	if ev.kind != evReport || ev.report.ID != "7" || ev.report.Stat != "ENROUTE" || ev.report.Dest != "17000000001" {
		t.Errorf("%+v", ev)
	}
}

// The parts of a handset's long message may be told by parameters too. Where a header
// stands beside them, it counts alone.
func TestSMPPRepliesInSegmentsGetAHeader(t *testing.T) {
	for _, x := range []struct {
		class      smpp.EsmClass
		text, want string
	}{
		{0, "T", "\x06\x08\x04\x01\x02\x03\x02T"},
		{smpp.EsmUDHI, "\x05\x00\x03\x09\x03\x02T", "\x05\x00\x03\x09\x03\x02T"},
	} {
		d := &smpp.DeliverSM{SourceAddr: "17000000001", DestAddr: "1069000001", EsmClass: x.class, ShortMessage: []byte(x.text)}
		if err := d.TLVs.SetSegment(smpp.Segment{Ref: 0x0102, Total: 3, Number: 2}); err != nil {
			t.Fatal(err)
		}
		if ev := asCentre(t, d); ev.kind != evMO || !ev.mo.UDHI || string(ev.mo.Content) != x.want {
			t.Errorf("%x: %+v", x.class, ev)
		}
	}
}

// A receipt may have no text at all.
func TestSMPPReceiptOfParametersAlone(t *testing.T) {
	d := &smpp.DeliverSM{SourceAddr: "17000000001", DestAddr: "1069000001", EsmClass: smpp.EsmReceipt}
	d.TLVs.Set(smpp.TagReceiptedMessageID, []byte("a1b2\x00"))
	d.TLVs.SetU8(smpp.TagMessageState, uint8(smpp.StateExpired))
	d.TLVs.Set(smpp.TagNetworkErrorCode, []byte{3, 0, 27})
	if ev := asCentre(t, d); ev.kind != evReport || ev.report.ID != "a1b2" || ev.report.Stat != "EXPIRED" || ev.report.Err != "27" {
		t.Errorf("%+v", ev)
	}
}

// A vendor's bytes behind a heartbeat's answer cost nothing.
func TestSMPPHeartbeatWithParameters(t *testing.T) {
	var ev event
	b := &smppBinding{client: true, now: time.Now}
	frame := []byte{0, 0, 0, 21, 0x80, 0, 0, 0x15, 0, 0, 0, 0, 0, 0, 0, 7, 0x14, 0, 0, 1, 9}
	if err := b.decode(frame, &ev); err != nil || ev.kind != evPong {
		t.Errorf("%+v, %v", ev, err)
	}
}
