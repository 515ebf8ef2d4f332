package routing_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/sms"
)

func TestCarrierByPrefix(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]sms.Carrier{
		"13900001234": sms.Mobile, "13490001234": sms.Telecom, "17050001234": sms.Mobile, "17080001234": sms.Unicom, "17000001234": sms.Telecom,
		"19900001234": sms.Telecom, "18600001234": sms.Unicom, "19200001234": sms.Broadnet, "+447700900123": sms.International,
	} {
		n, err := sms.ParseMSISDN(number)
		if err != nil {
			t.Fatal(err)
		}
		if got := routing.CarrierOf(n); got != want {
			t.Errorf("%s: got %s, want %s", number[:4], got, want)
		}
	}
}

func TestSourceNumberHasAtMostTwentyDigits(t *testing.T) {
	t.Parallel()
	if s, err := routing.SourceNumber("10690001", "88", "1"); err != nil || s != "10690001881" {
		t.Errorf("%s, %v", s, err)
	}
	var e *sms.Error
	if _, err := routing.SourceNumber("10690001", "88", strings.Repeat("1", 11)); !errors.As(err, &e) || e.Code != sms.SourceTooLong {
		t.Errorf("got %v", err)
	}
	if _, err := routing.SourceNumber("1069", "", "1a"); err == nil {
		t.Error("letters were taken")
	}
}

func TestLongestBindingWins(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dest := rapid.StringMatching(`[0-3]{1,12}`).Draw(t, "dest")
		list := rapid.SliceOfN(rapid.StringMatching(`[0-3]{1,4}`), 0, 20).Draw(t, "bindings")
		var bindings []routing.Binding
		longest := -1
		for i, d := range list {
			bindings = append(bindings, routing.Binding{Digits: d, Index: i})
			if strings.HasPrefix(dest, d) {
				longest = max(longest, len(d))
			}
		}
		got, ok := routing.Match(dest, bindings)
		if ok != (longest >= 0) || ok && (len(got.Digits) != longest || !strings.HasPrefix(dest, got.Digits)) {
			t.Fatalf("%s among %v gives %v, %t", dest, list, got, ok)
		}
	})
}
