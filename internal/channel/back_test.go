package channel

import (
	"net/netip"
	"testing"
)

// A gateway is let in from the addresses that its channel names, and from no other.
func TestGatewayComesFromWhereItMay(t *testing.T) {
	for _, x := range []struct {
		list, from string
		want       bool
	}{
		{"", "192.0.2.1", true},
		{"192.0.2.0/24", "192.0.2.1", true},
		{"192.0.2.0/24", "::ffff:192.0.2.1", true},
		{"192.0.2.0/24, 198.51.100.7/32", "198.51.100.7", true},
		{"192.0.2.0/24", "192.0.3.1", false},
		{"nonsense", "192.0.2.1", false},
	} {
		if got := within(x.list, netip.MustParseAddr(x.from)); got != x.want {
			t.Errorf("%s from %q: %v", x.from, x.list, got)
		}
	}
}
