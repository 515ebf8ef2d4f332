package httpapi

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// SettingSetup holds the hash of the one-time token of the first administrator.
const SettingSetup = "setup.token"

// record writes an administrator's action into the log, in its transaction.
func (a *API) record(ctx context.Context, tx Tx, by *registry.APIKey, action string, object sms.ID, body any) error {
	return evlog.Action(ctx, tx, a.IDs, action, object, by.ID, by.StaffID, body)
}

// admin registers the operator's operations. They put objects into the registry;
// each is an action in the evidence log.
func (a *API) admin() {
	operation(a, "", huma.Operation{
		OperationID: "setup", Method: http.MethodPost, Path: "/v1/setup", Summary: "First administrator 首次设置", Tags: []string{"admin"},
		Description: "Takes the one-time token that the first start printed, once.",
	}, a.setup)
	putAs(a, anyone, "template-filings", "Filing of a template at a carrier 模板报备", func(o *registry.TemplateFiling, id sms.ID, now int64) { o.TemplateID, o.UpdatedAt = id, now },
		func(registry.TemplateFiling) string { return "filing" })
	put(a, "link-hosts", "Host of short links 短链域名", func(o *registry.LinkHost, id sms.ID, _ int64) { o.ID = id },
		func(registry.LinkHost) string { return "" })
	put(a, "rivals", "Name of a rival 竞争对手名称", func(o *registry.Rival, id sms.ID, now int64) { o.ID, o.CreatedAt = id, now },
		func(registry.Rival) string { return "" })
	put(a, "templates", "Template 模板", func(o *registry.Template, id sms.ID, now int64) { o.ID, o.CreatedAt = id, now },
		func(registry.Template) string { return "template" })
	put(a, "accounts", "Account 账户", func(o *registry.Account, id sms.ID, _ int64) {
		if o.ID = id; o.Currency == "" {
			o.Currency = "CNY"
		}
	},
		func(o registry.Account) string { return freeze(o.State) })
	put(a, "prices", "Price 价格", func(o *registry.Price, id sms.ID, now int64) {
		o.AccountID = id
		if o.ValidFrom == 0 {
			o.ValidFrom = now
		}
	}, func(registry.Price) string { return "" })
	put(a, "applications", "Application 应用", func(o *registry.Application, id sms.ID, now int64) { o.ID, o.CreatedAt = id, now },
		func(o registry.Application) string { return freeze(o.State) })
	put(a, "staff", "Person of the operator's staff 员工", func(o *registry.Staff, id sms.ID, now int64) { o.ID, o.CreatedAt = id, now },
		func(registry.Staff) string { return "" })
	a.adminReviewed()
	a.adminFilings()
	a.adminSecrets()
	a.adminChannels()
	a.adminMoney()
	a.adminRulebook()
}

// freeze names the revocation that a state which is not active stands for.
func freeze(state string) string {
	if state == registry.Active {
		return ""
	}
	return "freeze"
}

// PutIn stores an object under its id; the id "new" makes one.
type PutIn[T any] struct {
	ID   string `path:"id" maxLength:"20" doc:"id, or new"`
	Body T
}

// PutOut is the object as stored.
type PutOut[T any] struct{ Body T }

// put registers the operation that stores one kind of object. revokes names the
// journal entry that makes messages that wait ask the gate again; objects are not
// compared with what they were, because asking once too often costs little.
func put[T any](a *API, kind, title string, stamp func(o *T, id sms.ID, now int64), revokes func(T) string) {
	putAs(a, administrator, kind, title, stamp, revokes)
}

// administrator is a key of the operator's, of a person or of nobody.
func administrator(c caller) (*registry.Staff, error) {
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	return c.snap.Staff[c.key.StaffID], nil
}

// putAs is put for what somebody must answer for, as far as who says so.
func putAs[T any](a *API, who func(caller) (*registry.Staff, error), kind, title string, stamp func(o *T, id sms.ID, now int64), revokes func(T) string) {
	operation(a, ScopeAdmin, adminOp("put-"+kind, http.MethodPut, "/v1/admin/"+kind+"/{id}", title), func(ctx context.Context, in *PutIn[T]) (*PutOut[T], error) {
		c := callerOf(ctx)
		if _, err := who(c); err != nil {
			return nil, err
		}
		id, err := objectID(a, in.ID)
		if err != nil {
			return nil, err
		}
		stamp(&in.Body, id, a.Now().UnixMilli())
		err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			if err := fits(ctx, tx, &in.Body); err != nil {
				return err
			}
			if err := tx.Put(ctx, in.Body); err != nil {
				return err
			}
			snap, err := tx.Registry(ctx)
			if err != nil { // what would make the registry unreadable is not stored
				return sms.Errorf(sms.BadRequest, "body", "%s", err)
			}
			if price, ok := any(&in.Body).(*registry.Price); ok {
				if err := a.priced(ctx, tx, snap, price, a.Now()); err != nil {
					return err
				}
			}
			if err := a.record(ctx, tx, c.key, "put "+kind, id, in.Body); err != nil {
				return err
			}
			if r := revokes(in.Body); r != "" {
				_, err = tx.Revoke(ctx, sms.Revocation{Kind: r, ObjectID: int64(id), At: a.Now().UnixMilli()})
			}
			return err
		})
		return &PutOut[T]{in.Body}, named(err)
	})
}

