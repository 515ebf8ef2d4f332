// Package httpapi is the REST interface: OpenAPI 3.1 made from the code, bearer
// keys with scopes and address ranges, and RFC 9457 problems that carry the
// catalogue's code in Chinese and English.
//
// It decides nothing. A send is a gate.Call like any other interface's.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/assess"
	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/complaint"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/duty"
	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/incident"
	"github.com/zhunxin/zhunxin/internal/ledger"
	"github.com/zhunxin/zhunxin/internal/privacy"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// Tx is what the interface needs of a transaction.
type Tx interface {
	ledger.Tx
	consent.ImportTx
	consent.EventTx
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	campaign.Tx
	gate.Reader
	assess.Tx
	review.Tx
	document.Tx
	Views(ctx context.Context, id sms.ID, limit int) ([]document.View, error)
	DocumentsOf(ctx context.Context, party sms.ID) ([]*document.Document, error)
	ExpiringDocuments(ctx context.Context, before int64, limit int) ([]*document.Document, error)
	LastCase(ctx context.Context, kind string, object sms.ID, version int64) (*review.Case, error)
	WaitingCases(ctx context.Context, kind string, limit int) ([]*review.Case, error)
	Now(ctx context.Context) (time.Time, error)
	Put(ctx context.Context, object any) error
	Registry(ctx context.Context) (*registry.Snapshot, error)
	Revoke(ctx context.Context, r sms.Revocation) (int64, error)
	Message(ctx context.Context, id sms.ID) (*sms.Message, error)
	ListMessages(ctx context.Context, application, before sms.ID, limit int) ([]*sms.Message, error)
	Decision(ctx context.Context, id sms.ID) (sms.Decision, error)
	SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error
	KeptReports(ctx context.Context, phone [16]byte, since int64, limit int) ([]sms.Report, error)
	Endings(ctx context.Context, message sms.ID) ([]sms.Ending, error)
	Converted(ctx context.Context, message sms.ID) (int64, error)
	Events(ctx context.Context, application, after sms.ID, limit int) ([]sms.Event, error)
	MOs(ctx context.Context, ids []sms.ID, each func(sms.MO)) error
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(consent.Grant)) error
	Suppressions(ctx context.Context, ids [][16]byte, each func(consent.Suppression)) error
	LastMessageTo(ctx context.Context, phone [16]byte, group sms.ID) (int64, error)
	Erase(ctx context.Context, phone [16]byte, group sms.ID) (bool, error)
	InsertPeople(ctx context.Context, at int64, people []sms.Person) error
	PutPorted(ctx context.Context, id [16]byte, c sms.Carrier, at int64) error
	PutSegmentTable(ctx context.Context, id sms.ID, at int64, data []byte) error
	DropSegmentTable(ctx context.Context) error
	InsertEvents(ctx context.Context, list []sms.Event) error
	BalanceOf(ctx context.Context, account sms.ID) (ledger.Balance, error)
	Entries(ctx context.Context, account, after sms.ID, limit int) ([]ledger.Entry, error)
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	PutRecord(ctx context.Context, r leaf.Record, leafID sms.ID, pos int) error
	Setting(ctx context.Context, name string) (string, error)
	Webhooks(ctx context.Context, application sms.ID) ([]sms.Webhook, error)
	PutWebhook(ctx context.Context, w sms.Webhook) error
	WebhookDeliveries(ctx context.Context, webhook, before sms.ID, limit int) ([]sms.WebhookDelivery, error)
	PutSetting(ctx context.Context, name, value string) error
	AppealMeasure(ctx context.Context, id sms.ID, text string, at int64) (bool, error)
	LiftMeasure(ctx context.Context, id, by sms.ID, why string, unfounded bool, at int64) (bool, error)
	RulePacks(ctx context.Context, before sms.ID, limit int) ([]registry.RulePack, error)
	RulePack(ctx context.Context, id sms.ID) (registry.RulePack, bool, error)
	RulePackText(ctx context.Context, id sms.ID) (text, cases []byte, err error)
	shortlink.Tx
	ShortLinks(ctx context.Context, application, before sms.ID, limit int) ([]shortlink.Link, error)
	RemoveShortLink(ctx context.Context, application, id sms.ID, at int64) (bool, error)
	oversightTx
}

