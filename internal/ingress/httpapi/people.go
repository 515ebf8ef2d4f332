package httpapi

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

const vaultNumber = vault.PurposeNumber

func decodeSeen(s string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return "", sms.Errorf(sms.BadRequest, "query.seen", "it is not base64url without padding").Chinese("应为不带填充的 base64url")
	}
	return string(b), nil
}

// MaxPeople is the most recipients of one consent or suppression request.
const MaxPeople = 1000

// ConsentBody is consent of several people, given in the same way.
type ConsentBody struct {
	To        []string     `json:"to" minItems:"1" doc:"numbers, at most 1,000"`
	Purpose   sms.Category `json:"purpose" enum:"MKT,NOTICE" doc:"NOTICE: only to what is sensitive in notices, see sensitive; a notice without that needs none"`
	Method    string       `json:"method" minLength:"1" maxLength:"200" doc:"how it was asked: form, app, counter …; DEFAULT_ON, IMPLIED, TOS_ONLY and NO_REPLY are no consent"`
	Wording   string       `json:"wording,omitempty" maxLength:"200" doc:"your own name of the words that the person saw, when they are not registered"`
	WordingID sms.ID       `json:"wording_id,omitempty" doc:"the registered words that the person saw, whose frequency and period then bind"`
	Source    string       `json:"source" minLength:"1" maxLength:"200" doc:"where: page, shop, event id; THIRD_PARTY when somebody else passed the number on"`
	Separate  bool         `json:"separate_consent,omitempty" doc:"the person agreed separately to that"`
	Named     bool         `json:"recipient_named,omitempty" doc:"and was told that you get it"`
	AgeBand   string       `json:"age_band,omitempty" enum:",UNDER_14,14_TO_17,ADULT"`
	Guardian  bool         `json:"guardian,omitempty" doc:"a guardian agreed"`
	Proof     string       `json:"proof,omitempty" maxLength:"65536" doc:"what proves it; only its hash is kept"`
	PerWeek   int          `json:"per_week,omitempty" minimum:"0" maximum:"50" doc:"messages in 7 days that were agreed to; 0 when nothing was said"`
	Kinds     []string     `json:"kinds,omitempty" maxItems:"8" enum:"promotion,membership,event,finance,health,education,property,survey" doc:"kinds of content that were agreed to; none takes those of wording_id, or promotion"`
	Sensitive []string     `json:"sensitive,omitempty" maxItems:"7" enum:"health,finance,location,biometric,minor,belief,identity" doc:"classes of sensitive personal information in these messages to which the person agreed separately (PRV-06)"`
	GivenAt   time.Time    `json:"given_at" doc:"when the person agreed"`
	ExpiresAt time.Time    `json:"expires_at,omitzero" doc:"when the consent ends by itself"`
}

// ConsentIn records consent.
type ConsentIn struct{ Body ConsentBody }

// ConsentOut names what was recorded, in the order of the numbers.
type ConsentOut struct {
	Body struct {
		IDs   []sms.ID `json:"ids"`
		Grade int      `json:"grade" doc:"1: your own statement; rules may demand more"`
	}
}

func (a *API) people() {
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "add-consents", Method: http.MethodPost, Path: "/v1/consents", Summary: "Record consent 登记同意", Tags: []string{"people"},
		Description: "PIPL Art. 14: consent is voluntary, explicit and informed. What you record here is your own statement (grade 1) and goes into the evidence log.",
	}, a.addConsents)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "withdraw", Method: http.MethodPost, Path: "/v1/consents/withdraw", Summary: "Withdraw a separate consent 撤回单独同意", Tags: []string{"people"},
		Description: "PIPL Art. 15: ends what the person agreed to of sensitive personal information in notices, from the moment of the answer; other notices still arrive. Marketing ends by a refusal.",
	}, a.withdraw)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "person", Method: http.MethodPost, Path: "/v1/people/query", Summary: "Consents and refusals of a number 查询同意与退订", Tags: []string{"people"},
	}, a.person)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "suppress", Method: http.MethodPost, Path: "/v1/suppressions", Summary: "Record refusals 登记退订", Tags: []string{"people"},
		Description: "PIPL Art. 15: withdrawal must be as easy as consent. It holds from the moment of the answer, also for what waits.",
	}, a.suppress)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "erase", Method: http.MethodPost, Path: "/v1/people/erase", Summary: "Erase a person 删除个人信息", Tags: []string{"people"},
		Description: "PIPL Art. 47. Destroys what opens the number and the texts that you sent to it, once the time for which they must be kept has passed. Consents end, refusals stay, and every proof stays valid. Before that time the answer is KEPT_BY_LAW: the person's data are only stored from then on, and nothing but codes that they ask for is sent to them.",
	}, a.erase)
}

