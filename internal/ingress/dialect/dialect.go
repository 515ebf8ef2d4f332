// Package dialect speaks as the SMS APIs of the clouds do, so that programs written for their
// SDKs run against this platform by another endpoint and other keys: Aliyun's Dysmsapi
// 2017-05-25, Tencent Cloud's sms 2021-01-11 and 2019-07-11, and the part of Twilio's
// 2010-04-01 that sends texts. It writes webhooks in their forms, too.
//
// It decides nothing. A send is a gate.Call like any other interface's, and a refusal is told by
// a code that those programs handle, with the rule, the article and the remedy in the message.
package dialect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/risk"
	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
	"github.com/zhunxin/zhunxin/protocol/websign"
)

// Tx is what the package needs of a transaction.
type Tx interface {
	shortlink.Tx
	ShortLinkTo(ctx context.Context, application sms.ID, target string) (shortlink.Link, bool, error)
	RemoveShortLink(ctx context.Context, application, id sms.ID, at int64) (bool, error)
	risk.SentTx
	Claim(ctx context.Context, account sms.ID, key string, payload [32]byte, expires int64) (fresh bool, oldPayload, answer []byte, err error)
	SentTo(ctx context.Context, phone [16]byte, group sms.ID, since int64, limit int) ([]sms.RecipientEvent, error)
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error
	Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
	Events(ctx context.Context, application, after sms.ID, limit int) ([]sms.Event, error)
	MOs(ctx context.Context, ids []sms.ID, each func(sms.MO)) error
	MOsFrom(ctx context.Context, phone [16]byte, application sms.ID, from, to int64, limit int, each func(sms.MO)) error
	PullCursor(ctx context.Context, application sms.ID, kind string) (sms.ID, error)
	Convert(ctx context.Context, message sms.ID, at int64) error
	PutPullCursor(ctx context.Context, application sms.ID, kind string, after sms.ID) error
	registryTx
	ListMessages(ctx context.Context, application, before sms.ID, limit int) ([]*sms.Message, error)
	Webhooks(ctx context.Context, application sms.ID) ([]sms.Webhook, error)
	PutWebhook(ctx context.Context, w sms.Webhook) error
	consent.Tx
	consent.PeopleTx
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
}

// Store runs the package's transactions. WriteFirst goes before all other writers: opt-outs.
type Store interface {
	WriteFirst(ctx context.Context, fn func(context.Context, Tx) error) error
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Config is what the dialects work on.
type Config struct {
	Gate  *gate.Gate
	Guard *admission.Guard
	Store Store
	Keys  *vault.Keys
	IDs   *sms.IDs
	Codes *vendorcode.Table
	Now   func() time.Time
	// Clock is the machine's own: by it SDKs sign, also to a demonstration whose clock is
	// shifted.
	Clock   func() time.Time
	MaxBody int
	// PrivateWebhooks lets callbacks reach addresses of the operator's own network.
	PrivateWebhooks bool
	// ScanTimeout is how long a file may take to come.
	ScanTimeout time.Duration
	// Settle is how long an event may take from its id to its commit.
	Settle time.Duration
	Logger *slog.Logger
}

// Windows of the clock within which a signed request is taken, as the clouds have them.
const (
	aliyunWindow  = 15 * time.Minute
	tencentWindow = 5 * time.Minute
)

// Server answers at the root of a host.
type Server struct {
	Config
	failed failures
	desk   *review.Desk
	shelf  *document.Shelf
	paces  paces
}

// New makes a server.
func New(cfg Config) *Server {
	return &Server{
		Config: cfg, desk: &review.Desk{InForce: cfg.Gate.RulesInForce, IDs: cfg.IDs},
		shelf: &document.Shelf{Store: scanStore{cfg.Store}, Keys: cfg.Keys, IDs: cfg.IDs},
	}
}

// request is one that was proved to be its key's.
type request struct {
	who admission.Caller
	*websign.Claim
	http   *http.Request
	body   []byte
	id     string // told to the caller and written to the log
	header http.Header
}

// tongue is how a dialect is spoken.
type tongue interface {
	// action finds what a request asks for, and the scope that it needs.
	action(c *websign.Claim) (scope string, run func(context.Context, *Server, *request) (any, error), err error)
	window() time.Duration
	reply(w http.ResponseWriter, r *request, result any)
	refuse(w http.ResponseWriter, r *request, err error)
}

// ServeHTTP answers a request that is signed as a cloud's SDK does it; any other is not found.
func (s *Server) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := &request{http: hr, id: newRequestID(), header: w.Header()}
	if formLike(hr) {
		s.upload(w, r)
		return
	}
	signed := signedOf(hr)
	body, err := io.ReadAll(http.MaxBytesReader(w, hr.Body, int64(s.MaxBody)))
	signed.Body, r.body = body, body
	scheme, failed := websign.Recognise(signed)
	if errors.Is(failed, websign.ErrNone) {
		http.NotFound(w, hr)
		return
	}
	var t tongue = aliyun{}
	if scheme == websign.TC3 || scheme == websign.TencentV1 || scheme == "" && tencentLike(signed) {
		t = tencent{}
	}
	if err != nil {
		t.refuse(w, r, tooLarge(err, s.MaxBody))
		return
	}
	result, err := s.answer(hr.Context(), t, r, signed)
	if err != nil {
		s.log(r, err)
		t.refuse(w, r, err)
		return
	}
	t.reply(w, r, result)
}

