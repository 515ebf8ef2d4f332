package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// seeded is the lawful chain that demo and bench begin with. Secrets in it are
// sealed.
type seeded struct {
	Operator, Agent, Customer sms.ID
	Money                     [3]sms.ID // operator's, agent's, customer's account
	Application               sms.ID
	Key                       string                 // sealed API key
	Login, Secret             string                 // CMPP login and its sealed secret
	Channel                   sms.ID                 // China Mobile's
	Channels                  map[sms.Carrier]sms.ID // all
}

// upstream is a carrier's gateway for the chain: a protocol at an address.
type upstream struct {
	Carrier    sms.Carrier
	Protocol   string
	Address    string
	Options    registry.ChannelOptions
	BackSecret string
}

// mobile is China Mobile's alone.
func mobile(address string) []upstream {
	return []upstream{{Carrier: sms.Mobile, Protocol: "cmpp30", Address: address}}
}

// What the story sends. The chain's agent takes 45 and the operator 40 thousandths
// of a yuan for a unit, the customer pays 50.
const (
	storySignature = "准信示例"
	otpBody        = "您的验证码是${code:code}，5分钟内有效。"
	noticeBody     = "您的订单${number:digits}已发货。"
	mktBody        = "会员日全场八折，仅限今日，拒收请回复R"
	storyCode      = "10690000"
	storyDigits    = "01"
	simLogin       = "900001"
	simSecret      = "888888"
)

const settingSeed = "story.seed"

// seed stores the chain once and reads it afterwards.
func (p *Platform) seed(ctx context.Context, ups []upstream, sessions, window int64, topUp sms.Money) (s seeded, err error) {
	var stored string
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		stored, err = tx.Setting(ctx, settingSeed)
		return err
	})
	if err != nil {
		return s, err
	}
	if stored != "" {
		if err := json.Unmarshal([]byte(stored), &s); err != nil {
			return s, fmt.Errorf("the seeded chain: %w", err)
		}
		return s, p.moveChannels(ctx, s, ups)
	}
	id := p.IDs.Next
	s = seeded{Operator: id(), Agent: id(), Customer: id(), Money: [3]sms.ID{id(), id(), id()}, Application: id(), Login: "zx0001", Channels: map[sms.Carrier]sms.ID{}}
	for _, u := range ups {
		s.Channels[u.Carrier] = id()
	}
	s.Channel = s.Channels[sms.Mobile]
	shown, hash := vault.NewAPIKey()
	s.Key, s.Secret = p.sealText(shown), p.sealText(vault.NewPassword()[:8]) // as many as SMPP's password may have
	objects := append(p.chain(s, ups), p.sending(s, ups, sessions, window, hash)...)
	return s, p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range objects {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		for _, account := range s.Money {
			if _, err := ledger.Change(ctx, tx, p.IDs, account, ledger.Topup, topUp, "opening balance", now.UnixMilli()); err != nil {
				return err
			}
		}
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		return tx.PutSetting(ctx, settingSeed, string(b))
	})
}

func (p *Platform) sealText(s string) string {
	return base64.StdEncoding.EncodeToString(p.Keys.Seal(vault.PurposeLogin, []byte(s)))
}

func (p *Platform) openText(s string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return "", err
	}
	plain, err := p.Keys.Open(vault.PurposeLogin, b)
	return string(plain), err
}

// moveChannels points the channels to where the simulators listen this time.
func (p *Platform) moveChannels(ctx context.Context, s seeded, ups []upstream) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	for _, u := range ups {
		old := snap.Channel[s.Channels[u.Carrier]]
		if old == nil || old.Address == u.Address {
			continue
		}
		ch := *old
		ch.Address = u.Address
		err := p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, ch) })
		if err != nil {
			return err
		}
	}
	return nil
}

// period is valid since some time, and for a year.
func (p *Platform) period() registry.Period {
	now := p.Now()
	return registry.Period{From: now.Add(-24 * time.Hour).UnixMilli(), To: now.AddDate(1, 0, 0).UnixMilli()}
}