// EraseOut says what was done.
type EraseOut struct {
	Body struct {
		Erased bool   `json:"erased" doc:"false when nothing was known of the person"`
		ID     sms.ID `json:"certificate_id,omitempty" doc:"the certificate of erasure stands in the evidence log under this id"`
	}
}

// erase destroys what opens a person's records towards the caller's content
// provider group: number, texts and commitments. What must still be kept is only
// stored from here on. PIPL Art. 47.
func (a *API) erase(ctx context.Context, in *PersonIn) (*EraseOut, error) {
	n, err := sms.ParseMSISDN(in.Body.To)
	if err != nil {
		return nil, sms.NumberFault("body.to", err)
	}
	c, out := callerOf(ctx), &EraseOut{}
	group, id := c.snap.Party[c.app.PartyID].GroupID, a.Keys.PhoneID(n)
	certificate := a.IDs.Next()
	var kept error
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		act := func(action string) error { return a.record(ctx, tx, c.key, action, group, hex.EncodeToString(id[:])) }
		erased, until, err := a.privacy().Erase(ctx, tx, id, group, certificate, c.key.StaffID, func(erased bool) error {
			if !erased {
				return nil
			}
			return act("erase person")
		})
		held := privacy.Held(err)
		if err != nil && !held {
			return err
		}
		if kept = keptUntil(held, until); kept == nil {
			out.Body.Erased = erased
			return nil
		}
		now, err := tx.Now(ctx)
		if err == nil {
			err = act("lock person")
		}
		if err != nil {
			return err
		}
		return a.privacy().Lock(ctx, tx, id, group, certificate, now.UnixMilli())
	})
	if err == nil {
		err = kept
	}
	if out.Body.Erased {
		out.Body.ID = certificate
	}
	return out, err
}

// keptUntil tells why a person can't be erased yet, nil when they can.
func keptUntil(held bool, until time.Time) error {
	if held { // whose case it is concerns the operator and the authority
		return &sms.Error{Code: sms.KeptByLaw, Field: "body.to"}
	}
	if until.IsZero() {
		return nil
	}
	day := until.UTC().Format(time.DateOnly)
	return sms.Errorf(sms.KeptByLaw, "body.to", "it is kept until %s", day).Chinese("须保存至 %s", day)
}

func (a *API) numbers(list []string) ([]sms.MSISDN, error) {
	if len(list) > MaxPeople {
		return nil, sms.Errorf(sms.TooManyRecipients, "body.to", "there are %d, the most is %d", len(list), MaxPeople)
	}
	out := make([]sms.MSISDN, len(list))
	for i, s := range list {
		n, err := sms.ParseMSISDN(s)
		if err != nil {
			return nil, sms.NumberFault(place("body.to", i), err)
		}
		out[i] = n
	}
	return out, nil
}

// know stores people who are new to the content provider, so that what is recorded
// of them can be shown to them, and erased.
func (a *API) know(ctx context.Context, tx Tx, group sms.ID, numbers []sms.MSISDN, at int64) error {
	return consent.Know(ctx, tx, a.Keys, group, numbers, at)
}

