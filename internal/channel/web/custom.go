package web

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
)

// Bounds of requests and answers.
const (
	maxBody     = 256 << 10 // of a request, in bytes
	maxAnswered = 64 << 10  // of an answer, in bytes
)

// formMedia is the type of a form.
const formMedia = "application/x-www-form-urlencoded"

// chinaTime is the zone of stamp.
var chinaTime = time.FixedZone("Asia/Shanghai", 8*60*60)

// Custom is the API of an upstream that a channel describes as data.
type Custom struct {
	account Account
	base    *url.URL
	client  *http.Client

	method, as           string // as is the kind of the body
	path, text           *textTemplate
	query, headers, form []named
	json                 *jsonTemplate
	sign, verify         *signature

	answer  answerReader
	reports *reportReader
	replies *replyReader
	accept  registry.UpstreamReceived
}

var _ API = (*Custom)(nil)

// requestNames are what a request can be made of.
var requestNames = names{
	"phone": cel.StringType, "e164": cel.StringType, "text": cel.StringType, "signature": cel.StringType, "body": cel.StringType,
	"source": cel.StringType, "extension": cel.StringType, "ref": cel.StringType, "login": cel.StringType, "secret": cel.StringType,
	"unix": cel.IntType, "unix_ms": cel.IntType, "stamp": cel.StringType, "iso": cel.StringType, "nonce": cel.StringType, "valid_seconds": cel.IntType,
	"template": cel.StringType, "params": cel.MapType(cel.StringType, cel.StringType), "values": cel.ListType(cel.StringType),
}

// NewCustom compiles a channel's options.http. The error names the field that is wrong.
func NewCustom(a Account) (*Custom, error) {
	d := a.HTTP
	if d == nil {
		return nil, errors.New("options.http: it is missing; describe the upstream's API in it")
	}
	base, err := Endpoint(registry.ByHTTP, a.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	lang, err := newVocabulary()
	if err != nil {
		return nil, err
	}
	asks, err := lang.with(requestNames)
	if err != nil {
		return nil, err
	}
	hears, err := lang.with(heardNames)
	if err != nil {
		return nil, err
	}
	c := &Custom{account: a, base: base, accept: registry.UpstreamReceived{Type: "application/json", Body: `{"code":0}`}}
	c.client = &http.Client{
		Transport:     a.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if err := c.readRequest("options.http.request", &d.Request, asks); err != nil {
		return nil, err
	}
	if err := c.readSign(d.Sign, asks); err != nil {
		return nil, err
	}
	answers, err := hears.with(names{"ref": cel.StringType})
	if err != nil {
		return nil, err
	}
	if err := c.answer.read("options.http.answer", &d.Answer, answers); err != nil {
		return nil, err
	}
	return c, c.readCallbacks(d, hears)
}

// readRequest compiles the request.
func (c *Custom) readRequest(field string, d *registry.UpstreamRequest, v *vocabulary) (err error) {
	if c.method = d.Method; !slices.Contains([]string{http.MethodPost, http.MethodGet, http.MethodPut}, d.Method) {
		return fmt.Errorf("%s.method: it is one of POST, GET, PUT", field)
	}
	if c.path, err = v.template(field+".path", d.Path); err != nil {
		return err
	}
	c.path.escape = url.PathEscape
	for _, p := range c.path.pieces {
		if strings.ContainsAny(p.literal, "?#") {
			return fmt.Errorf("%s.path: it holds ? or #; parameters go into query", field)
		}
	}
	if c.query, err = v.templates(field+".query", d.Query); err != nil {
		return err
	}
	if err := c.readHeaders(field+".headers", d.Headers, v); err != nil {
		return err
	}
	return c.readBody(field, d, v)
}

func (c *Custom) readHeaders(field string, list map[string]string, v *vocabulary) (err error) {
	for name := range list {
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer", "Connection":
			return fmt.Errorf("%s.%s: it follows from the address and the body and can't be set", field, name)
		}
		if !token(name) {
			return fmt.Errorf("%s: %q is no name of a header", field, clipBytes(name, 40))
		}
	}
	c.headers, err = v.templates(field, list)
	return err
}

// readBody compiles the body: a form, JSON, any other, or none.
func (c *Custom) readBody(field string, d *registry.UpstreamRequest, v *vocabulary) (err error) {
	var kinds []string
	for _, x := range []struct {
		name  string
		given bool
	}{{inForm, len(d.Form) > 0}, {inJSON, d.JSON != nil}, {"text", d.Text != ""}} {
		if x.given {
			kinds = append(kinds, x.name)
		}
	}
	switch {
	case len(kinds) == 0:
		return nil
	case len(kinds) > 1:
		return fmt.Errorf("%s.%s: there is %s too, and a request has one body", field, kinds[1], kinds[0])
	case d.Method == http.MethodGet:
		return fmt.Errorf("%s.%s: GET has no body; put it into query, or make it POST", field, kinds[0])
	}
	switch c.as = kinds[0]; c.as {
	case inForm:
		c.form, err = v.templates(field+".form", d.Form)
	case inJSON:
		c.json, err = v.json(field+".json", d.JSON)
	default:
		if !slices.ContainsFunc(c.headers, func(h named) bool { return strings.EqualFold(h.name, "Content-Type") }) {
			return fmt.Errorf("%s.headers: name the Content-Type of the text", field)
		}
		c.text, err = v.template(field+".text", d.Text)
	}
	return err
}

// readSign compiles how requests are signed.
func (c *Custom) readSign(d *registry.UpstreamSign, v *vocabulary) (err error) {
	if d == nil {
		return nil
	}
	const field = "options.http.sign"
	if c.sign, err = newSigner(field, d, &c.account, v); err != nil {
		return err
	}
	switch {
	case c.sign.in == inForm && c.as != inForm:
		return fmt.Errorf("%s.in: the request has no form", field)
	case c.sign.in == inJSON && (c.as != inJSON || c.json.object == nil):
		return fmt.Errorf("%s.in: the request's JSON is no object", field)
	}
	return nil
}

// outgoing is a request that is being made.
type outgoing struct {
	method, as  string
	url         *url.URL
	query, form url.Values
	json        any
	header      http.Header
	body        string
}

// encode writes the body.
func (o *outgoing) encode() (err error) {
	switch o.as {
	case inForm:
		o.body = o.form.Encode()
	case inJSON:
		o.body, err = writeJSON(o.json)
	}
	if err == nil && len(o.body) > maxBody {
		err = fmt.Errorf("options.http.request.%s: the body became longer than %d bytes", o.as, maxBody)
	}
	return err
}

// setHeader refuses what would end the header's line.
func (o *outgoing) setHeader(field, name, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return fmt.Errorf("%s: a header's value holds a line break or another control character; encode it, such as by urlencode(…)", field)
	}
	o.header.Set(name, value)
	return nil
}

