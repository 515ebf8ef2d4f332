// Package consentpage serves what people see of the platform: a page for each wording,
// on which they give consent, and their own page, on which they see what they agreed to
// and withdraw it as easily (PIPL Art. 14, 15). Who holds a number is proved by a code
// that goes there as an ordinary message through the gate. The pages need no scripts and
// no cookies, and a number stands neither in an address nor in a log.
package consentpage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Tx is what the pages need of a transaction.
type Tx interface {
	consent.Tx
	consent.PossessionTx
	Now(ctx context.Context) (time.Time, error)
	Wording(ctx context.Context, id sms.ID) (*consent.Wording, error)
	UseWording(ctx context.Context, id, group sms.ID, at int64) (*consent.Wording, error)
	SentPossession(ctx context.Context, id, message sms.ID) error
	Suppressions(ctx context.Context, ids [][16]byte, each func(consent.Suppression)) error
	GrantsOf(ctx context.Context, phone [16]byte, each func(consent.Grant)) error
	Secrets(ctx context.Context, group sms.ID, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	InsertEvents(ctx context.Context, list []sms.Event) error
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
}

// Store runs transactions. WriteFirst goes before all other writers.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	WriteFirst(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Config is what the pages work on.
type Config struct {
	Gate    *gate.Gate
	Store   Store
	Keys    *vault.Keys
	IDs     *sms.IDs
	Now     func() time.Time
	Limits  consent.Limits
	MaxBody int64
	Logger  *slog.Logger
	Told    func() // called after customers were told something
}

type pages struct{ Config }

//go:embed pages.html
var pagesHTML string

var views = template.Must(template.New("pages").Parse(pagesHTML))

const style = `body{font:16px/1.6 system-ui,sans-serif;margin:0;background:#f6f6f4;color:#1b1b1b}main{max-width:38rem;margin:0 auto;padding:1.5rem;background:#fff}
h1{font-size:1.3rem}h2{font-size:1.1rem}[lang=en]{color:#5c5c5c;font-size:.85em}.statement{border-left:4px solid #0b6b4f;padding:.4rem .8rem;background:#f0f6f3}
.problem{border-left:4px solid #b3261e;padding:.4rem .8rem;background:#fbeeed}.ok{color:#0b6b4f}dt{font-weight:600}dd{margin:0 0 .4rem}
input[type=tel],input[type=text]{display:block;font-size:1.1rem;padding:.5rem;width:100%;box-sizing:border-box;margin:.3rem 0 .8rem}button{font-size:1rem;padding:.6rem 1rem}`

// policy lets a page load nothing, run nothing, stand in no frame, and send its forms
// here alone.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
}()

// New registers the pages on a mux.
func New(cfg Config, mux *http.ServeMux) {
	p := &pages{cfg}
	own := http.NewServeMux()
	own.HandleFunc("GET /c/in/{id}", p.handle(p.offer))
	own.HandleFunc("POST /c/in/{id}/code", p.handle(p.sendOffer))
	own.HandleFunc("POST /c/in/{id}/agree", p.handle(p.agree))
	own.HandleFunc("GET /c/me/{id}", p.handle(p.own))
	own.HandleFunc("POST /c/me/{id}/code", p.handle(p.sendOwn))
	own.HandleFunc("POST /c/me/{id}/open", p.handle(p.open))
	own.HandleFunc("POST /c/me/{id}/withdraw", p.handle(p.withdraw))
	mux.Handle("/c/", http.NewCrossOriginProtection().Handler(own))
}

// view is what a page shows.
type view struct {
	Title, Action, Token, Box string
	Style                     template.CSS
	Minutes                   int
	Offered                   bool
	Wording                   *offered
	Groups                    []groupView
	Problem                   *problem
	Complaints                string // where people complain (CMP-01)
}

type problem struct{ Zh, En string }

// request is one on its way to a page.
type request struct {
	*http.Request
	id      sms.ID // of the wording or the group
	address [16]byte
}

// handle reads the request, shows the page that answers it, and what went wrong in words.
func (p *pages) handle(do func(r *request) (name string, v view, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for k, v := range map[string]string{
			"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "interest-cohort=()",
		} {
			h.Set(k, v)
		}
		name, v := "problem", view{Title: "无法打开 · can't be shown"}
		q, err := p.read(w, r)
		if err == nil {
			name, v, err = do(q)
		}
		status := http.StatusOK
		if err != nil {
			known := p.known(err)
			e := sms.Lookup(known.Code)
			status = e.HTTP
			v.Problem = &problem{e.Zh, e.En}
			if name == "" {
				name = "problem"
			}
			if v.Title == "" {
				v.Title = "未能完成 · not done"
			}
		}
		v.Style = style
		if snap, err := p.Gate.Snapshot(r.Context()); err == nil && snap.Operator() != nil {
			v.Complaints = snap.Operator().Complaints
		}
		w.WriteHeader(status)
		if err := views.ExecuteTemplate(w, name, v); err != nil {
			p.Logger.Debug("write a page", "err", err)
		}
	}
}

