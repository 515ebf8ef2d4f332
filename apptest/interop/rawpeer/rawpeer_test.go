package rawpeer

import (
	"encoding/binary"
	"encoding/hex"
	"os/exec"
	"strings"
	"testing"
)

// This peer is worth something only as long as it does not use what it tests.
func TestNothingIsSharedWithProtocol(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		if first, _, _ := strings.Cut(dep, "/"); strings.Contains(first, ".") && !strings.HasSuffix(dep, "/apptest/interop/rawpeer") && !strings.HasPrefix(dep, "vendor/") {
			t.Errorf("rawpeer depends on %s: it may use the standard library alone", dep)
		}
	}
}

// The sizes are those of the specifications' tables.
func TestLayoutsHaveTheirSizes(t *testing.T) {
	for _, c := range []struct {
		layout any
		size   int
	}{
		{Header{}, 12},
		{SGIPHeader{}, 20},
		{CMPPConnect{}, 27},
		{CMPPConnectResp20{}, 18},
		{CMPPConnectResp30{}, 21},
		{CMPPResp20{}, 9},
		{CMPPResp30{}, 12},
		{CMPPSubmitStart{}, 23},
		{CMPPFee30{}, 33},
		{CMPPSubmitMiddle{}, 117 - 44},
		{CMPPDeliver20{}, 65},
		{CMPPDeliver30{}, 77},
		{CMPPReport20{}, 60},
		{CMPPReport30{}, 71},
		{SGIPBind{}, 41},
		{SGIPResp{}, 9},
		{SGIPSubmitStart{}, 43},
		{SGIPSubmitEnd{}, 72},
		{SGIPDeliver{}, 49},
		{SGIPReport{}, 44},
		{SGIPUserRpt{}, 51},
		{SMGPLogin{}, 30},
		{SMGPLoginResp{}, 21},
		{SMGPSubmitStart{}, 21},
		{SMGPSubmitMiddle{}, 105 - 27},
		{SMGPResp{}, 14},
		{SMGPDeliver{}, 69},
	} {
		if n := binary.Size(c.layout); n != c.size {
			t.Errorf("%T has %d bytes, not %d", c.layout, n, c.size)
		}
	}
}

// The digests of the reference, of which two were produced by independent programs.
func TestProofs(t *testing.T) {
	first := CMPPProof("901234", "1234", "1108163645")
	client := SMGPProof("12345678", "1234", "0301000000")
	for _, c := range []struct {
		have [16]byte
		want string
	}{
		{first, "bd527850eb49f4e3cee6477da0b5eb00"},
		{CMPPProof("901234", "1234", "0301000000"), "3b892f74b6878d56ff75ebb93be18be8"},
		{ServerProof(uint8(0), first, "1234"), "d27c6a71367ec69bce0b817cfc34fd2b"},
		{ServerProof(uint32(0), first, "1234"), "4a90bbed308dde91dfd5596de6e53393"},
		{CMPPProof("900001", "888888", "1123100317"), "d42683ea851c91e89812eafb4da3bf99"},
		{CMPPProof("900001", "888888", "1123100347"), "5118bb6eb4c7263629e7bc1d427d9c2b"},
		{client, "e6c028bacf65f21bb98490c8b9139037"},
		{ServerProof(uint32(0), client, "1234"), "2961afa074d4769f03e3d7533816efd9"},
		{SMGPProof("900001", "888888", "1123100317"), "6ecb8ec6813f3b43eca563204708b4b1"},
	} {
		if have := hex.EncodeToString(c.have[:]); have != c.want {
			t.Errorf("%s, not %s", have, c.want)
		}
	}
}
