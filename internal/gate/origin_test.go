package gate_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// FRQ-07: a device that asks for codes to many numbers is stopped at the sixth; whoever says
// nothing of the origin is not judged by it, and another device is not either.
func TestCodesByOrigin(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		next := 0
		ask := func(ip, device, account, to string) gate.Result {
			w.T.Helper()
			if to == "" {
				next++
				to = fmt.Sprint(13000002000 + next)
			}
			c := w.Call(gatetest.OTPText, to)
			var err error
			if c.Origin, err = w.Gate.Origin(gatetest.Customer, ip, device, account); err != nil {
				w.T.Fatal(err)
			}
			a, err := w.Gate.Submit(context.Background(), c)
			if err != nil {
				w.T.Fatal(err)
			}
			w.Clock.Set(w.Clock.Now().Add(21 * time.Second)) // three codes a minute are too many
			return a.Results[0]
		}
		for range 5 {
			if r := ask("192.0.2.7", "phone-1", "", ""); r.State != sms.Queued {
				w.T.Fatalf("%+v", r)
			}
		}
		if r := ask("192.0.2.7", "phone-1", "", ""); r.State != sms.Refused || r.Code != sms.FrequencyOrigin || r.Rule != "FRQ-07" {
			w.T.Errorf("the sixth number of a device: %+v", r)
		}
		if r := ask("192.0.2.7", "phone-1", "", "13000002001"); r.State != sms.Queued {
			w.T.Errorf("one of the five again: %+v", r)
		}
		if r := ask("192.0.2.7", "phone-2", "", ""); r.State != sms.Queued {
			w.T.Errorf("another device: %+v", r)
		}
		if r := ask("", "", "", ""); r.State != sms.Queued {
			w.T.Errorf("an origin that nobody told: %+v", r)
		}
		w.Clock.Set(w.Clock.Now().Add(time.Hour))
		if r := ask("192.0.2.7", "phone-1", "", ""); r.State != sms.Queued {
			w.T.Errorf("an hour later: %+v", r)
		}
	})
}

// One subscriber's IPv6 network is one origin; devices are each customer's own; neither stands
// in clear.
func TestOrigins(t *testing.T) {
	gatetest.On(t, "sqlite", nil, func(w *gatetest.World) {
		of := func(party sms.ID, ip, device string) gate.Origin {
			o, err := w.Gate.Origin(party, ip, device, "")
			if err != nil {
				w.T.Fatal(err)
			}
			return o
		}
		if of(1, "2001:db8::1", "") != of(2, "2001:db8::ffff:1", "") || of(1, "2001:db8::1", "") == of(1, "2001:db8:0:1::1", "") || of(1, "::ffff:192.0.2.7", "") != of(1, "192.0.2.7", "") {
			w.T.Error("addresses of one subscriber are told apart, or those of two are not")
		}
		if of(1, "", "d") == of(2, "", "d") || of(1, "", "") != (gate.Origin{}) {
			w.T.Error("devices")
		}
		if _, err := w.Gate.Origin(1, "localhost", "", ""); err == nil {
			w.T.Error("a name is taken for an address")
		}
	})
}
