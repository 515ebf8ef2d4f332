package app

import (
	"encoding/json"
	"testing"
	"time"
)

// The JSON of a run says what the run was, and in which unit.
func TestBenchResultSaysWhatTheRunWas(t *testing.T) {
	t.Parallel()
	b := Bench{
		Ingress: "cmpp", Upstream: "mixed", Rate: 8000, Duration: 90 * time.Second, Connections: 10, Window: 256, Recipients: 100, Parallel: 512, Numbers: 7, Old: 2_000_000,
		Sessions: 8, Answer: 10 * time.Millisecond, Outgoing: 512,
	}
	for _, x := range []struct {
		ingress string
		has     map[string]any
		not     []string
	}{
		{"cmpp", map[string]any{"Connections": 10.0, "Window": 256.0}, []string{"Recipients", "Parallel"}},
		{"http", map[string]any{"Recipients": 100.0, "Parallel": 512.0}, []string{"Connections", "Window"}},
	} {
		b.Ingress = x.ingress
		text, err := json.Marshal(Result{Run: b.ran(time.Hour), Sent: 5})
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Run  map[string]any
			Sent int
		}
		if err := json.Unmarshal(text, &got); err != nil || got.Sent != 5 {
			t.Fatal(err, string(text))
		}
		for key, want := range map[string]any{
			"Ingress": x.ingress, "Upstream": "mixed", "Rate": 8000.0, "DurationSeconds": 90.0, "OldMessages": 2e6, "ClockOffsetSeconds": 3600.0, "LatencyUnit": "ms",
			"AnswerMillis": 10.0, "Sessions": 8.0, "Numbers": 7.0,
		} {
			if got.Run[key] != want {
				t.Errorf("%s is %v, not %v: %s", key, got.Run[key], want, text)
			}
		}
		for key, want := range x.has {
			if got.Run[key] != want {
				t.Errorf("%s is %v, not %v: %s", key, got.Run[key], want, text)
			}
		}
		for _, key := range x.not {
			if v, is := got.Run[key]; is {
				t.Errorf("%s is %v by %s", key, v, x.ingress)
			}
		}
	}
}
