package gate_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Numbers whose segments are in Shandong, in Guangdong, and in no table.
const shandong, guangdong, nowhere = "13000000001", "13000010001", "13000020001"

// segments imports a table that knows two segments.
func segments(w *gatetest.World) {
	s, err := routing.ReadSegments(strings.NewReader("1300000,山东\n1300001,广东\n"), "a test", "2026-11")
	if err != nil {
		w.T.Fatal(err)
	}
	b, err := s.Encode()
	if err != nil {
		w.T.Fatal(err)
	}
	w.Write(func(ctx context.Context, tx *store.Tx) error { return tx.PutSegmentTable(ctx, 7, 1, b) })
}

func licence(w *gatetest.World, owner sms.ID, provinces string) {
	uscc := map[sms.ID]string{gatetest.Operator: "91110000000000001A", gatetest.Agent: "91110000000000002A"}[owner]
	w.Put(registry.Licence{ID: 100 + owner, PartyID: owner, Number: "B2-1", USCC: uscc, Scope: registry.Business, Provinces: provinces, Period: registry.Period{From: 1}, State: registry.Active})
}

// LIC-02: the licences of the operator and of the reseller cover the province of each number;
// one whose province is not known waits, or is refused if it is a code, unless they cover the
// country.
func TestLicencesCoverTheProvinces(t *testing.T) {
	for name, v := range map[string]struct {
		operator, agent string
		rules           string // of the three numbers, - is none
	}{
		"the whole country":             {"*", "*", "- - -"},
		"one province":                  {"37", "*", "- LIC-02 LIC-02a"},
		"one province of the reseller":  {"*", "广东", "LIC-02 - LIC-02a"},
		"two that have none in common":  {"37", "44", "LIC-02 LIC-02 LIC-02a"},
		"two of which one is in common": {"37,44", "44,11", "LIC-02 - LIC-02a"},
		"nothing said":                  {"", "*", "LIC-02 LIC-02 LIC-02a"},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				segments(w)
				licence(w, gatetest.Operator, v.operator)
				licence(w, gatetest.Agent, v.agent)
				rules := strings.Fields(v.rules)
				for i, r := range w.Send(gatetest.OTPText, shandong, guangdong, nowhere) {
					if rules[i] == "-" {
						expect(w.T, r, sms.Queued, "", "")
					} else {
						expect(w.T, r, sms.Refused, sms.ProvinceUncovered, rules[i])
					}
				}
				if rules[2] == "-" {
					return
				}
				approve(w, 901, sms.Notice, "您的订单已发货")
				expect(w.T, w.Send("【准信科技】您的订单已发货", nowhere)[0], sms.Held, sms.ProvinceUncovered, "LIC-02a")
			})
		})
	}
}

// Channels for some provinces take the numbers of these and no others; what comes of each
// recipient stands in its place in the answer.
func TestChannelsOfProvinces(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		segments(w)
		const north, south = sms.ID(33), sms.ID(34)
		w.PutChannel(north, "10690033", func(c *registry.Channel) { c.Priority, c.Provinces = 0, "37,11" })
		w.PutChannel(south, "10690034", func(c *registry.Channel) { c.Priority, c.Provinces = 0, "44" })
		channels := func(numbers ...string) (ids []sms.ID) {
			for i, r := range w.Send(gatetest.OTPText, numbers...) {
				if masked := w.Number(numbers[i]).String(); r.To != masked {
					w.T.Errorf("in the place of %s stands %s", masked, r.To)
				}
				if r.State == sms.Refused {
					ids = append(ids, 0)
					continue
				}
				ids = append(ids, w.Message(r.MessageID).ChannelID)
			}
			return ids
		}
		set(w, func(*registry.ChannelOptions) {}) // priority 0 as well, and without weight: what costs nothing is chosen by its id
		got := channels(guangdong, shandong, nowhere, "13000000002", "13000010002")
		for i, want := range []sms.ID{gatetest.Channel, gatetest.Channel, gatetest.Channel, gatetest.Channel, gatetest.Channel} {
			if got[i] != want {
				w.T.Errorf("a channel for all provinces first: %v", got)
				break
			}
		}
		w.Put(registry.Channel{
			ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Address: "127.0.0.1:1", Login: "900001",
			Sessions: 1, Window: 16, State: registry.Paused, Options: registry.ChannelOptions{Replies: true},
		})
		got = channels("13000010003", "13000000003", "13000020003", "13000000004", "13000010004")
		for i, want := range []sms.ID{south, north, 0, north, south} {
			if got[i] != want {
				w.T.Errorf("by province: %v", got)
				break
			}
		}
		r := w.Send(gatetest.OTPText, "13000020005")[0]
		expect(w.T, r, sms.Refused, sms.NoChannel, "")
	})
}

// A number that is ported to another carrier stays in the province of its segment.
func TestPortedNumbersKeepTheirProvince(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		segments(w)
		licence(w, gatetest.Operator, "44")
		const moved = "13500000001" // by its prefix of another carrier
		s, err := routing.ReadSegments(strings.NewReader("1350000,山东\n"), "a test", "2026-11")
		if err != nil {
			w.T.Fatal(err)
		}
		b, err := s.Encode()
		if err != nil {
			w.T.Fatal(err)
		}
		w.Write(func(ctx context.Context, tx *store.Tx) error {
			if err := tx.PutPorted(ctx, w.Keys.PhoneID(w.Number(moved)), sms.Unicom, 1); err != nil {
				return err
			}
			return tx.PutSegmentTable(ctx, 8, 1, b)
		})
		expect(w.T, w.Send(gatetest.OTPText, moved)[0], sms.Refused, sms.ProvinceUncovered, "LIC-02")
		licence(w, gatetest.Operator, "37")
		expect(w.T, w.Send(gatetest.OTPText, moved)[0], sms.Queued, "", "")
	})
}