// see is what the expressions of a request see.
func (c *Custom) see(m *Message) *scope {
	now := c.account.Now()
	signature, body, ok := lexicon.SplitSignature(m.Text)
	if !ok {
		signature, body = "", m.Text
	}
	var valid int64
	if !m.ValidUntil.IsZero() { // 0 would say that it is not limited
		valid = max(1, int64(m.ValidUntil.Sub(now)/time.Second))
	}
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	params := map[string]string{}
	for i, name := range m.Names[:min(len(m.Names), len(m.Values))] {
		params[name] = m.Values[i]
	}
	return &scope{vars: map[string]any{
		"phone": m.Number.National(), "e164": "+" + m.Number.Reveal(), "text": m.Text, "signature": signature, "body": body,
		"source": m.Source, "extension": m.Extension, "ref": m.Ref, "login": c.account.Login, "secret": c.account.Secret,
		"unix": now.Unix(), "unix_ms": now.UnixMilli(), "stamp": now.In(chinaTime).Format("20060102150405"), "iso": now.UTC().Format(time.RFC3339),
		"nonce": hex.EncodeToString(nonce[:]), "valid_seconds": valid, "template": m.Template, "params": params, "values": slices.Clone(m.Values),
	}}
}

// fill makes the request from the templates, signed.
func (c *Custom) fill(m *Message) (*outgoing, error) {
	s := c.see(m)
	o := &outgoing{method: c.method, as: c.as, query: url.Values{}, header: http.Header{}}
	path, err := c.path.fill(s)
	if err != nil {
		return nil, err
	}
	full := c.base.EscapedPath()
	if path != "" {
		full = strings.TrimSuffix(full, "/") + "/" + strings.TrimPrefix(path, "/")
	}
	if o.url, err = url.Parse(c.base.Scheme + "://" + c.base.Host + full); err != nil {
		return nil, errors.New("options.http.request.path: it does not give the path of a URL")
	}
	if err := fillAll(c.query, s, o.query.Set); err != nil {
		return nil, err
	}
	for _, h := range c.headers {
		value, err := h.text.fill(s)
		if err == nil {
			err = o.setHeader(h.text.field, h.name, value)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := c.fillBody(o, s); err != nil {
		return nil, err
	}
	if c.sign != nil {
		err = c.sign.put(o, s)
	}
	return o, err
}

func (c *Custom) fillBody(o *outgoing, s *scope) (err error) {
	media := ""
	switch c.as {
	case inForm:
		media, o.form = formMedia, url.Values{}
		err = fillAll(c.form, s, o.form.Set)
	case inJSON:
		media = "application/json"
		o.json, err = c.json.fill(s)
	case "text":
		o.body, err = c.text.fill(s)
	}
	if err != nil {
		return err
	}
	if media != "" && o.header.Get("Content-Type") == "" {
		o.header.Set("Content-Type", media)
	}
	return o.encode()
}

// Send implements API.
func (c *Custom) Send(ctx context.Context, m *Message) (Answer, error) {
	o, err := c.fill(m)
	if err != nil {
		return Answer{}, fmt.Errorf("not asked: %w", err)
	}
	o.url.RawQuery = o.query.Encode()
	var body io.Reader
	if o.body != "" {
		body = strings.NewReader(o.body)
	}
	req, err := http.NewRequestWithContext(ctx, o.method, o.url.String(), body)
	if err != nil {
		return Answer{}, errors.New("not asked: options.http.request.path: it does not give the path of a URL")
	}
	maps.Copy(req.Header, o.header)
	resp, err := c.client.Do(req)
	if err != nil {
		return Answer{}, (&exchange{err: err}).unanswered("http")
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswered+1))
	switch {
	case err != nil:
		return Answer{}, &noAnswer{fmt.Sprintf("read the answer (status %d): it broke off, or came too late", resp.StatusCode), err}
	case len(said) > maxAnswered:
		return Answer{}, fmt.Errorf("the answer (status %d) is longer than %d bytes", resp.StatusCode, maxAnswered)
	}
	s := c.heard(resp.Header, said)
	s.vars["status"], s.vars["ref"] = int64(resp.StatusCode), m.Ref
	return c.answer.of(s, resp.StatusCode, resp.Header.Get("Retry-After"))
}