func objectID(a *API, s string) (sms.ID, error) {
	if s == "new" {
		return a.IDs.Next(), nil
	}
	id, err := sms.ParseID(s)
	if err != nil {
		return 0, sms.Errorf(sms.BadRequest, "path.id", "%s, and it is not new", err)
	}
	return id, nil
}

// SetupIn makes the operator and its first administrator.
type SetupIn struct {
	Body struct {
		Token      string `json:"token" minLength:"1" maxLength:"100"`
		Name       string `json:"name" minLength:"1" maxLength:"200" doc:"the operator's registered name"`
		USCC       string `json:"uscc" pattern:"^[0-9A-Z]{18}$" doc:"统一社会信用代码"`
		EntityType string `json:"entity_type,omitempty" enum:"company,institution,government" default:"company"`
		Person     string `json:"person,omitempty" maxLength:"100" default:"administrator" doc:"who the first administrator is: the first of the operator's staff, in every role"`
	}
}

// KeyOut shows a new key, once.
type KeyOut struct {
	Body struct {
		ID            sms.ID `json:"id"`
		ApplicationID sms.ID `json:"application_id"`
		PartyID       sms.ID `json:"party_id"`
		StaffID       sms.ID `json:"staff_id,omitempty"`
		Key           string `json:"key,omitempty" doc:"shown once; only its hash is kept"`
		AccessID      string `json:"access_key_id,omitempty" doc:"of a key that signs: AccessKeyId, SecretId, AccountSid"`
		Secret        string `json:"access_key_secret,omitempty" doc:"shown once: AccessKeySecret, SecretKey, AuthToken"`
		AppNumber     int64  `json:"sms_sdk_app_id,omitempty" doc:"of a key that signs: the application's number, for programs of Tencent Cloud's SDK that name one"`
		Scopes        string `json:"scopes"`
	}
}

func (a *API) setup(ctx context.Context, in *SetupIn) (*KeyOut, error) {
	out, b := &KeyOut{}, &in.Body
	sum := sha256.Sum256([]byte(b.Token))
	shown, hash := vault.NewAPIKey()
	now := a.Now().UnixMilli()
	party, account, app := a.IDs.Next(), a.IDs.Next(), a.IDs.Next()
	person := registry.Staff{ID: a.IDs.Next(), Name: b.Person, Roles: strings.Join([]string{registry.RoleReviewer, registry.RoleCompliance, registry.RoleFinance}, ","), State: registry.Active, CreatedAt: now}
	key := registry.APIKey{ID: a.IDs.Next(), ApplicationID: app, StaffID: person.ID, Hash: hash[:], Scopes: strings.Join([]string{ScopeSend, ScopeRead, ScopeConsent, ScopeApply, ScopeAdmin}, ","), CreatedAt: now}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		want, err := tx.Setting(ctx, SettingSetup)
		if err != nil {
			return err
		}
		if want == "" || subtle.ConstantTimeCompare([]byte(want), []byte(hex.EncodeToString(sum[:]))) != 1 {
			return sms.Errorf(sms.Unauthenticated, "body.token", "it is not the token of this node's first start, or it was used")
		}
		for _, o := range []any{
			registry.Party{ID: party, Kind: registry.Operator, GroupID: party, Name: b.Name, USCC: b.USCC, EntityType: b.EntityType, State: registry.Active, CreatedAt: now, UpdatedAt: now},
			registry.Account{ID: account, PartyID: party, Currency: "CNY", State: registry.Active},
			registry.Application{ID: app, PartyID: party, AccountID: account, Name: "administration", State: registry.Active, CreatedAt: now},
			person, key,
		} {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		if err := tx.PutSetting(ctx, SettingSetup, ""); err != nil {
			return err
		}
		return a.record(ctx, tx, &key, "setup", party, map[string]string{"name": b.Name, "uscc": b.USCC})
	})
	out.Body.ID, out.Body.ApplicationID, out.Body.PartyID, out.Body.StaffID = key.ID, app, party, person.ID
	out.Body.Key, out.Body.Scopes = shown, key.Scopes
	return out, err
}