// oversightTx is what complaints, requests and duties need besides.
type oversightTx interface {
	complaint.Tx
	privacy.Tx
	incident.Tx
	AnswersOf(ctx context.Context, agent sms.ID, limit int) ([]privacy.AgentAnswers, error)
	Incidents(ctx context.Context, before sms.ID, limit int) ([]incident.Incident, error)
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	SentTo(ctx context.Context, phone [16]byte, group sms.ID, since int64, limit int) ([]sms.RecipientEvent, error)
	Cases(ctx context.Context, f complaint.Filter, limit int) ([]complaint.Case, error)
	CaseFile(ctx context.Context, id sms.ID) (sealed []byte, err error)
	CountCases(ctx context.Context, from, to int64, each func(complaint.Figure)) error
	risk.DeliveredTx
	Duty(ctx context.Context, id sms.ID) (duty.Task, error)
	Duties(ctx context.Context, f duty.Filter, limit int) ([]duty.Task, error)
	InsertOccurrence(ctx context.Context, o duty.Occurrence) error
	Occurrences(ctx context.Context, before sms.ID, limit int) ([]duty.Occurrence, error)
	Requests(ctx context.Context, before sms.ID, limit int) ([]privacy.Request, error)
	Holds(ctx context.Context, before sms.ID, limit int) ([]privacy.Hold, error)
	SeenList(ctx context.Context, before sms.ID, limit int) ([]privacy.Seen, error)
}

// Store runs transactions. WriteFirst goes before all other writers: opt-outs.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	WriteFirst(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Config is what the interface works on.
type Config struct {
	Gate  *gate.Gate
	Packs *edition.Desk
	Store Store
	Keys  *vault.Keys
	IDs   *sms.IDs
	Now   func() time.Time
	// Pack writes the evidence of a message; seen is an older checkpoint or "".
	Pack func(ctx context.Context, message sms.ID, seen string) ([]byte, error)
	// PackOf writes everything that is recorded under an object's id; CaseFile assembles and
	// stores a complaint's file.
	PackOf   func(ctx context.Context, object sms.ID, seen string) ([]byte, error)
	CaseFile func(ctx context.Context, complaint, by sms.ID) error
	// End ends a message that waits or is in doubt; Approve passes a held one
	// through the gate.
	End     func(ctx context.Context, m *sms.Message, to sms.State, by sms.Actor) error
	Approve func(ctx context.Context, m *sms.Message) error
	// Wait is closed when there may be new events.
	Wait func() <-chan struct{}
	// Settle is how long an event may take from its id to its commit: a younger one is
	// not shown while one with a smaller id may still be on its way. It is 0 where
	// transactions follow one another, and ids with them.
	Settle   time.Duration
	Channels func() []channel.State
	// ReportTimeout is how long a message's contract waits for its report; Usual is what the
	// newest reports of a channel took.
	ReportTimeout func(snap *registry.Snapshot, m *sms.Message) time.Duration
	Usual         func(channel sms.ID) (median, p95 time.Duration, ok bool)
	// Assess says what the law asks of parties.
	Assess *assess.Catalogue
	// Codes says what carriers' codes mean.
	Codes *vendorcode.Table
	// SelfTest logs in at an address as an SGIP channel's gateway would.
	SelfTest func(ctx context.Context, channel *registry.Channel, address string) error
	// Filed asks a cloud channel's upstream what it says of templates.
	Filed func(ctx context.Context, ch *registry.Channel, list []registry.CloudTemplate) ([]channel.FiledState, error)
	// Lists takes lists of consents in, Campaigns campaigns.
	Lists     *consent.Importer
	Campaigns *campaign.Desk
	MaxBody   int
	// ScanTimeout is how long a scan may take to come.
	ScanTimeout time.Duration
	Guard       *admission.Guard
	// Failed lists the requests of a key that signs whose signature was wrong, on this node.
	Failed func(key sms.ID) []admission.Failure
	// PrivateWebhooks lets webhooks reach addresses of the operator's own network.
	PrivateWebhooks bool
	// Retention is how long what was sent must stay provable with its number and text.
	Retention time.Duration
	Logger    *slog.Logger
}

