package gate_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate/gatetest"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// What is registered decides, and what is not registered stands against the message (P11).
func TestRegisteredFactsDecide(t *testing.T) {
	var (
		soon  = registry.Period{From: 1, To: gatetest.Morning.Add(time.Hour).UnixMilli()}
		past  = registry.Period{From: 1, To: gatetest.Morning.UnixMilli()}
		party = func(kind, state string) registry.Party {
			return registry.Party{ID: 91, Kind: kind, GroupID: 91, Name: "upstream", USCC: "91110000000000009A", EntityType: "company", State: state}
		}
		licence = func(p registry.Period) registry.Licence {
			return registry.Licence{ID: 92, PartyID: 91, Number: "B2-9", USCC: "91110000000000009A", Scope: "B25", Provinces: "*", Period: p, State: registry.Active}
		}
		channel = func(set func(*registry.Channel)) registry.Channel {
			c := registry.Channel{
				ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Sessions: 1, Window: 16, State: registry.Active,
				Options: registry.ChannelOptions{Replies: true},
			}
			set(&c)
			return c
		}
		code = func(set func(*registry.AccessCode)) registry.AccessCode {
			c := registry.AccessCode{
				ID: gatetest.Code, PartyID: gatetest.Operator, Carrier: sms.Unicom, Code: "10690000", Approval: "A1", MaxLength: 20, Use: registry.UsePlatform,
				Period: registry.Period{From: 1}, State: registry.Active,
			}
			set(&c)
			return c
		}
		signature = func(set func(*registry.Signature)) registry.Signature {
			s := registry.Signature{ID: gatetest.Signature, PartyID: gatetest.Customer, Text: "准信科技", Source: "company", QualificationID: 71, Unique: true, State: registry.Approved}
			set(&s)
			return s
		}
		letter = func(p registry.Period, state string) registry.Authorisation {
			return registry.Authorisation{ID: 93, SignatureID: gatetest.Signature, Grantor: "a group's mother", Period: p, State: state}
		}
		binding  = registry.Subcode{ID: 81, AccessCodeID: gatetest.Code, Digits: "01", PartyID: gatetest.Customer, SignatureID: gatetest.Signature, QualificationID: 71, ContractID: 61, State: registry.Pending}
		contract = registry.Contract{ID: 61, PartyID: gatetest.Customer, CounterpartyID: gatetest.Agent, Number: "C1", Period: registry.Period{From: 1}, ChargeOn: "submission", State: registry.Pending}
		by       = func(c *registry.Channel) { c.UpstreamID = 91 }
		foreign  = func(s *registry.Signature) { s.Holder = "a group's mother" }
		filing   = func(p registry.Period, state string, version int64) registry.TemplateFiling {
			return registry.TemplateFiling{TemplateID: gatetest.TemplateOTP, Version: version, Carrier: sms.Unicom, State: state, Period: p}
		}
	)
	for name, v := range map[string]struct {
		objects []any
		text    string
		rule    string // "" is queued
		ends    bool   // with the fact that ends in an hour
	}{
		"LIC-06 an upstream with a licence":        {[]any{party("upstream", "active"), licence(soon), channel(by)}, gatetest.OTPText, "", true},
		"LIC-06 whose licence ended":               {[]any{party("upstream", "active"), licence(past), channel(by)}, gatetest.OTPText, "LIC-06", false},
		"LIC-06 without one":                       {[]any{party("upstream", "active"), channel(by)}, gatetest.OTPText, "LIC-06", false},
		"LIC-06 that is frozen":                    {[]any{party("upstream", "frozen"), licence(soon), channel(by)}, gatetest.OTPText, "LIC-06", false},
		"LIC-06 an HTTP API of nobody":             {[]any{channel(func(c *registry.Channel) { c.Protocol = "http" })}, gatetest.OTPText, "LIC-06", false},
		"PORT-01 as long as approved":              {[]any{code(func(c *registry.AccessCode) { c.MaxLength = 10 })}, gatetest.OTPText, "", false},
		"PORT-01 longer":                           {[]any{code(func(c *registry.AccessCode) { c.MaxLength = 9 })}, gatetest.OTPText, "PORT-01", false},
		"PORT-01 a length that nobody entered":     {[]any{code(func(c *registry.AccessCode) { c.MaxLength = 0 })}, gatetest.OTPText, "PORT-01", false},
		"PORT-01 a use that nobody entered":        {[]any{code(func(c *registry.AccessCode) { c.Use = "" })}, gatetest.OTPText, "PORT-01", false},
		"PORT-01 own use for another":              {[]any{code(func(c *registry.AccessCode) { c.Use = registry.UseOwn })}, gatetest.OTPText, "PORT-01", false},
		"PORT-01 own use":                          {[]any{code(func(c *registry.AccessCode) { c.Use, c.PartyID = registry.UseOwn, gatetest.Customer })}, gatetest.OTPText, "", false},
		"PORT-01 no approval":                      {[]any{code(func(c *registry.AccessCode) { c.Approval = "" })}, gatetest.OTPText, "PORT-01", false},
		"PORT-01 an approval that ends":            {[]any{code(func(c *registry.AccessCode) { c.Period = soon })}, gatetest.OTPText, "", true},
		"PORT-01 an approval that ended":           {[]any{code(func(c *registry.AccessCode) { c.Period = past })}, gatetest.OTPText, "PORT-01", false},
		"PORT-01 an approval that waits":           {[]any{code(func(c *registry.AccessCode) { c.State = registry.Pending })}, gatetest.OTPText, "PORT-01", false},
		"PORT-02 a contract that waits":            {[]any{contract}, gatetest.OTPText, "PORT-02", false},
		"PORT-02 a binding that waits":             {[]any{binding}, gatetest.OTPText, "PORT-02", false},
		"PORT-05 marketing on a service port":      {[]any{channel(func(c *registry.Channel) { c.Categories = "OTP,NOTICE" })}, gatetest.MKTText, "PORT-05", false},
		"PORT-05 a code there":                     {[]any{channel(func(c *registry.Channel) { c.Categories = "OTP,NOTICE" })}, gatetest.OTPText, "", false},
		"OPT-06 nobody says that replies come":     {[]any{channel(func(c *registry.Channel) { c.Options.Replies = false })}, gatetest.MKTText, "OPT-06", false},
		"OPT-06 a code there":                      {[]any{channel(func(c *registry.Channel) { c.Options.Replies = false })}, gatetest.OTPText, "", false},
		"OPT-06 a channel that only sends":         {[]any{channel(func(c *registry.Channel) { c.Protocol, c.Options.Mode = "smpp34", "send" })}, gatetest.MKTText, "OPT-06", false},
		"RN-03 somebody else's signature":          {[]any{signature(foreign)}, gatetest.OTPText, "RN-03", false},
		"RN-03 with a letter":                      {[]any{signature(foreign), letter(soon, "active")}, gatetest.OTPText, "", true},
		"RN-03 with a letter of another":           {[]any{signature(func(s *registry.Signature) { s.Holder = "a stranger" }), letter(soon, "active")}, gatetest.OTPText, "RN-03", false},
		"RN-03 with one that ended":                {[]any{signature(foreign), letter(past, "active")}, gatetest.OTPText, "RN-03", false},
		"RN-03 with one that waits":                {[]any{signature(foreign), letter(soon, "pending")}, gatetest.OTPText, "RN-03", false},
		"RN-03 with one that was revoked":          {[]any{signature(foreign), letter(soon, "revoked")}, gatetest.OTPText, "RN-03", false},
		"RN-05 a signature without qualification":  {[]any{signature(func(s *registry.Signature) { s.QualificationID = 0 })}, gatetest.MKTText, "RN-05", false},
		"RN-06 a name that nobody called unique":   {[]any{signature(func(s *registry.Signature) { s.Unique = false })}, gatetest.OTPText, "RN-06", false},
		"SIG-02 longer than the channel takes":     {[]any{channel(func(c *registry.Channel) { c.Options.SignatureMax = 3 })}, gatetest.OTPText, "SIG-02a", false},
		"SIG-02 as long as the channel takes":      {[]any{channel(func(c *registry.Channel) { c.Options.SignatureMax = 4 })}, gatetest.OTPText, "", false},
		"TPL-02 filed for a while":                 {[]any{filing(soon, registry.Approved, 1)}, gatetest.OTPText, "", true},
		"TPL-02 whose filing ended":                {[]any{filing(past, registry.Approved, 1)}, gatetest.OTPText, "TPL-02unicom", false},
		"TPL-02 whose filing waits":                {[]any{filing(soon, "submitted", 1)}, gatetest.OTPText, "TPL-02unicom", false},
		"TPL-02 another wording than the filed":    {[]any{registry.TemplateVersion{TemplateID: gatetest.TemplateOTP, Version: 2, Body: "您的验证码是${code:code}，5分钟内有效。", State: registry.Approved, Period: registry.Period{From: 1}}}, gatetest.OTPText, "TPL-02unicom", false},
		"TPL-02 the other wording, filed as well ": {[]any{registry.TemplateVersion{TemplateID: gatetest.TemplateOTP, Version: 2, Body: "您的验证码是${code:code}，5分钟内有效。", State: registry.Approved, Period: registry.Period{From: 1}}, filing(soon, registry.Approved, 2)}, gatetest.OTPText, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				w.Agree(gatetest.Member)
				w.Put(v.objects...)
				r := w.Send(v.text, gatetest.Member)[0]
				switch {
				case v.rule == "" && r.State != sms.Queued, v.rule != "" && (r.State != sms.Refused || !slices.ContainsFunc(r.Findings, func(f rulebook.Finding) bool { return f.Rule == v.rule })):
					w.T.Errorf("%s %s %s", r.State, r.Code, r.Rule)
				case v.ends && w.Message(r.MessageID).ValidUntil != soon.To:
					w.T.Errorf("the permit does not end with what it rests on: %d", w.Message(r.MessageID).ValidUntil)
				}
			})
		})
	}
}