// KeyIn makes a key for an application.
type KeyIn struct {
	Body struct {
		ApplicationID sms.ID `json:"application_id"`
		StaffID       sms.ID `json:"staff_id,omitempty" doc:"whose it is, of the operator's staff"`
		Signs         bool   `json:"signs,omitempty" doc:"make an access key id and secret for the SDKs of the clouds, in place of a bearer key 签名密钥"`
		Scopes        string `json:"scopes" pattern:"^(audit|(send|read|consent|apply|admin|reveal)(,(send|read|consent|apply|admin|reveal))*)$" doc:"comma-separated: send, read, consent, apply, admin, reveal; or audit alone"`
		Allow         string `json:"allow,omitempty" maxLength:"1000" doc:"comma-separated CIDR ranges, empty is any"`
		ExpiresAt     int64  `json:"expires_at,omitempty" doc:"epoch milliseconds, 0 is never"`
	}
}

// LoginIn stores a customer's protocol login with its secret.
type LoginIn struct {
	ID   string `path:"id" maxLength:"20" doc:"id, or new"`
	Body struct {
		registry.SPAccount
		Secret     string `json:"secret,omitempty" maxLength:"64" doc:"empty makes one, which is shown once, or leaves the stored one; SMPP takes 8 characters"`
		BackSecret string `json:"back_secret,omitempty" maxLength:"16" doc:"SGIP: by what we log in at back_address; empty leaves the stored one"`
	}
}

// LoginOut shows a login; its secret only when it was made now.
type LoginOut struct {
	Body struct {
		registry.SPAccount
		Secret string `json:"secret,omitempty"`
	}
}

// adminSecrets registers what has a secret: keys and logins; channels have more to them.
func (a *API) adminSecrets() {
	operation(a, ScopeAdmin, adminOp("new-key", http.MethodPost, "/v1/admin/keys", "New API key 新建密钥"), a.newKey)
	operation(a, ScopeAdmin, adminOp("revoke-key", http.MethodDelete, "/v1/admin/keys/{id}", "Revoke an API key 停用密钥"), a.revokeKey)
	operation(a, ScopeAdmin, adminOp("put-logins", http.MethodPut, "/v1/admin/logins/{id}", "Customer's protocol login 客户接入账号"), a.putLogin)
}

func adminOp(id, method, path, title string) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: path, Summary: title, Tags: []string{"admin"}}
}

// person is who of the operator's staff calls, in a role that what is asked for needs.
func person(c caller, role string) (*registry.Staff, error) {
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	p := c.snap.Staff[c.key.StaffID]
	if p == nil || !p.Has(role) {
		return nil, sms.Errorf(sms.Forbidden, "Authorization", "this is done by a person of the staff with the role %s: use a key with the staff_id of one", role)
	}
	return p, nil
}

// anyone is who of the operator's staff calls, in whatever role: what another person is to
// decide about must be somebody's.
func anyone(c caller) (*registry.Staff, error) {
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	p := c.snap.Staff[c.key.StaffID]
	if p == nil {
		return nil, sms.Errorf(sms.Forbidden, "Authorization", "somebody of the staff must answer for this: use a key with a staff_id")
	}
	return p, nil
}

func errOperator() error {
	return sms.Errorf(sms.Forbidden, "Authorization", "only the operator's own administrators may do this")
}

