package channel

import (
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// A translation of codes is edited while messages go: it costs no connection.
func TestCodesLeaveTheSessions(t *testing.T) {
	a := registry.Channel{Protocol: "cmpp30", Options: registry.ChannelOptions{RetryStatus: []uint32{9}}}
	b := a
	b.Options.Codes = []registry.ChannelCode{{Code: "ZZ:0001", Class: "number", Zh: "空号", En: "not in use"}}
	if !same(&a, &b) || len(b.Options.Codes) != 1 {
		t.Error("new meanings of codes end the sessions")
	}
	if b.Options.RetryStatus = []uint32{10}; same(&a, &b) {
		t.Error("new statuses of over-speed leave the sessions as they are")
	}
}
