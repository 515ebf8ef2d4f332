package dialect

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Twilio speaks as the part of Twilio's API does that sends texts. What it calls an account is a
// key that signs, whose id and secret have the form of an AccountSid and an AuthToken; a
// messaging service is a signature, content is a template.
type Twilio struct {
	*Server
	// End cancels a message that waits.
	End func(ctx context.Context, m *sms.Message) error
}

// Where it answers.
const (
	TwilioMessages = "/2010-04-01/"
	TwilioConsents = "POST /v1/Consents/Bulk"
	twilioVersion  = "2010-04-01"
)

// What the identifiers of Twilio begin with. Ours have an id in 32 hexadecimal digits behind.
const (
	sidAccount  = "AC" // a key's own id
	sidKey      = "SK" // the same by its other name
	sidMessage  = "SM"
	sidService  = "MG" // a signature
	sidContent  = "HX" // a template
	sidDigits   = 32
	twilioBasic = `Basic realm="Twilio API"`
)

func sid(kind string, id sms.ID) string { return fmt.Sprintf("%s%032x", kind, int64(id)) }

// fromSID reads one; 0 when it is none of ours.
func fromSID(kind, text string) sms.ID {
	digits, ok := strings.CutPrefix(text, kind)
	if !ok || len(digits) != sidDigits {
		return 0
	}
	id, err := strconv.ParseInt(digits, 16, 64)
	if err != nil || id < 0 || sid(kind, sms.ID(id)) != text {
		return 0
	}
	return sms.ID(id)
}

// twilioCall is a request of one account.
type twilioCall struct {
	request
	account string     // as its path names it
	form    url.Values // of the body, or of the query
}

type twilioFault struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

// twilioStatus is the HTTP status of a failure: SDKs make errors of all but 2xx.
func twilioStatus(c sms.Code) int {
	status := sms.Lookup(c).HTTP
	switch c {
	case sms.Unauthenticated, sms.KeyExpired, sms.Forbidden, sms.AddressNotAllowed, sms.NotFound, sms.UnknownAction, sms.BodyTooLarge, sms.RateLimited, sms.IdempotencyKey:
		return status
	}
	if status >= 500 {
		return status
	}
	return http.StatusBadRequest // of a message
}

func twilioWrite(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the caller went away
}

func (t *Twilio) refuse(w http.ResponseWriter, r *request, err error) {
	t.log(r, err)
	known := &sms.Error{Code: sms.Internal}
	errors.As(err, &known)
	status := twilioStatus(known.Code)
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", twilioBasic)
	}
	w.Header().Set(headerCode, string(known.Code))
	text := message(known, true)
	var refused *refusal
	if errors.As(err, &refused) {
		text = refused.text
		w.Header().Set(headerRule, refused.rule)
	}
	twilioWrite(w, status, twilioFault{sms.TwilioOf(known.Code), text, "/docs#" + string(known.Code), status})
}

// refusal is the gate's, with its explanation.
type refusal struct {
	code       sms.Code
	rule, text string
}

func (r *refusal) Error() string { return r.text }

func (r *refusal) Unwrap() error { return &sms.Error{Code: r.code} }

// ServeHTTP answers what stands under the version's path, and bulk consents.
func (t *Twilio) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	c := &twilioCall{request: request{http: hr, id: newRequestID(), header: w.Header()}}
	w.Header().Set("Twilio-Request-Id", "RQ"+strings.ToLower(strings.ReplaceAll(c.id, "-", "")))
	status, body, err := t.serve(w, hr, c)
	if err != nil {
		t.refuse(w, &c.request, err)
		return
	}
	twilioWrite(w, status, body)
}

func (t *Twilio) serve(w http.ResponseWriter, hr *http.Request, c *twilioCall) (status int, body any, err error) {
	run, scope := t.route(hr, c)
	if err := t.authenticate(hr, c, scope); err != nil { // strangers learn nothing of what there is
		return 0, nil, err
	}
	if run == nil {
		return 0, nil, sms.Errorf(sms.UnknownAction, "path", "there are Messages.json, Messages/SM….json and Consents/Bulk, by GET or POST")
	}
	hr.Body = http.MaxBytesReader(w, hr.Body, int64(t.MaxBody))
	if err := hr.ParseForm(); err != nil {
		return 0, nil, tooLarge(err, t.MaxBody)
	}
	if c.form = hr.PostForm; hr.Method == http.MethodGet {
		c.form = hr.Form
	}
	return run(hr.Context(), c)
}

type twilioRun func(ctx context.Context, c *twilioCall) (int, any, error)

// route finds what a request asks for, and the scope that it needs; nil is nothing.
func (t *Twilio) route(hr *http.Request, c *twilioCall) (twilioRun, string) {
	rest, ok := strings.CutPrefix(hr.URL.Path, TwilioMessages+"Accounts/")
	if !ok {
		if "POST "+hr.URL.Path == TwilioConsents && hr.Method == http.MethodPost {
			return t.consents, admission.Consent
		}
		return nil, admission.Read
	}
	var what string
	c.account, what, _ = strings.Cut(rest, "/")
	name, one := strings.CutPrefix(strings.TrimSuffix(what, ".json"), "Messages/")
	switch {
	case !strings.HasSuffix(what, ".json"):
	case what == "Messages.json" && hr.Method == http.MethodPost:
		return t.send, admission.Send
	case what == "Messages.json" && hr.Method == http.MethodGet:
		return t.list, admission.Read
	case one && hr.Method == http.MethodGet:
		return func(ctx context.Context, c *twilioCall) (int, any, error) { return t.fetch(ctx, c, name) }, admission.Read
	case one && hr.Method == http.MethodPost:
		return func(ctx context.Context, c *twilioCall) (int, any, error) { return t.change(ctx, c, name) }, admission.Send
	}
	return nil, admission.Read
}

// authenticate proves whose request it is: by the secret of the key that the name before it is
// of. The account of the path is a key of the same application, which outlives a rotation.
func (t *Twilio) authenticate(hr *http.Request, c *twilioCall, scope string) error {
	name, shown, ok := hr.BasicAuth()
	if !ok {
		return sms.Errorf(sms.Unauthenticated, "Authorization", "give AccountSid and AuthToken, or a key's SID and secret, by HTTP Basic")
	}
	snap, err := t.Gate.Snapshot(hr.Context())
	if err != nil {
		return &sms.Error{Code: sms.StoreUnavailable, Cause: err}
	}
	if digits, ok := strings.CutPrefix(name, sidKey); ok {
		name = sidAccount + digits
	}
	key := snap.Key(vault.HashAccessID(name))
	if key == nil {
		return sms.Errorf(sms.Unauthenticated, "Authorization", "")
	}
	secret, err := t.Keys.Open(vault.PurposeLogin, key.Secret)
	if err != nil {
		return &sms.Error{Code: sms.Internal, Cause: err}
	}
	if subtle.ConstantTimeCompare(secret, []byte(shown)) != 1 {
		return sms.Errorf(sms.Unauthenticated, "Authorization", "")
	}
	if c.who, err = t.Guard.Admit(snap, key, hr.RemoteAddr, scope, hr.Method); err != nil || c.account == "" {
		return err
	}
	if other := snap.Key(vault.HashAccessID(c.account)); other == nil || other.ApplicationID != key.ApplicationID {
		return sms.Errorf(sms.NotFound, "AccountSid", "it is none of your application's keys")
	}
	return nil
}