func (a *API) addConsents(ctx context.Context, in *ConsentIn) (*ConsentOut, error) {
	c, b := callerOf(ctx), &in.Body
	numbers, err := a.numbers(b.To)
	if err != nil {
		return nil, err
	}
	if (b.Wording == "") == (b.WordingID == 0) {
		return nil, sms.Errorf(sms.BadRequest, "body.wording", "name the words that the person saw: wording_id when they are registered, else wording").Chinese("请写明本人看到的告知文本：已登记的填 wording_id，否则填 wording")
	}
	if b.WordingID != 0 && b.Purpose != sms.MKT {
		return nil, sms.Errorf(sms.BadRequest, "body.wording_id", "registered words ask for MKT; name the words of another consent by wording").Chinese("已登记的文本只用于 MKT，其他同意请用 wording 写明")
	}
	group := c.snap.Party[c.app.PartyID].GroupID
	out := &ConsentOut{}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if err := a.know(ctx, tx, group, numbers, now.UnixMilli()); err != nil {
			return err
		}
		said, err := a.statement(ctx, tx, b, group, now)
		if err != nil {
			return err
		}
		grants := make([]consent.Grant, len(numbers))
		out.Body.IDs = make([]sms.ID, len(numbers))
		for i, n := range numbers {
			grants[i] = said.Grant(a.IDs.Next(), a.Keys.PhoneID(n), group, consent.Import)
			if said.Wording == nil {
				grants[i].Wording = b.Wording
			}
			grants[i].Purpose, grants[i].ProofHash = b.Purpose, sha256.Sum256([]byte(b.Proof))
			out.Body.IDs[i] = grants[i].ID
		}
		return consent.Add(ctx, tx, evlog.Recorder(tx, a.IDs), grants, now.UnixMilli())
	})
	out.Body.Grade = int(consent.Import)
	return out, err
}

// statement is what the request says of its consents, judged by the rules.
func (a *API) statement(ctx context.Context, tx Tx, b *ConsentBody, group sms.ID, now time.Time) (*consent.Statement, error) {
	s := &consent.Statement{
		Method: b.Method, Source: b.Source, PerWeek: b.PerWeek, Kinds: b.Kinds, Sensitive: b.Sensitive, GivenAt: b.GivenAt.UnixMilli(), SeparateConsent: b.Separate, RecipientNamed: b.Named,
		AgeBand: b.AgeBand, Guardian: b.Guardian,
	}
	if !b.ExpiresAt.IsZero() {
		s.ValidTo = b.ExpiresAt.UnixMilli()
	}
	if b.WordingID != 0 {
		w, err := tx.UseWording(ctx, b.WordingID, group, now.UnixMilli())
		if err != nil {
			return nil, err
		}
		if w == nil {
			return nil, sms.Errorf(sms.NotFound, "body.wording_id", "no wording of yours has this id")
		}
		s.Wording = w
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	if found := s.Judge(book, now); len(found) > 0 {
		return nil, refused("body", found)
	}
	return s, nil
}

// refused is a problem that tells in both languages which rules stand against an object, and
// what to do.
func refused(field string, found []rulebook.Finding) *Problem {
	p := newProblem(&sms.Error{Code: found[0].Code, Field: field})
	var zh, en []string
	for _, f := range found {
		zh = append(zh, f.Rule+" "+f.Reason.Zh+"。"+f.Remedy.Zh+"（"+strings.Join(f.Articles, "；")+"）")
		en = append(en, f.Rule+": "+f.Reason.En+". "+f.Remedy.En+".")
	}
	p.Zh, p.Detail = strings.Join(zh, "\n"), strings.Join(en, "\n")
	return p
}

// PersonIn asks about a number. It stands in the body, because addresses are logged.
type PersonIn struct {
	Body struct {
		To string `json:"to" minLength:"1" maxLength:"32"`
	}
}

// GrantView is a consent.
type GrantView struct {
	ID          sms.ID       `json:"id"`
	Purpose     sms.Category `json:"purpose"`
	Grade       int          `json:"grade"`
	Method      string       `json:"method"`
	Wording     string       `json:"wording"`
	Source      string       `json:"source"`
	Claims      string       `json:"claims,omitempty" doc:"what was stated besides"`
	PerWeek     int          `json:"per_week,omitempty"`
	ValidFrom   int64        `json:"valid_from"`
	ValidTo     int64        `json:"valid_to,omitempty"`
	WithdrawnAt int64        `json:"withdrawn_at,omitempty"`
	SuspendedAt int64        `json:"suspended_at,omitempty" doc:"when a carrier said that the number does not exist: only a later consent counts"`
}

// RefusalView is a refusal.
type RefusalView struct {
	ID        sms.ID `json:"id"`
	Scope     string `json:"scope"`
	Source    string `json:"source"`
	Reference string `json:"reference,omitempty"`
	InFlight  string `json:"in_flight,omitempty" doc:"messages that were already being submitted"`
	CreatedAt int64  `json:"created_at"`
	LiftedAt  int64  `json:"lifted_at,omitempty"`
}

func grantView(g *consent.Grant) GrantView {
	return GrantView{g.ID, g.Purpose, int(g.Grade), g.Method, g.Wording, g.Source, g.Claims, g.PerWeek, g.ValidFrom, g.ValidTo, g.WithdrawnAt, g.SuspendedAt}
}

func refusalView(s *consent.Suppression) RefusalView {
	return RefusalView{s.ID, s.Scope, s.Source, s.Reference, s.InFlight, s.CreatedAt, s.LiftedAt}
}

// WithdrawOut says how many consents ended.
type WithdrawOut struct {
	Body struct {
		Ended int `json:"ended"`
	}
}

func (a *API) withdraw(ctx context.Context, in *PersonIn) (*WithdrawOut, error) {
	n, err := sms.ParseMSISDN(in.Body.To)
	if err != nil {
		return nil, sms.NumberFault("body.to", err)
	}
	c, out := callerOf(ctx), &WithdrawOut{}
	err = a.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		out.Body.Ended, err = consent.Withdraw(ctx, tx, evlog.Recorder(tx, a.IDs), a.Keys.PhoneID(n), c.snap.Party[c.app.PartyID].GroupID, a.IDs.Next(), now.UnixMilli())
		return err
	})
	return out, err
}

