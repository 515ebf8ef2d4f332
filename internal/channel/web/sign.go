package web

import (
	"cmp"
	"crypto/hmac"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// ErrSignature is of a callback that the upstream did not sign, or not now.
var ErrSignature = errors.New("the callback's signature does not fit")

// signedWithin is how far from now a callback may have been signed.
const signedWithin = 5 * time.Minute

// The schemes and places of signatures.
const (
	byBearer, byBasic, byHMAC, byDigest    = "bearer", "basic", "hmac", "digest"
	inHeader, inQuery, inForm, inJSON      = "header", "query", "form", "json"
	asHex, asUpperHex, asBase64, authorize = "hex", "HEX", "base64", "Authorization"
)

// before is what stands before a key in the header Authorization.
var before = map[string]string{byBearer: "Bearer ", byBasic: "Basic "}

// signedNames are what can be signed beside what the fields know.
var signedNames = names{"method": cel.StringType, "path": cel.StringType, "payload": cel.StringType, "sorted": cel.StringType, "sorted_encoded": cel.StringType}

// signature is a compiled UpstreamSign.
type signature struct {
	field                            string
	scheme, hash, encoding, in, name string
	login, secret                    string
	key, text, value                 *textTemplate
	at                               *program
	sorts                            bool // it reads sorted
	now                              func() time.Time
}

// newSignature reads what requests and callbacks have in common. values knows what a
// value may be made of.
func newSignature(field string, d *registry.UpstreamSign, a *Account, v, values *vocabulary) (*signature, error) {
	if err := fits(field, d); err != nil {
		return nil, err
	}
	s := &signature{
		field: field, scheme: d.Scheme, hash: cmp.Or(d.Hash, "sha256"), encoding: cmp.Or(d.Encoding, asHex), in: cmp.Or(d.In, inHeader), name: cmp.Or(d.Name, authorize),
		login: a.Login, secret: a.Secret, now: a.Now,
	}
	for _, t := range []struct {
		of         **textTemplate
		name, text string
		v          *vocabulary
	}{{&s.key, ".key", cmp.Or(d.Key, "${secret}"), v}, {&s.text, ".text", d.Text, v}, {&s.value, ".value", d.Value, values}} {
		var err error
		if *t.of, err = t.v.template(field+t.name, t.text); err != nil {
			return nil, err
		}
		s.sorts = s.sorts || (*t.of).uses("sorted") || (*t.of).uses("sorted_encoded")
	}
	s.text.most = MaxPayload + maxSource
	if s.in == inHeader && !token(s.name) {
		return nil, fmt.Errorf("%s.name: %q is no name of a header", field, clipBytes(s.name, 40))
	}
	return s, nil
}

// fits tells what is wrong with a description before its templates are read. What a
// scheme would pass over is an error, for its writer believes that it counts.
func fits(field string, d *registry.UpstreamSign) error {
	signs := d.Scheme == byHMAC || d.Scheme == byDigest
	for _, x := range []struct {
		name, value string
		may         []string
	}{
		{"scheme", d.Scheme, []string{byBearer, byBasic, byHMAC, byDigest}},
		{"hash", d.Hash, []string{"", "md5", "sha1", "sha256", "sha512", "sm3"}},
		{"encoding", d.Encoding, []string{"", asHex, asUpperHex, asBase64}},
		{"in", d.In, []string{"", inHeader, inQuery, inForm, inJSON}},
	} {
		if !slices.Contains(x.may, x.value) {
			return fmt.Errorf("%s.%s: %q is none of %s", field, x.name, clipBytes(x.value, 40), strings.TrimPrefix(strings.Join(x.may, ", "), ", "))
		}
	}
	for _, x := range []struct {
		name, value string
		counts      bool
	}{{"hash", d.Hash, signs}, {"encoding", d.Encoding, signs}, {"text", d.Text, signs}, {"key", d.Key, d.Scheme == byHMAC || d.Scheme == byBearer}} {
		if x.value != "" && !x.counts {
			return fmt.Errorf("%s.%s: scheme %s has none", field, x.name, d.Scheme)
		}
	}
	if signs && d.Text == "" {
		return fmt.Errorf("%s.text: say what scheme %s signs", field, d.Scheme)
	}
	return nil
}

// token tells whether a text may be the name of a header.
func token(s string) bool {
	return s != "" && strings.Trim(s, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

// newSigner reads how requests are signed.
func newSigner(field string, d *registry.UpstreamSign, a *Account, v *vocabulary) (*signature, error) {
	v, err := v.with(signedNames)
	if err != nil {
		return nil, err
	}
	values, err := v.with(names{"sign": cel.StringType})
	if err != nil {
		return nil, err
	}
	described := *d
	described.Value = cmp.Or(d.Value, before[d.Scheme]+"${sign}")
	if d.Time != "" {
		return nil, fmt.Errorf("%s.time: it is of callbacks; put ${unix} into text and into the request", field)
	}
	return newSignature(field, &described, a, v, values)
}

// newVerifier reads how callbacks are signed.
func newVerifier(field string, d *registry.UpstreamSign, a *Account, v *vocabulary) (*signature, error) {
	v, err := v.with(names{"secret": cel.StringType})
	if err != nil {
		return nil, err
	}
	if v, err = v.with(signedNames); err != nil {
		return nil, err
	}
	described, own := *d, d.Value != ""
	switch {
	case !own && (d.Scheme == byHMAC || d.Scheme == byDigest):
		return nil, fmt.Errorf("%s.value: say where the callback bears its signature, such as ${headers['x-sign']}", field)
	case d.Name == "" && d.In != "" && d.In != inHeader:
		return nil, fmt.Errorf("%s.name: say which parameter is the signature, for it does not sign itself", field)
	}
	described.Value = cmp.Or(d.Value, "${headers['authorization']}")
	s, err := newSignature(field, &described, a, v, v)
	if err != nil {
		return nil, err
	}
	switch {
	case s.scheme == byDigest && !s.text.uses("secret"):
		return nil, fmt.Errorf("%s.text: it must hold ${secret}, else anyone can sign", field)
	case !s.key.uses("secret"):
		return nil, fmt.Errorf("%s.key: it must hold ${secret}, else anyone can sign", field)
	}
	if s.sorts && s.in == inHeader && (s.value.uses("query") || s.value.uses("form") || s.value.uses("json")) {
		return nil, fmt.Errorf("%s.in: say query, form or json, and its name, so that sorted leaves the signature itself out", field)
	}
	if !own {
		s.name = "" // compared with all that the header says
	}
	if d.Time == "" {
		return s, nil
	}
	if s.at, err = v.compile(field+".time", d.Time, []types.Kind{types.IntKind}); err != nil {
		return nil, err
	}
	s.sorts = s.sorts || s.at.uses["sorted"] || s.at.uses["sorted_encoded"]
	return s, nil
}

// make computes the signature over what the scope holds.
func (s *signature) make(sc *scope) (string, error) {
	if s.scheme == byBasic {
		return base64.StdEncoding.EncodeToString([]byte(s.login + ":" + s.secret)), nil
	}
	key, err := s.key.fill(sc)
	if err != nil || s.scheme == byBearer {
		return key, err
	}
	text, err := s.text.fill(sc)
	if err != nil {
		return "", err
	}
	h := hashes[s.hash]()
	if s.scheme == byHMAC {
		h = hmac.New(hashes[s.hash], []byte(key))
	}
	h.Write([]byte(text))
	switch sum := h.Sum(nil); s.encoding {
	case asUpperHex:
		return strings.ToUpper(hex.EncodeToString(sum)), nil
	case asBase64:
		return base64.StdEncoding.EncodeToString(sum), nil
	default:
		return hex.EncodeToString(sum), nil
	}
}

// put signs a request.
func (s *signature) put(o *outgoing, sc *scope) error {
	sc.vars["method"], sc.vars["path"], sc.vars["payload"] = o.method, o.url.EscapedPath(), o.body
	if s.sorts {
		sc.vars["sorted"], sc.vars["sorted_encoded"] = sorted(o.query, o.form, o.json, "")
	}
	sign, err := s.make(sc)
	if err != nil {
		return err
	}
	sc.vars["sign"] = sign
	value, err := s.value.fill(sc)
	if err != nil {
		return err
	}
	switch s.in {
	case inQuery:
		o.query.Set(s.name, value)
	case inForm:
		o.form.Set(s.name, value)
		return o.encode()
	case inJSON:
		o.json.(map[string]any)[s.name] = value // readSign has seen that it is one
		return o.encode()
	default:
		return o.setHeader(s.field+".value", s.name, value)
	}
	return nil
}

// check tells whether a callback was signed by the upstream, now.
func (s *signature) check(c *Callback, query, form url.Values, sc *scope) error {
	if s.secret == "" {
		return fmt.Errorf("%w: the channel has no secret", ErrSignature)
	}
	sc.vars["secret"], sc.vars["method"], sc.vars["path"] = s.secret, c.Method, c.URL.EscapedPath()
	if s.sorts {
		sc.vars["sorted"], sc.vars["sorted_encoded"] = sorted(query, form, sc.vars["json"], s.left())
	}
	defer delete(sc.vars, "secret")
	want, err := s.make(sc)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if s.name == "" {
		want = before[s.scheme] + want
	}
	have, err := s.value.fill(sc)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if subtle.ConstantTimeCompare([]byte(have), []byte(want)) != 1 {
		return ErrSignature
	}
	if s.at == nil {
		return nil
	}
	v, err := s.at.eval(sc)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	at, ok := v.(types.Int)
	if !ok {
		return fmt.Errorf("%w: %s: it gave %s, not an int", ErrSignature, s.at.field, v.Type().TypeName())
	}
	if off := s.now().Unix() - int64(at); off > int64(signedWithin/time.Second) || off < -int64(signedWithin/time.Second) {
		return fmt.Errorf("%w: it was signed more than %v from now", ErrSignature, signedWithin)
	}
	return nil
}

// left is the parameter that is not signed because it bears the signature.
func (s *signature) left() string {
	if s.in == inHeader {
		return ""
	}
	return s.name
}

// sorted are all parameters that are not empty, by name, as they are and percent-encoded.
func sorted(query, form url.Values, body any, without string) (plain, encoded string) {
	type pair struct{ name, value string }
	var list []pair
	add := func(name, value string) {
		if value != "" && (name != without || without == "") {
			list = append(list, pair{name, value})
		}
	}
	for _, values := range []url.Values{query, form} {
		for name, all := range values {
			for _, value := range all {
				add(name, value)
			}
		}
	}
	object, _ := body.(map[string]any)
	for name, value := range object {
		add(name, scalar(value))
	}
	slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.name+"\x00"+a.value, b.name+"\x00"+b.value) })
	var p, e []string
	for _, x := range list {
		p, e = append(p, x.name+"="+x.value), append(e, percent(x.name)+"="+percent(x.value))
	}
	return strings.Join(p, "&"), strings.Join(e, "&")
}

// scalar writes a JSON value as a parameter; lists, maps and null are none.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case nil, []any, map[string]any:
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
