package dialect

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/websign"
)

// nonce names what the request may be made once by.
func (r *request) nonce() string {
	sum := sha256.Sum256([]byte(r.who.Key.AccessID + "\x00" + r.Once))
	return hex.EncodeToString(sum[:16])
}

// key is what a repeated request is known by: what its header says or, if the application has
// it so, the caller's own reference. That may be longer than a key, and is the application's,
// while keys are the account's.
func (r *request) key(header, ref string) string {
	if key := r.http.Header.Get(header); key != "" || ref == "" || !r.who.App.RefOnce {
		return key
	}
	sum := sha256.Sum256([]byte(r.who.App.ID.String() + "\x00" + r.Action + "\x00" + ref))
	return "reference " + hex.EncodeToString(sum[:])
}

// call begins a call of the request's application. What makes a repeated request the same one
// is its key, where the caller gave one; Aliyun's requests have a nonce besides, and of Tencent
// Cloud's, which have none, the same signature is the same request.
func (r *request) call(key string) *gate.Call {
	c := &gate.Call{Application: r.who.App.ID, Key: key, Payload: append([]byte(r.http.URL.RawQuery+"\n"), r.body...)}
	if r.Scheme.Aliyun() {
		c.Nonce = r.nonce()
		if key != "" { // timestamp and nonce of a repeated request differ
			c.Payload = []byte(r.meaning())
		}
	} else if key == "" {
		c.Key = "signature " + r.nonce()
	} else if r.Scheme == websign.TencentV1 { // its signature may be in the body
		c.Payload = []byte(r.meaning())
	} else {
		c.Payload = append([]byte(r.meaning()), r.body...)
	}
	return c
}

// meaning is what is asked for, without what differs in each request.
func (r *request) meaning() string {
	rest := map[string]string{}
	for k, v := range r.Params {
		switch k {
		case "Signature", "SignatureNonce", "Nonce", "Timestamp", "SecurityToken":
		default:
			rest[k] = v
		}
	}
	b, _ := json.Marshal(rest) // sorted; strings always have their JSON
	return r.Action + "\n" + string(b)
}

// template finds a template of the caller's by the number in its code.
func (r *request) template(number int64) *registry.ApprovedWording {
	for _, t := range r.who.Snap.TemplatesOf(r.who.App.PartyID) {
		if t.ID.Short() == number {
			return r.who.Snap.Wording(t.ID)
		}
	}
	return nil
}

// signature tells whether the caller has one of this text: a name that is nobody's is told as
// that, before any rule about the port that it has none of.
func (r *request) signature(name, field string) error {
	if r.who.Snap.SignatureOf(r.who.App.PartyID, name) == nil {
		return sms.Errorf(sms.SignatureMismatch, field, "you have no signature of this text")
	}
	return nil
}

// part is a text and who gets it. Variables that the template lacks are left out, as the
// clouds do; names are compared without regard to case.
func part(w *registry.ApprovedWording, signature string, values map[string]string, to []gate.Recipient) (gate.Part, error) {
	given := map[string]string{}
	for name, v := range values {
		given[strings.ToLower(name)] = v
	}
	used := map[string]string{}
	for _, name := range w.Wording.Names() {
		if v, ok := given[strings.ToLower(name)]; ok {
			used[name] = v
		}
	}
	body, err := w.Wording.Render(used)
	return gate.Part{Text: "【" + signature + "】" + body, Template: w.Template.ID, Category: w.Template.Category, Recipients: to}, err
}

// variables reads a JSON object of texts; numbers are texts, too.
func variables(text, field string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var raw map[string]any
	if err := decodeJSON([]byte(text), &raw); err != nil {
		return nil, sms.Errorf(sms.VariablesUnreadable, field, "it is no JSON object: %s", err)
	}
	return texts(raw, field)
}

func texts(raw map[string]any, field string) (map[string]string, error) {
	out := make(map[string]string, len(raw))
	for k, v := range raw {
		switch v := v.(type) {
		case string:
			out[k] = v
		case json.Number:
			out[k] = v.String()
		default:
			return nil, sms.Errorf(sms.VariablesUnreadable, field, "the value of %s is no text", clip(k, 40))
		}
	}
	return out, nil
}

// decide runs a call, or only tries it.
func (s *Server) decide(ctx context.Context, r *request, c *gate.Call) (gate.Answer, error) {
	decide := s.Gate.Submit
	if r.http.Header.Get("X-Dry-Run") == "true" {
		decide = s.Gate.Try
	}
	answer, err := decide(ctx, c)
	if answer.Replayed {
		r.header.Set("X-Idempotent-Replay", "true")
	}
	return answer, err
}

// Headers that tell what the bodies of the dialects have no room for.
const (
	headerCode = "X-Zhunxin-Code"
	headerRule = "X-Zhunxin-Rule"
)

// explain writes why something was refused: reason, rule, articles and what to do.
func explain(x *gate.Result, english bool) string {
	e := sms.Lookup(x.Code)
	reason, remedy, articles := rulebook.Both{Zh: e.Zh, En: e.En}, rulebook.Both{}, ""
	for i := range x.Findings {
		if f := &x.Findings[i]; x.Rule != "" && f.Rule == x.Rule { // else the catalogue's sentence says what to do
			reason, remedy, articles = f.Reason, f.Remedy, strings.Join(f.Articles, "、")
			break
		}
	}
	if english {
		return joined(reason.En, x.Rule, articles, remedy.En, "; ")
	}
	return joined(reason.Zh, x.Rule, articles, remedy.Zh, "；")
}

func joined(reason, rule, articles, remedy, sep string) string {
	out := reason
	if rule != "" {
		out += fmt.Sprintf(" [%s]", strings.TrimSpace(rule+" "+articles))
	}
	if remedy != "" {
		out += sep + remedy
	}
	return out
}

// message is the text of an error.
func message(err *sms.Error, english bool) string {
	e := sms.Lookup(err.Code)
	out := e.Zh
	if english {
		out = e.En
	}
	if err.Field != "" {
		out += " (" + err.Field + ")"
	}
	if err.Detail != "" {
		out += ": " + err.Detail
	}
	return out
}

// limitWords are what the clouds say of a frequency limit.
type limitWords struct{ aliyun, tencent string }

// limitOf is which frequency limit a refusal is about, nil when it is about none.
func limitOf(x *gate.Result) *limitWords {
	for i := range x.Findings {
		l := x.Findings[i].Limit
		switch {
		case x.Findings[i].Rule != x.Rule || l == nil:
		case l.Span <= time.Minute:
			return &limitWords{fmt.Sprintf("触发分钟级流控Permits:%d", l.Most), "LimitExceeded.PhoneNumberThirtySecondLimit"}
		case l.Span <= time.Hour:
			return &limitWords{fmt.Sprintf("触发小时级流控Permits:%d", l.Most), "LimitExceeded.PhoneNumberOneHourLimit"}
		default:
			return &limitWords{fmt.Sprintf("触发天级流控Permits:%d", l.Most), "LimitExceeded.PhoneNumberDailyLimit"}
		}
	}
	return nil
}
