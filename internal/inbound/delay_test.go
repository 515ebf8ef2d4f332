package inbound_test

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/inbound"
)

func TestDelays(t *testing.T) {
	var d inbound.Delays
	if _, _, ok := d.Usual(1); ok {
		t.Error("a channel without reports has a usual delay")
	}
	for i := range 19 {
		d.Note(1, []inbound.Ended{{SubmitAt: 1000, At: 1000 + int64(i)}})
	}
	if _, _, ok := d.Usual(1); ok {
		t.Error("19 reports are enough")
	}
	for i := range int64(600) { // the ring forgets the first ones
		d.Note(1, []inbound.Ended{{SubmitAt: 0, At: 1000 + i%100}})
	}
	median, p95, ok := d.Usual(1)
	if !ok || median < 1040*time.Millisecond || median > 1060*time.Millisecond || p95 < 1090*time.Millisecond || p95 > 1099*time.Millisecond {
		t.Error(median, p95, ok)
	}
	if _, _, ok := d.Usual(2); ok {
		t.Error("another channel has them too")
	}
}