// A vendor's rules hold on the channels that name it, and on no other.
func TestVendorsRulesHoldOnItsChannels(t *testing.T) {
	const loan = "您的贷款将于12月1日到期"
	for vendor, rule := range map[string]string{"tencent": "CNT-08tencent", "aliyun": "", "": ""} {
		t.Run(vendor, func(t *testing.T) {
			gatetest.Everywhere(t, nil, func(w *gatetest.World) {
				approve(w, 901, sms.Notice, loan)
				w.Put(registry.Channel{
					ID: gatetest.Channel, Name: "unicom", Carrier: sms.Unicom, Protocol: "cmpp30", AccessCodeID: gatetest.Code, Sessions: 1, Window: 16, State: registry.Active,
					Options: registry.ChannelOptions{Replies: true, Vendor: vendor},
				})
				if r := w.Send("【准信科技】"+loan, gatetest.Member)[0]; r.Rule != rule || (r.State == sms.Queued) != (rule == "") {
					w.T.Errorf("%+v", r)
				}
			})
		})
	}
}

// RN-06: a text that names the company in full needs no unique signature, and a notice waits
// for a reviewer, who may let it pass.
func TestAmbiguousSenderNamesItself(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Put(registry.Signature{ID: gatetest.Signature, PartyID: gatetest.Customer, Text: "准信科技", Source: "company", QualificationID: 71, State: registry.Approved})
		approve(w, 901, sms.Notice, "您在customer的订单已发货") // the party's name in this world is customer
		approve(w, 902, sms.Notice, "您的订单已发货")
		expect(w.T, w.Send("【准信科技】您在customer的订单已发货", gatetest.Member)[0], sms.Queued, "", "")
		expect(w.T, w.Send("【准信科技】您的订单已发货", gatetest.Member)[0], sms.Held, sms.SenderAmbiguous, "RN-06")
	})
}

// OPT-06: a channel that only sends is heard by another one with the same code.
func TestRepliesComeByAnotherChannel(t *testing.T) {
	gatetest.Everywhere(t, nil, func(w *gatetest.World) {
		w.Agree(gatetest.Member)
		bind := func(id sms.ID, mode, state string) registry.Channel {
			return registry.Channel{
				ID: id, Name: mode, Carrier: sms.Unicom, Protocol: "smpp34", AccessCodeID: gatetest.Code, Sessions: 1, Window: 16, State: state,
				Options: registry.ChannelOptions{Replies: true, Mode: mode},
			}
		}
		w.Put(bind(gatetest.Channel, "send", registry.Active), bind(33, "receive", registry.Paused))
		expect(w.T, w.Send(gatetest.MKTText, gatetest.Member)[0], sms.Refused, sms.ChannelMute, "OPT-06")
		w.Put(bind(33, "receive", registry.Active))
		expect(w.T, w.Send(gatetest.MKTText, gatetest.Member)[0], sms.Queued, "", "")
	})
}