func (a *API) newKey(ctx context.Context, in *KeyIn) (*KeyOut, error) {
	c, b := callerOf(ctx), &in.Body
	app := c.snap.Application[b.ApplicationID]
	switch {
	case !operatorAdmin(c):
		return nil, errOperator()
	case app == nil:
		return nil, sms.Errorf(sms.NotFound, "body.application_id", "no application has this id")
	case (b.Scopes == ScopeAudit || admission.Has(b.Scopes, ScopeReveal)) && c.snap.Party[app.PartyID].Kind != registry.Operator:
		return nil, sms.Errorf(sms.BadRequest, "body.scopes", "audit and reveal are for applications of the operator's own")
	case b.Signs && b.Scopes == ScopeAudit:
		return nil, sms.Errorf(sms.BadRequest, "body.signs", "the clouds' SDKs have nothing for an auditor: leave it out")
	case b.StaffID != 0 && (c.snap.Staff[b.StaffID] == nil || c.snap.Party[app.PartyID].Kind != registry.Operator):
		return nil, sms.Errorf(sms.BadRequest, "body.staff_id", "it is nobody of the staff, or the application is not the operator's own")
	}
	key := registry.APIKey{ID: a.IDs.Next(), ApplicationID: app.ID, StaffID: b.StaffID, Scopes: b.Scopes, Allow: b.Allow, ExpiresAt: b.ExpiresAt, CreatedAt: a.Now().UnixMilli()}
	out := &KeyOut{}
	var hash [32]byte
	if b.Signs {
		key.AccessID, out.Body.Secret = vault.NewAccessKey()
		out.Body.AppNumber = app.ID.Short()
		key.Secret, hash = a.Keys.Seal(vault.PurposeLogin, []byte(out.Body.Secret)), vault.HashAccessID(key.AccessID)
	} else {
		out.Body.Key, hash = vault.NewAPIKey()
	}
	key.Hash = hash[:]
	out.Body.ID, out.Body.ApplicationID, out.Body.PartyID, out.Body.AccessID, out.Body.Scopes = key.ID, app.ID, app.PartyID, key.AccessID, b.Scopes
	out.Body.StaffID = b.StaffID
	return out, a.store(ctx, c, "new key", key.ID, key, "")
}

func (a *API) revokeKey(ctx context.Context, in *MessageIn) (*struct{}, error) {
	c := callerOf(ctx)
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	key := c.snap.KeyByID(id)
	switch {
	case !operatorAdmin(c):
		return nil, errOperator()
	case key == nil:
		return nil, sms.Errorf(sms.NotFound, "path.id", "no key has this id")
	}
	ended := *key
	ended.RevokedAt = a.Now().UnixMilli()
	return nil, a.store(ctx, c, "revoke key", id, ended, "")
}

// store puts an object, refuses what would make the registry unreadable, and
// records the action.
func (a *API) store(ctx context.Context, c caller, action string, id sms.ID, object any, revokes string) error {
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := tx.Put(ctx, object); err != nil {
			return err
		}
		if _, err := tx.Registry(ctx); err != nil {
			return sms.Errorf(sms.BadRequest, "body", "%s", err)
		}
		if err := a.record(ctx, tx, c.key, action, id, object); err != nil || revokes == "" {
			return err
		}
		_, err := tx.Revoke(ctx, sms.Revocation{Kind: revokes, ObjectID: int64(id), At: a.Now().UnixMilli()})
		return err
	})
	return named(err)
}

func (a *API) putLogin(ctx context.Context, in *LoginIn) (*LoginOut, error) {
	c := callerOf(ctx)
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	id, err := objectID(a, in.ID)
	if err != nil {
		return nil, err
	}
	out := &LoginOut{}
	login := in.Body.SPAccount
	login.ID = id
	if err := checkLogin(&login, in.Body.Secret); err != nil {
		return nil, err
	}
	old := c.snap.Login(login.Protocol, login.Login)
	if old == nil { // it may be renamed
		old = c.snap.LoginByID(id)
	}
	secret := in.Body.Secret
	switch {
	case old != nil && old.ID != id:
		return nil, sms.Errorf(sms.BadRequest, "body.login", "another account has this login")
	case secret == "" && old != nil:
		login.Secret = old.Secret
	case secret == "":
		secret = vault.NewPassword()
		secret = secret[:min(len(secret), loginShapes[login.Protocol].secret)]
		out.Body.Secret = secret
	}
	if secret != "" {
		login.Secret = a.Keys.Seal(vault.PurposeLogin, []byte(secret))
	}
	if old != nil {
		login.BackSecret = old.BackSecret
	}
	if in.Body.BackSecret != "" {
		login.BackSecret = a.Keys.Seal(vault.PurposeLogin, []byte(in.Body.BackSecret))
	}
	out.Body.SPAccount = login
	return out, a.store(ctx, c, "put logins", id, login, "")
}

// loginShapes are how long a name and a secret may be, and which versions there are.
var loginShapes = map[string]struct {
	name, secret int
	versions     []int64
}{
	"cmpp": {6, 64, []int64{0x20, 0x21, 0x30}}, // CMPP 3.0 §8.4.1.1
	"sgip": {16, 16, []int64{0}},
	"smgp": {8, 15, []int64{0x13, 0x30}},
	"smpp": {15, 8, []int64{0, 0x34}}, // SMPP 3.4 §4.1.1
}

