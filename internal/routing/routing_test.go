package routing_test

import (
	"errors"
	"strings"
	"testing"

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
