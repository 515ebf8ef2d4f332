package smpp_test

import (
	"testing"

	"github.com/zhunxin/zhunxin/protocol/smpp"
)

func benchSubmit() *smpp.SubmitSM {
	return &smpp.SubmitSM{
		SourceAddr: "10690000", DestTON: smpp.TONInternational, DestNPI: smpp.NPIISDN, DestAddr: "9991420001",
		RegisteredDelivery: smpp.RegisteredReceipt, DataCoding: smpp.CodingUCS2, ShortMessage: make([]byte, 60),
		TLVs: smpp.TLVs{{Tag: smpp.TagUserMessageReference, Value: []byte{0, 1}}},
	}
}

func BenchmarkSubmitAppend(b *testing.B) {
	p := benchSubmit()
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := smpp.Append(buf, 0, 1, p); err != nil {
			b.Fatal(err)
		}
	}
}

// decodeReused reads the body of sent into p again and again.
func decodeReused(b *testing.B, sent, p smpp.PDU) {
	b.Helper()
	body, err := sent.AppendBody(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.DecodeBody(body); err != nil {
			b.Fatal(err)
		}
	}
}

// Two allocations: the two numbers.
func BenchmarkSubmitDecodeReused(b *testing.B) { decodeReused(b, benchSubmit(), &smpp.SubmitSM{}) }

// One allocation: the message id.
func BenchmarkSubmitRespDecodeReused(b *testing.B) {
	decodeReused(b, &smpp.SubmitSMResp{MessageID: "C085E0"}, &smpp.SubmitSMResp{})
}

// Four allocations: the two numbers, the text of the receipt and its id.
func BenchmarkDeliverReceiptDecodeReused(b *testing.B) {
	sent := &smpp.DeliverSM{SourceAddr: "9991420001", DestAddr: "10690000"}
	if err := sent.SetReceipt(wholeReceipt()); err != nil {
		b.Fatal(err)
	}
	body, err := sent.AppendBody(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var p smpp.DeliverSM
	for b.Loop() {
		if err := p.DecodeBody(body); err != nil {
			b.Fatal(err)
		}
		if _, err := p.Receipt(); err != nil {
			b.Fatal(err)
		}
	}
}

// What the benchmarks say of allocations holds.
func TestAllocations(t *testing.T) {
	frame, err := smpp.Append(nil, 0, 1, benchSubmit())
	if err != nil {
		t.Fatal(err)
	}
	var p smpp.SubmitSM
	if n := testing.AllocsPerRun(100, func() { _ = p.DecodeBody(frame[smpp.HeaderSize:]) }); n > 2 {
		t.Errorf("decoding into a reused submit_sm costs %v allocations, its numbers are 2", n)
	}
	s := benchSubmit()
	if n := testing.AllocsPerRun(100, func() { _, _ = smpp.Append(frame[:0], 0, 1, s) }); n > 0 {
		t.Errorf("appending a submit_sm costs %v allocations", n)
	}
}