// checkLogin refuses what no client of the protocol could log in by.
func checkLogin(a *registry.SPAccount, secret string) error {
	shape := loginShapes[a.Protocol]
	switch {
	case len(a.Login) > shape.name:
		return sms.Errorf(sms.BadRequest, "body.login", "%s takes at most %d characters", a.Protocol, shape.name)
	case len(secret) > shape.secret:
		return sms.Errorf(sms.BadRequest, "body.secret", "%s takes at most %d characters", a.Protocol, shape.secret)
	case !slices.Contains(shape.versions, a.Version):
		return sms.Errorf(sms.BadRequest, "body.version", "%s has the versions %v", a.Protocol, shape.versions)
	}
	return nil
}

// ChangeIn posts money by hand.
type ChangeIn struct {
	Body struct {
		AccountID sms.ID      `json:"account_id"`
		Kind      ledger.Kind `json:"kind" enum:"topup,adjustment"`
		Amount    sms.Money   `json:"amount" doc:"micro-yuan; 1 yuan is 1000000"`
		Reference string      `json:"reference" minLength:"1" maxLength:"200" doc:"receipt, or the reason and what it cites"`
		Method    string      `json:"method,omitempty" enum:",transfer,platform,third_party,cash,crypto" doc:"of a top-up, how it was paid: transfer is from the party's own bank account, platform from its own at a licensed payment institution; nothing else is booked (FRD-05)"`
	}
}

// ChangeOut is the entry that was posted.
type ChangeOut struct{ Body EntryView }

// adminMoney registers top-ups, adjustments and the review of held messages.
func (a *API) adminMoney() {
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "change-balance", Method: http.MethodPost, Path: "/v1/admin/ledger", Summary: "Top up or adjust 充值、调账", Tags: []string{"admin"},
	}, func(ctx context.Context, in *ChangeIn) (*ChangeOut, error) {
		c, b, out := callerOf(ctx), &in.Body, &ChangeOut{}
		if !operatorAdmin(c) {
			return nil, errOperator()
		}
		if err := words("body.reference", b.Reference); err != nil {
			return nil, err
		}
		err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			if err := a.bookable(ctx, b.Kind, b.Method, now); err != nil {
				return err
			}
			e, err := ledger.Change(ctx, tx, a.IDs, b.AccountID, b.Kind, b.Amount, b.Reference, now.UnixMilli())
			if err != nil {
				return err
			}
			out.Body = EntryView{e.ID, e.Kind, e.UnitPrice.String(), e.Count, e.Amount.String(), e.Reference, e.At}
			return a.record(ctx, tx, c.key, string(b.Kind), e.ID, struct {
				EntryView
				Method string `json:"method,omitempty"`
			}{out.Body, b.Method})
		})
		return out, err
	})
	a.adminMessages()
	a.adminNumbers()
}

// adminMessages registers what a person decides about single messages.
func (a *API) adminMessages() {
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "approve", Method: http.MethodPost, Path: "/v1/admin/messages/{id}/approve", Summary: "Approve a held message 审核通过", Tags: []string{"admin"},
		Description: "It passes the gate again: the approval is one fact and overrides no other rule. Needs a reviewer of the staff.",
	}, func(ctx context.Context, in *MessageIn) (*MessageOut, error) {
		if _, err := person(callerOf(ctx), registry.RoleReviewer); err != nil {
			return nil, err
		}
		return a.judge(ctx, in, sms.Held, "approve message", a.Approve)
	})
	operation(a, ScopeAdmin, huma.Operation{
		OperationID: "give-up", Method: http.MethodPost, Path: "/v1/admin/messages/{id}/give-up", Summary: "Give a message in doubt up 存疑定为失败", Tags: []string{"admin"},
		Description: "For a message whose answer never came and that the carrier's statement does not have: it has failed, and what was held for it is released. It is not sent again.",
	}, func(ctx context.Context, in *MessageIn) (*MessageOut, error) {
		return a.judge(ctx, in, sms.InDoubt, "give message up", func(ctx context.Context, m *sms.Message) error {
			return a.End(ctx, m, sms.Failed, sms.ActorPerson)
		})
	})
}

// judge records an administrator's decision about a message in a state, and
// carries it out.
func (a *API) judge(ctx context.Context, in *MessageIn, state sms.State, action string, do func(context.Context, *sms.Message) error) (*MessageOut, error) {
	c := callerOf(ctx)
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	var m *sms.Message
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) (err error) {
		if m, err = own(ctx, tx, c, in.ID); err != nil {
			return err
		}
		if m.State != state {
			return sms.Errorf(sms.MessageNotWaiting, "path.id", "it is %s, not %s", m.State, state)
		}
		return a.record(ctx, tx, c.key, action, m.ID, m.ID)
	})
	if err != nil {
		return nil, err
	}
	if err := do(ctx, m); err != nil {
		return nil, err
	}
	return a.message(ctx, in)
}
