package websign

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Aliyun's signature version 1.0 is of it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

const isoTime = "2006-01-02T15:04:05Z"

// mustSign is what an ACS3 signature has to cover: anybody on the way could change the rest.
var mustSign = []string{"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"}

// readACS3 reads a request of the new SDKs: action, version and nonce are headers.
func (c *Claim) readACS3(r *Request) error {
	f, err := fields(r.Header("Authorization"), "Credential", "SignedHeaders", "Signature")
	if err != nil {
		return err
	}
	digest := sha256.New
	if c.Scheme == ACS3SM3 {
		digest = sm3.New
	}
	c.Key, c.Action, c.Version, c.Once = f["Credential"], r.Header("x-acs-action"), r.Header("x-acs-version"), r.Header("x-acs-signature-nonce")
	if c.At, err = time.Parse(isoTime, r.Header("x-acs-date")); err != nil {
		return fmt.Errorf("%w: x-acs-date is not like %s", ErrMalformed, isoTime)
	}
	if c.Once == "" || c.Action == "" || c.Version == "" {
		return fmt.Errorf("%w: x-acs-signature-nonce, x-acs-action or x-acs-version", ErrMissing)
	}
	if c.signature, err = hex.DecodeString(f["Signature"]); err != nil {
		return fmt.Errorf("%w: the signature is not hexadecimal", ErrMalformed)
	}
	signed := strings.Split(f["SignedHeaders"], ";")
	for _, h := range mustSign {
		if !slices.Contains(signed, h) {
			return fmt.Errorf("%w: SignedHeaders lacks %s", ErrUnsigned, h)
		}
	}
	content := r.Header("x-acs-content-sha256") // named so with SM3, too
	if hexSum(digest, r.Body) != content {
		return fmt.Errorf("%w: x-acs-content-sha256 is not the hash of the body", ErrUnsigned)
	}
	query := map[string]string{}
	if err := addPairs(query, r.Query); err != nil {
		return err
	}
	if c.Params = query; len(r.Body) > 0 {
		if c.Params, err = params(r); err != nil {
			return err
		}
	}
	c.trials = func(yield func(string, string, func(string) []byte) bool) {
		for _, host := range hosts(r) {
			canonical := r.Method + "\n" + r.Path + "\n" + canonicalPairs(query) + "\n" + headerLines(r, signed, host, false) + "\n" + f["SignedHeaders"] + "\n" + content
			sts := string(c.Scheme) + "\n" + hexSum(digest, []byte(canonical))
			if !yield(canonical, sts, func(secret string) []byte { return mac(digest, []byte(secret), sts) }) {
				return
			}
		}
	}
	return nil
}

// readAliyunV1 reads a request of the old SDKs, and of new ones that are told to: everything
// is a parameter, in the query, in a form, or in both.
func (c *Claim) readAliyunV1(r *Request) error {
	p, err := params(r)
	if err != nil {
		return err
	}
	for _, n := range []string{"AccessKeyId", "Signature", "SignatureNonce", "Timestamp", "Action", "Version"} {
		if p[n] == "" {
			return fmt.Errorf("%w: %s", ErrMissing, n)
		}
	}
	if p["SignatureVersion"] != "1.0" || p["SignatureMethod"] != "HMAC-SHA1" {
		return fmt.Errorf("%w: SignatureVersion 1.0 goes with SignatureMethod HMAC-SHA1", ErrMalformed)
	}
	if c.At, err = time.Parse(isoTime, p["Timestamp"]); err != nil {
		return fmt.Errorf("%w: Timestamp is not like %s", ErrMalformed, isoTime)
	}
	if c.signature, err = base64.StdEncoding.Strict().DecodeString(p["Signature"]); err != nil {
		return fmt.Errorf("%w: the signature is not Base64", ErrMalformed)
	}
	c.Key, c.Action, c.Version, c.Once, c.Params = p["AccessKeyId"], p["Action"], p["Version"], p["SignatureNonce"], p
	c.trials = func(yield func(string, string, func(string) []byte) bool) {
		canonical := canonicalPairs(p, "Signature")
		sts := r.Method + "&%2F&" + escape(canonical)
		yield(canonical, sts, func(secret string) []byte { return mac(sha1.New, []byte(secret+"&"), sts) })
	}
	return nil
}

// canonicalPairs joins pairs sorted by name, strictly encoded.
func canonicalPairs(p map[string]string, without ...string) string {
	var b strings.Builder
	for _, k := range sorted(p) {
		if slices.Contains(without, k) {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('&')
		}
		writeEscaped(&b, k)
		b.WriteByte('=')
		writeEscaped(&b, p[k])
	}
	return b.String()
}

func escape(s string) string {
	var b strings.Builder
	writeEscaped(&b, s)
	return b.String()
}

// writeEscaped is RFC 3986 percent-encoding: only unreserved characters stay.
func writeEscaped(b *strings.Builder, s string) {
	const digits = "0123456789ABCDEF"
	b.Grow(len(s))
	for i := range len(s) {
		if ch := s[i]; ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= '0' && ch <= '9' || strings.IndexByte("-_.~", ch) >= 0 {
			b.WriteByte(ch)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[ch>>4])
			b.WriteByte(digits[ch&15])
		}
	}
}

// headerLines are the signed headers in the order in which they are named.
func headerLines(r *Request, names []string, host string, lower bool) string {
	var b strings.Builder
	for _, n := range names {
		v := strings.TrimSpace(r.Header(n))
		if n == "host" {
			v = host
		}
		if lower {
			v = strings.ToLower(v)
		}
		b.WriteString(n + ":" + v + "\n")
	}
	return b.String()
}

func hexSum(digest func() hash.Hash, b []byte) string {
	h := digest()
	h.Write(b)
	return hex.EncodeToString(h.Sum(nil))
}

func mac(digest func() hash.Hash, key []byte, text string) []byte {
	h := hmac.New(digest, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
