package websign_test

import (
	"testing"

	"github.com/zhunxin/zhunxin/protocol/websign"
)

func BenchmarkRead(b *testing.B) {
	for _, c := range all(b) {
		b.Run(c.Name, func(b *testing.B) {
			for b.Loop() {
				claim, err := websign.Read(c.request())
				if err != nil || claim.Verify(c.secret()) != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
