package sgip_test

import (
	"testing"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

func benchSubmit() *sgip.Submit {
	return &sgip.Submit{
		SPNumber: "10650000", UserNumbers: []string{phone}, CorpID: "71320", MorelateToMTFlag: 2, ReportFlag: sgip.ReportAlways,
		MessageCoding: 8, Content: make([]byte, 60),
	}
}

func BenchmarkSubmitAppend(b *testing.B) {
	s := benchSubmit()
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sgip.Append(buf, sgip.Sequence{Node: 1}, s); err != nil {
			b.Fatal(err)
		}
	}
}

func benchDecode(b *testing.B, from, into sgip.PDU) {
	body, err := from.AppendBody(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := into.DecodeBody(body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSubmitDecodeReused(b *testing.B) { benchDecode(b, benchSubmit(), &sgip.Submit{}) }

func BenchmarkSubmitRespDecodeReused(b *testing.B) {
	benchDecode(b, &sgip.SubmitResp{}, &sgip.SubmitResp{})
}

func BenchmarkReportDecodeReused(b *testing.B) {
	benchDecode(b, &sgip.Report{UserNumber: phone}, &sgip.Report{})
}
