package websign

import (
	"crypto/sha1" //nolint:gosec // Tencent Cloud's HmacSHA1 is of it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// unsignedPayload stands in place of the body's hash where a client does not sign the body.
const unsignedPayload = "UNSIGNED-PAYLOAD"

// readTC3 reads a request of the SDKs of Tencent Cloud. The service in the scope is whatever
// the SDK took for it: some take the first label of the host.
func (c *Claim) readTC3(r *Request) error {
	f, err := fields(r.Header("Authorization"), "Credential", "SignedHeaders", "Signature")
	if err != nil {
		return err
	}
	scope := strings.Split(f["Credential"], "/")
	if len(scope) != 4 || scope[3] != "tc3_request" {
		return fmt.Errorf("%w: Credential is not id/date/service/tc3_request", ErrMalformed)
	}
	seconds := r.Header("X-TC-Timestamp")
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return fmt.Errorf("%w: X-TC-Timestamp is not of seconds", ErrMalformed)
	}
	c.Key, c.Action, c.Version, c.At, c.Language = scope[0], r.Header("X-TC-Action"), r.Header("X-TC-Version"), time.Unix(n, 0), r.Header("X-TC-Language")
	if c.Action == "" || c.Version == "" {
		return fmt.Errorf("%w: X-TC-Action or X-TC-Version", ErrMissing)
	}
	if scope[1] != c.At.UTC().Format(time.DateOnly) {
		return fmt.Errorf("%w: the date of Credential is not that of X-TC-Timestamp in UTC", ErrMalformed)
	}
	if c.signature, err = hex.DecodeString(f["Signature"]); err != nil {
		return fmt.Errorf("%w: the signature is not hexadecimal", ErrMalformed)
	}
	signed := strings.Split(f["SignedHeaders"], ";")
	for _, h := range []string{"content-type", "host"} {
		if !slices.Contains(signed, h) {
			return fmt.Errorf("%w: SignedHeaders lacks %s", ErrUnsigned, h)
		}
	}
	c.Once = f["Signature"]
	payload := hexSum(sha256.New, r.Body)
	if r.Header("X-TC-Content-SHA256") == unsignedPayload {
		if !r.TLS {
			return fmt.Errorf("%w: a body that is not signed is taken over TLS only", ErrUnsigned)
		}
		c.Once += payload // else another body would be taken for this one
		payload = hexSum(sha256.New, []byte(unsignedPayload))
	}
	c.Params = map[string]string{}
	if err := addPairs(c.Params, r.Query); err != nil {
		return err
	}
	c.trials = func(yield func(string, string, func(string) []byte) bool) {
		for _, host := range hosts(r) {
			for _, lower := range []bool{false, true} {
				canonical := r.Method + "\n" + r.Path + "\n" + r.Query + "\n" + headerLines(r, signed, host, lower) + "\n" + f["SignedHeaders"] + "\n" + payload
				sts := string(TC3) + "\n" + seconds + "\n" + strings.Join(scope[1:], "/") + "\n" + hexSum(sha256.New, []byte(canonical))
				if !yield(canonical, sts, func(secret string) []byte { return scoped(secret, scope[1], scope[2], sts) }) {
					return
				}
			}
		}
	}
	return nil
}

func scoped(secret, date, service, sts string) []byte {
	key := []byte("TC3" + secret)
	for _, part := range []string{date, service, "tc3_request"} {
		key = mac(sha256.New, key, part)
	}
	return mac(sha256.New, key, sts)
}

// readTencentV1 reads a request with everything in parameters. Its nonce is a small number in
// some SDKs, so that the signature is what tells requests apart.
func (c *Claim) readTencentV1(r *Request) error {
	p, err := params(r)
	if err != nil {
		return err
	}
	for _, n := range []string{"SecretId", "Signature", "Nonce", "Timestamp", "Action", "Version"} {
		if p[n] == "" {
			return fmt.Errorf("%w: %s", ErrMissing, n)
		}
	}
	digest := sha1.New
	switch p["SignatureMethod"] {
	case "", "HmacSHA1":
	case "HmacSHA256":
		digest = sha256.New
	default:
		return fmt.Errorf("%w: SignatureMethod is HmacSHA1 or HmacSHA256", ErrMalformed)
	}
	n, err := strconv.ParseInt(p["Timestamp"], 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return fmt.Errorf("%w: Timestamp is not of seconds", ErrMalformed)
	}
	if c.signature, err = base64.StdEncoding.Strict().DecodeString(p["Signature"]); err != nil {
		return fmt.Errorf("%w: the signature is not Base64", ErrMalformed)
	}
	c.Key, c.Action, c.Version, c.At, c.Language = p["SecretId"], p["Action"], p["Version"], time.Unix(n, 0), p["Language"]
	c.Once, c.Params = p["Signature"], p
	c.trials = func(yield func(string, string, func(string) []byte) bool) {
		var pairs []string
		for _, k := range sorted(p) {
			if k != "Signature" {
				pairs = append(pairs, k+"="+p[k])
			}
		}
		for _, host := range hosts(r) {
			sts := r.Method + host + r.Path + "?" + strings.Join(pairs, "&")
			if !yield(sts, sts, func(secret string) []byte { return mac(digest, []byte(secret), sts) }) {
				return
			}
		}
	}
	return nil
}

func sorted(p map[string]string) []string { return slices.Sorted(maps.Keys(p)) }
