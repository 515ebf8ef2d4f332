package gate

import "testing"

// A text is read once while it is in use, and what is remembered stays bounded.
func TestTextInUseIsReadOnce(t *testing.T) {
	t.Parallel()
	var r readings
	reads := 0
	read := func() reading { reads++; return reading{} }
	body := func(n int) [16]byte { return [16]byte{byte(n), byte(n >> 8), byte(n >> 16), 1} }
	campaign := [16]byte{}
	r.of(campaign, read)
	for n := range 5 * mostReadings {
		r.of(body(n), read)
		r.of(campaign, read)
		if len(r.recent)+len(r.former) > mostReadings {
			t.Fatalf("%d texts are remembered", len(r.recent)+len(r.former))
		}
	}
	if want := 1 + 5*mostReadings; reads != want {
		t.Errorf("%d readings, want %d: the campaign's text once", reads, want)
	}
}