func (p *pages) known(err error) *sms.Error {
	var known *sms.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &known):
	case errors.As(err, &tooLarge):
		known = sms.Errorf(sms.BodyTooLarge, "", "")
	default:
		known = &sms.Error{Code: sms.Internal, Cause: err}
	}
	if known.Cause != nil && !errors.Is(known.Cause, context.Canceled) {
		p.Logger.Error("a consent page failed", "code", known.Code, "err", known.Cause)
	}
	return known
}

func (p *pages) read(w http.ResponseWriter, r *http.Request) (*request, error) {
	id, err := sms.ParseID(r.PathValue("id"))
	if err != nil {
		return nil, sms.Errorf(sms.NotFound, "path.id", "")
	}
	r.Body = http.MaxBytesReader(w, r.Body, p.MaxBody)
	if r.Method == http.MethodPost {
		if err := r.ParseForm(); err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return nil, err
			}
			return nil, sms.Errorf(sms.BadRequest, "body", "it is no form")
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return nil, fmt.Errorf("the client's address: %w", err)
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("the client's address: %w", err)
	}
	q := &request{Request: r, id: id}
	sum := p.Keys.PayloadHash([]byte("address\x00" + network(a)))
	copy(q.address[:], sum[:])
	return q, nil
}

// network is the address that is counted: of IPv6 the 64 bits that one subscriber has.
func network(a netip.Addr) string {
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

// sender is who brings a code: an application with an approved template and signature.
type sender struct {
	app       sms.ID
	signature string
	template  *registry.ApprovedWording
	variable  string
}

// senderOf finds one among applications.
func (p *pages) senderOf(snap *registry.Snapshot, apps []sms.ID) *sender {
	for _, id := range apps {
		app := snap.Application[id]
		if app == nil || app.State != registry.Active {
			continue
		}
		w, variable := snap.CodeTemplate(app.PartyID, p.Now().UnixMilli())
		if w == nil {
			continue
		}
		for _, s := range snap.SignaturesOf(app.PartyID) {
			if s.State == registry.Approved {
				return &sender{id, s.Text, w, variable}
			}
		}
	}
	return nil
}

func (p *pages) tokenHash(token string) [32]byte {
	return p.Keys.PayloadHash([]byte("possession\x00" + token))
}

func (p *pages) codeHash(token, code string) [32]byte {
	return p.Keys.PayloadHash([]byte("code\x00" + token + "\x00" + code))
}

// codeRange is that of codes of six digits.
var codeRange = big.NewInt(1_000_000)

// send sends a code to the number of the form and returns what its page holds. w is the
// wording that the page asks for, nil on a person's own.
func (p *pages) send(r *request, by *sender, group sms.ID, w *offered) (token string, err error) {
	if by == nil {
		return "", sms.Errorf(sms.PageNotOffered, "", "no approved template or signature for codes")
	}
	number, err := sms.ParseMSISDN(strings.TrimSpace(r.PostForm.Get("to")))
	if err != nil {
		return "", sms.NumberFault("to", err)
	}
	token = rand.Text()
	n, err := rand.Int(rand.Reader, codeRange)
	if err != nil {
		return "", err
	}
	code := fmt.Sprintf("%06d", n)
	body, err := by.template.Wording.Render(map[string]string{by.variable: code})
	if err != nil {
		return "", err
	}
	row := consent.Possession{
		ID: p.IDs.Next(), Token: p.tokenHash(token), PhoneID: p.Keys.PhoneID(number), GroupID: group, Code: p.codeHash(token, code),
		Address: r.address,
	}
	err = p.Store.Write(r.Context(), func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		row.CreatedAt = now.UnixMilli()
		if w != nil { // what somebody is about to agree to stays as it is shown
			row.WordingID = w.ID
			if w.Wording, err = tx.UseWording(ctx, w.ID, group, row.CreatedAt); err != nil {
				return err
			}
		}
		return consent.Ask(ctx, tx, row, p.Limits)
	})
	if err != nil {
		return "", err
	}
	a, err := p.Gate.Submit(r.Context(), &gate.Call{
		Application: by.app,
		Parts: []gate.Part{{
			Text: "【" + by.signature + "】" + body, Template: by.template.Template.ID, Category: sms.OTP, Recipients: []gate.Recipient{{Number: number, Ref: "consent page"}},
		}},
	})
	switch {
	case err != nil:
		return "", err
	case a.Results[0].State == sms.Refused: // why is the sender's business, and maybe the holder's secret
		p.Logger.Warn("a code of a consent page was refused", "code", a.Results[0].Code, "rule", a.Results[0].Rule, "message", a.Results[0].MessageID)
		return "", sms.Errorf(sms.CodeNotSent, "", "")
	}
	return token, p.Store.Write(r.Context(), func(ctx context.Context, tx Tx) error { return tx.SentPossession(ctx, row.ID, a.Results[0].MessageID) })
}