// chain is the parties with the rights that the law asks of them.
func (p *Platform) chain(s seeded, ups []upstream) []any {
	now, id, valid := p.Now().UnixMilli(), p.IDs.Next, p.period()
	party := func(id, parent sms.ID, kind, mode, name, uscc string) registry.Party {
		return registry.Party{
			ID: id, Kind: kind, ParentID: parent, GroupID: id, Name: name, USCC: uscc, EntityType: "company", AgentMode: mode, State: registry.Active,
			CreatedAt: now, UpdatedAt: now,
		}
	}
	const one, two, three = "91110000000000001A", "91110000000000002B", "91110000000000003C"
	licence := func(owner sms.ID, number, uscc string) registry.Licence {
		return registry.Licence{ID: id(), PartyID: owner, Number: number, USCC: uscc, Scope: registry.Business, Provinces: "*", Period: valid, State: registry.Active, CreatedAt: now}
	}
	list := []any{
		party(s.Operator, 0, registry.Operator, "", "示例运营商 Example Operator", one),
		party(s.Agent, s.Operator, registry.Agent, registry.Licensed, "示例代理商 Example Agent", two),
		party(s.Customer, s.Agent, registry.Customer, "", "示例商城 Example Shop", three),
		licence(s.Operator, "B2-20260001", one), licence(s.Agent, "B2-20260002", two),
		registry.Contract{
			ID: id(), PartyID: s.Agent, CounterpartyID: s.Operator, Number: "HT-2026-0000", Period: valid, ChargeOn: "submission",
			ReportTimeout: p.Config.Channel.ReportTimeout.Milliseconds(), State: registry.Active,
		},
		registry.Account{ID: s.Money[0], PartyID: s.Operator, Currency: "CNY", State: registry.Active},
		registry.Account{ID: s.Money[1], PartyID: s.Agent, PayerID: s.Money[0], Currency: "CNY", State: registry.Active},
		registry.Account{ID: s.Money[2], PartyID: s.Customer, PayerID: s.Money[1], Currency: "CNY", State: registry.Active},
		registry.Application{ID: s.Application, PartyID: s.Customer, AccountID: s.Money[2], Name: "shop", State: registry.Active, CreatedAt: now},
	}
	for i, unit := range []sms.Money{40_000, 45_000, 50_000} {
		for _, cat := range []sms.Category{sms.OTP, sms.Notice, sms.MKT} {
			for _, u := range ups {
				list = append(list, registry.Price{AccountID: s.Money[i], Category: cat, Carrier: u.Carrier, UnitPrice: unit, ValidFrom: valid.From})
			}
		}
	}
	return list
}

// sending is what the customer sends with: signature, filings, ports, templates,
// channels and credentials.
func (p *Platform) sending(s seeded, ups []upstream, sessions, window int64, keyHash [32]byte) []any {
	now, id, valid := p.Now().UnixMilli(), p.IDs.Next, p.period()
	signature, contract, qualification := id(), id(), id()
	list := []any{
		registry.Contract{
			ID: contract, PartyID: s.Customer, CounterpartyID: s.Agent, Number: "HT-2026-0001", Period: valid, ChargeOn: "submission",
			ReportTimeout: p.Config.Channel.ReportTimeout.Milliseconds(), State: registry.Active,
		},
		registry.Signature{
			ID: signature, PartyID: s.Customer, Text: storySignature, Source: registry.Trademark, Mark: storySignature, Registration: "900001", QualificationID: qualification,
			Unique: true, State: registry.Approved, CreatedAt: now, UpdatedAt: now,
		},
		registry.APIKey{ID: id(), ApplicationID: s.Application, Hash: keyHash[:], Scopes: "send,read,consent", CreatedAt: now},
	}
	for _, u := range ups {
		code := id()
		u.Options.Replies = true
		list = append(list,
			registry.AccessCode{ID: code, PartyID: s.Operator, Carrier: u.Carrier, Code: storyCode, Approval: "号〔2026〕0001", MaxLength: 20, Use: registry.UsePlatform, Period: valid, State: registry.Active},
			registry.Filing{SignatureID: signature, Carrier: u.Carrier, State: registry.Approved, Reference: "BA-2026-0001", Period: valid, UpdatedAt: now},
			registry.Subcode{
				ID: id(), AccessCodeID: code, Digits: storyDigits, PartyID: s.Customer, SignatureID: signature, QualificationID: qualification, ContractID: contract,
				State: registry.Active, BoundAt: now,
			},
			registry.Channel{
				ID: s.Channels[u.Carrier], Name: string(u.Carrier) + "-1", Carrier: u.Carrier, Protocol: u.Protocol, AccessCodeID: code, Address: u.Address, Login: simLogin,
				Secret: p.Keys.Seal(vault.PurposeLogin, []byte(simSecret)), ServiceID: "ZX", Sessions: sessions, Window: window, Cost: 30_000, State: registry.Active,
				BackSecret: p.Keys.Seal(vault.PurposeLogin, []byte(u.BackSecret)), Options: u.Options,
			})
	}
	secret, err := base64.StdEncoding.DecodeString(s.Secret)
	if err == nil { // it was made a moment ago
		for _, x := range []struct {
			protocol string
			version  int64
		}{{spserver.CMPP, 0x30}, {spserver.SGIP, 0}, {spserver.SMGP, 0x30}, {spserver.SMPP, 0x34}} {
			list = append(list, registry.SPAccount{
				ID: id(), ApplicationID: s.Application, Protocol: x.protocol, Login: s.Login, Secret: secret, Version: x.version, MaxSessions: 64, Window: 256,
				State: registry.Active,
			})
		}
	}
	for _, t := range []struct {
		category sms.Category
		name     string
		body     string
	}{{sms.OTP, "login code", otpBody}, {sms.Notice, "shipped", noticeBody}, {sms.MKT, "member day", mktBody}} {
		tid := id()
		list = append(list, registry.Template{ID: tid, PartyID: s.Customer, Category: t.category, Name: t.name, State: registry.Active, CreatedAt: now},
			registry.TemplateVersion{TemplateID: tid, Version: 1, Body: t.body, State: registry.Approved, ReviewedBy: "story", Period: valid})
		for _, u := range ups {
			list = append(list, registry.TemplateFiling{TemplateID: tid, Version: 1, Carrier: u.Carrier, State: registry.Approved, Reference: "MB-2026-0001", Period: valid, UpdatedAt: now})
		}
	}
	return list
}