// API is the interface.
type API struct {
	Config
	huma      huma.API
	desk      *review.Desk
	shelf     *document.Shelf
	assessing chan struct{} // holds one for each that is being made
}

// New registers every operation on a mux.
func New(cfg Config, mux *http.ServeMux) *API {
	huma.NewError = problem
	huma.ValidateStrictCasing = true // as the description says: no other members
	h := huma.DefaultConfig("Zhunxin 准信", "1")
	h.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	h.Info.Description = "Send SMS that the law permits, and prove it. 发送合法短信，并可举证。"
	h.OpenAPIPath, h.DocsPath, h.SchemasPath = "/openapi", "", ""
	h.CreateHooks = nil
	h.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer"}}
	h.Security = []map[string][]string{{"key": {}}}
	h.RejectUnknownQueryParameters = true
	a := &API{
		Config: cfg, huma: humago.New(mux, h), desk: &review.Desk{InForce: cfg.Gate.RulesInForce, IDs: cfg.IDs},
		shelf: &document.Shelf{Store: documentStore{cfg.Store}, Keys: cfg.Keys, IDs: cfg.IDs}, assessing: make(chan struct{}, maxAssessing),
	}
	a.messages()
	a.campaigns()
	a.reports()
	a.people()
	a.wordings()
	a.confirmations()
	a.consentEvents()
	a.imports()
	a.account()
	a.signFailures()
	a.shortLinks()
	a.assessment()
	a.feed()
	a.webhooks()
	a.measures()
	a.applying()
	a.permits()
	a.rights()
	a.contacts()
	a.documents()
	a.admin()
	a.oversight()
	mux.HandleFunc("GET /docs", a.docs)
	mux.Handle("/v1/", Elsewhere(mux))
	return a
}

// Scopes of a key.
const (
	ScopeSend    = admission.Send
	ScopeRead    = admission.Read
	ScopeConsent = admission.Consent
	ScopeApply   = admission.Apply
	ScopeAdmin   = admission.Admin
	ScopeReveal  = admission.Reveal
	ScopeAudit   = admission.Audit
)

// caller is who a request comes from.
type caller struct {
	key  *registry.APIKey
	app  *registry.Application
	snap *registry.Snapshot
}

type callerKey struct{}

func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

// operation registers one with its scope; "" needs no key.
func operation[I, O any](a *API, scope string, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.MaxBodyBytes = int64(a.MaxBody)
	op.BodyReadTimeout = 10 * time.Second
	if scope == "" {
		op.Security = []map[string][]string{}
	} else {
		op.Description = strings.TrimSpace(op.Description + "\n\nNeeds a key with the scope `" + scope + "`.")
		op.Middlewares = append(op.Middlewares, a.authenticate(scope))
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, in)
		if err != nil {
			return nil, a.toProblem(err)
		}
		return out, nil
	})
}

// authenticate finds the caller by its key and checks all that a key is bound to.
func (a *API) authenticate(scope string) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		c, err := a.identify(ctx, scope)
		if err != nil {
			p := a.toProblem(err)
			ctx.SetHeader("Content-Type", "application/problem+json")
			if p.Status == http.StatusUnauthorized {
				ctx.SetHeader("WWW-Authenticate", `Bearer realm="zhunxin"`)
			}
			ctx.SetStatus(p.Status)
			if err := a.huma.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
				a.Logger.Debug("write the problem", "err", err)
			}
			return
		}
		next(huma.WithValue(ctx, callerKey{}, c))
	}
}

func (a *API) identify(ctx huma.Context, scope string) (c caller, err error) {
	scheme, shown, _ := strings.Cut(ctx.Header("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") { // RFC 9110 §11.1
		return c, sms.Errorf(sms.Unauthenticated, "Authorization", "write: Authorization: Bearer zx_…").Chinese("请写 Authorization: Bearer zx_…")
	}
	hash, err := vault.HashAPIKey(strings.TrimLeft(shown, " "))
	if err != nil {
		return c, err
	}
	snap, err := a.Gate.Snapshot(ctx.Context())
	if err != nil {
		return c, &sms.Error{Code: sms.StoreUnavailable, Cause: err}
	}
	x, err := a.Guard.Admit(snap, snap.Key(hash), ctx.RemoteAddr(), scope, ctx.Method())
	return caller{x.Key, x.App, x.Snap}, err
}
