package app

import (
	"context"
	"net/http"
	"testing"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// adminKey gives the operator an application with an administrator's key, of a new person
// in every role.
func (n *node) adminKey() string {
	n.t.Helper()
	snap, err := n.Registry(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	app := registry.Application{ID: n.IDs.Next(), Name: "administration", State: registry.Active}
	for _, p := range snap.Party {
		if p.Kind == registry.Operator {
			app.PartyID = p.ID
		}
	}
	for _, a := range snap.Account {
		if a.PartyID == app.PartyID {
			app.AccountID = a.ID
		}
	}
	shown, hash := vault.NewAPIKey()
	someone := registry.Staff{ID: n.IDs.Next(), Name: "someone", Roles: "reviewer,compliance,finance", State: registry.Active}
	key := registry.APIKey{ID: n.IDs.Next(), ApplicationID: app.ID, StaffID: someone.ID, Hash: hash[:], Scopes: "admin,read,apply"}
	err = n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range []any{app, someone, key} {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return shown
}

type codeView struct {
	State    sms.State `json:"state"`
	Code     string    `json:"code"`
	Segments []struct {
		Stat    string `json:"stat"`
		Meaning struct {
			Class string `json:"class"`
			Zh    string `json:"zh"`
			En    string `json:"en"`
		} `json:"meaning"`
	} `json:"segments"`
}

// A carrier's code is shown raw with its meaning; the channel's own list goes before the
// table and can be edited while messages go.
func TestMeaningOfACarriersCode(t *testing.T) {
	everywhere(t, func(n *node) {
		if err := n.carrier.SetBehaviour(carrier.Behaviour{ReportCodes: map[string]float64{"MK:0208": 1}}); err != nil {
			n.t.Fatal(err)
		}
		id := n.send(otpText, member).Results[0].MessageID
		n.until(id, sms.Failed)
		shown := func() (v codeView) {
			n.do(http.MethodGet, "/v1/messages/"+id.String(), nil, &v)
			if len(v.Segments) != 1 || v.Segments[0].Stat != "MK:0208" || v.Code != "MK:0208" {
				n.t.Fatalf("the raw code is not what is shown: %+v", v)
			}
			return v
		}
		if m := shown().Segments[0].Meaning; m.Class != "temporary" || m.Zh == "" || m.En == "" {
			n.t.Errorf("by the table: %+v", m)
		}
		snap, err := n.Registry(n.t.Context())
		if err != nil {
			n.t.Fatal(err)
		}
		own := []registry.ChannelCode{{Code: "MK:02*", Class: "blocked", Zh: "本通道：黑名单", En: "On this channel: a blacklist."}}
		customer, admin := n.key, n.adminKey()
		edit := func(codes []registry.ChannelCode) (status int) {
			ch := *snap.Channels[0]
			ch.Options.Codes = codes
			n.key = admin
			defer func() { n.key = customer }()
			return n.do(http.MethodPut, "/v1/admin/channels/"+ch.ID.String(), ch, nil)
		}
		if status := edit(own); status != http.StatusOK {
			n.t.Fatalf("%d", status)
		}
		if m := shown().Segments[0].Meaning; m.Class != "blocked" || m.Zh != own[0].Zh || m.En != own[0].En {
			n.t.Errorf("by the channel's list: %+v", m)
		}
		for name, bad := range map[string][]registry.ChannelCode{
			"twice":           {own[0], own[0]},
			"without a class": {{Code: "A", Zh: "甲", En: "A"}},
			"one language":    {{Code: "A", Class: "number", En: "A"}},
			"too many":        make([]registry.ChannelCode, 257),
		} {
			if status := edit(bad); status/100 != 4 {
				n.t.Errorf("a list %s: %d", name, status)
			}
		}
	})
}