// PersonOut is what stands for and against sending to a number.
type PersonOut struct {
	Body struct {
		To       string        `json:"to"`
		Consents []GrantView   `json:"consents"`
		Refusals []RefusalView `json:"refusals"`
	}
}

func (a *API) person(ctx context.Context, in *PersonIn) (*PersonOut, error) {
	n, err := sms.ParseMSISDN(in.Body.To)
	if err != nil {
		return nil, sms.NumberFault("body.to", err)
	}
	c := callerOf(ctx)
	group, id := c.snap.Party[c.app.PartyID].GroupID, a.Keys.PhoneID(n)
	out := &PersonOut{}
	out.Body.To, out.Body.Consents, out.Body.Refusals = n.String(), []GrantView{}, []RefusalView{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.Grants(ctx, group, [][16]byte{id}, func(g consent.Grant) {
			out.Body.Consents = append(out.Body.Consents, grantView(&g))
		}); err != nil {
			return err
		}
		return tx.Suppressions(ctx, [][16]byte{id}, func(s consent.Suppression) {
			if s.GroupID == group || s.GroupID == 0 {
				out.Body.Refusals = append(out.Body.Refusals, refusalView(&s))
			}
		})
	})
	return out, err
}

// SuppressIn records refusals.
type SuppressIn struct {
	Body struct {
		To        []string `json:"to" minItems:"1" doc:"numbers, at most 1,000"`
		Scope     string   `json:"scope,omitempty" enum:"MKT,NOTICE,PUBLIC,ALL" default:"MKT"`
		Reference string   `json:"reference,omitempty" maxLength:"200" doc:"your own: ticket, call, page"`
	}
}

// SuppressOut names what was recorded.
type SuppressOut struct {
	Body struct {
		IDs      []sms.ID `json:"ids"`
		InFlight []sms.ID `json:"in_flight" doc:"messages that had already left when the refusal was stored"`
	}
}

func (a *API) suppress(ctx context.Context, in *SuppressIn) (*SuppressOut, error) {
	c, b := callerOf(ctx), &in.Body
	numbers, err := a.numbers(b.To)
	if err == nil {
		err = words("body.reference", b.Reference)
	}
	if err != nil {
		return nil, err
	}
	group := c.snap.Party[c.app.PartyID].GroupID
	out := &SuppressOut{}
	out.Body.InFlight = []sms.ID{}
	for _, n := range numbers { // a transaction each: the journal's counter is locked until commit
		id := a.IDs.Next()
		var flight []sms.ID
		err = a.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) error {
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			if err := a.know(ctx, tx, group, []sms.MSISDN{n}, now.UnixMilli()); err != nil {
				return err
			}
			flight, err = consent.Refuse(ctx, tx, evlog.Recorder(tx, a.IDs), consent.Suppression{
				ID: id, PhoneID: a.Keys.PhoneID(n), GroupID: group, Scope: b.Scope, Source: "api", Reference: b.Reference, CreatedAt: now.UnixMilli(),
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		out.Body.IDs, out.Body.InFlight = append(out.Body.IDs, id), append(out.Body.InFlight, flight...)
	}
	return out, nil
}
