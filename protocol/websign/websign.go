// Package websign checks the signatures of requests that the SDKs of Aliyun SMS and Tencent
// Cloud SMS make, byte for byte as those SDKs make them: ACS3-HMAC-SHA256 and -SM3, Aliyun's
// signature version 1.0, TC3-HMAC-SHA256, and Tencent Cloud's HmacSHA1 and HmacSHA256.
//
// It is pure. Whether a moment or a nonce is acceptable is the caller's to say.
package websign

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Scheme is a way to sign.
type Scheme string

// The schemes, by the names of their signatures.
const (
	ACS3      Scheme = "ACS3-HMAC-SHA256"
	ACS3SM3   Scheme = "ACS3-HMAC-SM3"
	AliyunV1  Scheme = "Aliyun 1.0"
	TC3       Scheme = "TC3-HMAC-SHA256"
	TencentV1 Scheme = "Tencent V1"
)

// Aliyun tells whether the scheme is one of Aliyun's.
func (s Scheme) Aliyun() bool { return s == ACS3 || s == ACS3SM3 || s == AliyunV1 }

// Request is what of an HTTP request is signed, as it was received.
type Request struct {
	Method string
	Path   string
	Query  string // raw
	Host   string // with its port, as sent
	TLS    bool   // it came over TLS
	Header func(name string) string
	Body   []byte
}

// maxParams bounds the parameters of a request, in query and form together.
const maxParams = 2000

// Failures of reading a request, before any secret is known.
var (
	// ErrNone: it is signed in none of the ways.
	ErrNone = errors.New("the request carries no signature")
	// ErrMissing: a part of the signature is missing.
	ErrMissing = errors.New("a part of the signature is missing")
	// ErrMalformed: it can't be read.
	ErrMalformed = errors.New("the request can't be read")
	// ErrUnsigned: what has to be signed is not.
	ErrUnsigned = errors.New("the signature leaves out what it has to cover")
)

// Claim is what a request says about itself: nothing of it is proved before Verify.
type Claim struct {
	Scheme  Scheme
	Key     string // access key id
	Action  string
	Version string
	At      time.Time
	// Once tells this request from every other of the key: its nonce or, where the scheme
	// has none, its signature.
	Once string
	// Params are query and form together; of TC3 only the query, because its body is JSON.
	Params map[string]string
	// Language is the one that the caller wants messages in: zh-CN or en-US; "" when it
	// does not say.
	Language string

	signature []byte
	trials    trials
}

// trials gives each way in which the request may have been signed: its canonical form, what
// the MAC is of, and the MAC.
type trials func(yield func(canonical, toSign string, mac func(secret string) []byte) bool)

// Recognise tells how a request is signed; ErrNone when it is not.
func Recognise(r *Request) (Scheme, error) {
	auth := r.Header("Authorization")
	switch name, _, _ := strings.Cut(auth, " "); Scheme(name) {
	case ACS3, ACS3SM3, TC3:
		return Scheme(name), nil
	}
	if strings.HasPrefix(auth, "ACS3-") || strings.HasPrefix(auth, "TC3-") {
		return "", fmt.Errorf("%w: %.24q is none of %s, %s, %s", ErrMalformed, auth, ACS3, ACS3SM3, TC3)
	}
	p, err := params(r)
	switch {
	case err != nil:
		return "", err
	case p["AccessKeyId"] != "" || p["SignatureVersion"] != "":
		return AliyunV1, nil
	case p["SecretId"] != "":
		return TencentV1, nil
	}
	return "", ErrNone
}

// Read reads a signed request.
func Read(r *Request) (*Claim, error) {
	scheme, err := Recognise(r)
	switch {
	case err != nil:
		return nil, err
	case r.Path != "/": // one scheme signs it as if it were the root
		return nil, fmt.Errorf("%w: the SDKs speak to the root of a host, / and no path", ErrMalformed)
	}
	c := &Claim{Scheme: scheme}
	switch scheme {
	case ACS3, ACS3SM3:
		err = c.readACS3(r)
	case AliyunV1:
		err = c.readAliyunV1(r)
	case TC3:
		err = c.readTC3(r)
	case TencentV1:
		err = c.readTencentV1(r)
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Mismatch is a signature that is not the secret's: what was signed here, so that the key's
// owner can compare it with what the client signed. It holds what the request holds.
type Mismatch struct {
	Canonical string // the request in the scheme's canonical form
	ToSign    string // what the MAC is of
}

func (m *Mismatch) Error() string { return "the signature does not match the request" }

// Verify tells whether the secret's owner signed the request; the error is a *Mismatch.
func (c *Claim) Verify(secret string) error {
	first, fits := &Mismatch{}, false
	c.trials(func(canonical, sts string, mac func(string) []byte) bool {
		if first.ToSign == "" {
			first.Canonical, first.ToSign = canonical, sts
		}
		fits = hmac.Equal(mac(secret), c.signature)
		return !fits
	})
	if fits {
		return nil
	}
	return first
}

// params are the pairs of the query and of a form. A name that stands twice could be read in
// two ways, and is refused.
func params(r *Request) (map[string]string, error) {
	out := map[string]string{}
	texts := []string{r.Query}
	if r.Method == "POST" && strings.HasPrefix(r.Header("Content-Type"), "application/x-www-form-urlencoded") {
		texts = append(texts, string(r.Body))
	}
	for _, text := range texts {
		if err := addPairs(out, text); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func addPairs(out map[string]string, text string) error {
	for text != "" {
		var pair string
		pair, text, _ = strings.Cut(text, "&")
		if pair == "" {
			continue
		}
		k, v, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(k)
		if err != nil {
			return fmt.Errorf("%w: the name %.40q is badly encoded", ErrMalformed, k)
		}
		value, err := url.QueryUnescape(v)
		if err != nil {
			return fmt.Errorf("%w: the value of %.40q is badly encoded", ErrMalformed, key)
		}
		if !utf8.ValidString(key) || !utf8.ValidString(value) {
			return fmt.Errorf("%w: the parameter %.40q is not UTF-8", ErrMalformed, key)
		}
		if _, twice := out[key]; twice {
			return fmt.Errorf("%w: the parameter %.40q stands twice", ErrMalformed, key)
		}
		if len(out) == maxParams {
			return fmt.Errorf("%w: it has more than %d parameters", ErrMalformed, maxParams)
		}
		out[key] = value
	}
	return nil
}

// hosts are the spellings of a host that SDKs sign: as sent, without the port, with the usual
// one.
func hosts(r *Request) []string {
	out := []string{r.Host}
	bare := r.Host
	if i := strings.LastIndexByte(bare, ':'); i >= 0 && !strings.HasSuffix(bare, "]") {
		bare = bare[:i]
	}
	port := ":80"
	if r.TLS {
		port = ":443"
	}
	for _, h := range []string{bare, bare + port} {
		if !slices.Contains(out, h) {
			out = append(out, h)
		}
	}
	return out
}

// fields reads Credential=…,SignedHeaders=…,Signature=… behind the name of a scheme.
func fields(auth string, names ...string) (map[string]string, error) {
	_, rest, _ := strings.Cut(auth, " ")
	out := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		k, v, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok || out[k] != "" {
			return nil, fmt.Errorf("%w: Authorization is not of name=value, each once", ErrMalformed)
		}
		out[k] = v
	}
	for _, n := range names {
		if out[n] == "" {
			return nil, fmt.Errorf("%w: Authorization lacks %s", ErrMissing, n)
		}
	}
	return out, nil
}