// tencentLike tells in whose words a request is refused that can't be read.
func tencentLike(r *websign.Request) bool {
	if auth := r.Header("Authorization"); auth != "" {
		return strings.HasPrefix(auth, "TC3-")
	}
	return strings.Contains(r.Query, "SecretId=") || bytes.Contains(r.Body, []byte("SecretId="))
}

func tooLarge(err error, limit int) error {
	var over *http.MaxBytesError
	if errors.As(err, &over) {
		return sms.Errorf(sms.BodyTooLarge, "body", "the most is %d bytes", limit)
	}
	return &sms.Error{Code: sms.BadRequest, Field: "body", Detail: "it did not come whole", Cause: err}
}

func signedOf(r *http.Request) *websign.Request {
	return &websign.Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Query: r.URL.RawQuery, Host: r.Host, TLS: r.TLS != nil,
		Header: func(name string) string {
			if strings.EqualFold(name, "host") {
				return r.Host
			}
			return r.Header.Get(name)
		},
	}
}

// answer proves who asks, and runs what is asked for.
func (s *Server) answer(ctx context.Context, t tongue, r *request, signed *websign.Request) (any, error) {
	claim, err := websign.Read(signed)
	if err != nil {
		return nil, unreadable(err)
	}
	r.Claim = claim
	scope, run, err := t.action(claim)
	if err != nil {
		scope = admission.Read // the key is looked at first: strangers learn nothing
	}
	if denied := s.admit(ctx, t, r, scope); denied != nil {
		return nil, denied
	}
	if err != nil {
		return nil, err
	}
	return run(ctx, s, r)
}

func unreadable(err error) error {
	code := sms.BadRequest
	if errors.Is(err, websign.ErrUnsigned) {
		code = sms.SignatureWrong
	}
	return sms.Errorf(code, "request", "%s", err)
}

// admit checks the key, the clock and the signature, in this order: what a wrong signature is
// compared with is shown to the key's owner only.
func (s *Server) admit(ctx context.Context, t tongue, r *request, scope string) error {
	snap, err := s.Gate.Snapshot(ctx)
	if err != nil {
		return &sms.Error{Code: sms.StoreUnavailable, Cause: err}
	}
	key := snap.Key(vault.HashAccessID(r.Key))
	if key == nil {
		return sms.Errorf(sms.Unauthenticated, "access key id", "there is no such key")
	}
	now := s.Clock()
	if d := now.Sub(r.At); d > t.window() || d < -t.window() {
		return sms.Errorf(sms.ClockSkew, "time", "the request is of %s, the server's clock is at %s", r.At.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	secret, err := s.Keys.Open(vault.PurposeLogin, key.Secret)
	if err != nil {
		return &sms.Error{Code: sms.Internal, Cause: err}
	}
	if err := r.Verify(string(secret)); err != nil {
		s.failed.keep(key.ID, s.Now(), r.Claim, err)
		// Aliyun's old Python core looks for a colon in this message, and fails without one.
		return sms.Errorf(sms.SignatureWrong, "signature", "GET /v1/keys/{id}/signature-failures shows what the server signed")
	}
	r.who, err = s.Guard.Admit(snap, key, r.http.RemoteAddr, scope, http.MethodGet)
	return err
}

// once refuses a request that was made before, of those that change nothing in the gate, where
// its nonce is taken with the decision.
func (s *Server) once(ctx context.Context, r *request) error {
	if !r.Scheme.Aliyun() { // the others have no nonce: the same request has the same answer
		return nil
	}
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		fresh, _, _, err := tx.Claim(ctx, r.who.App.AccountID, gate.NonceClaim(r.nonce()), [32]byte{}, now.Add(gate.NonceKept).UnixMilli())
		if err == nil && !fresh {
			return sms.Errorf(sms.NonceUsed, "nonce", "")
		}
		return err
	})
}

func (s *Server) log(r *request, err error) {
	var known *sms.Error
	switch {
	case !errors.As(err, &known):
		s.Logger.Error("request of an SDK failed", "request", r.id, "err", err)
	case known.Cause != nil && !errors.Is(known.Cause, context.Canceled):
		s.Logger.Error("request of an SDK failed", "request", r.id, "code", known.Code, "err", known.Cause)
	}
}
