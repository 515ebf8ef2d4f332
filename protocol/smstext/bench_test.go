package smstext_test

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func BenchmarkSplit(b *testing.B) {
	for name, text := range map[string]string{
		"code":  "【准信】您的验证码是123456，5分钟内有效。",
		"long":  "【准信】" + strings.Repeat("短信内容", 70),
		"ascii": "Your code is 123456.",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := smstext.Split(text, 7); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSegments(b *testing.B) {
	text := "【准信】" + strings.Repeat("短信内容a", 60)
	for name, o := range map[string]smstext.Options{
		"UCS2": {Alphabet: smstext.UCS2Only}, "GB": {Alphabet: smstext.GBOnly}, "fewest": {Alphabet: smstext.Fewest},
		"SAR, signed": {Join: smstext.SAR, Reserve: smstext.Reserve{Head: 6}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := smstext.Segments(text, o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for c, text := range map[smstext.Coding]string{
		smstext.ASCII: strings.Repeat("a", 140), smstext.GSM7: strings.Repeat("ab€", 40), smstext.UCS2: strings.Repeat("短", 70), smstext.GB: strings.Repeat("短", 70),
	} {
		content, err := smstext.Encode(c, text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(c.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := smstext.Decode(c, content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkUnpackGSM7(b *testing.B) {
	packed := smstext.PackGSM7(make([]byte, 153), 1)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := smstext.UnpackGSM7(packed, 1, 153); err != nil {
			b.Fatal(err)
		}
	}
}
