package web

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Bounds of what clouds say.
const (
	maxID      = 64   // bytes of an id, a reference or a code
	maxDest    = 32   // digits of a number that was written to
	maxEntries = 1000 // of a callback
	maxReply   = 2000 // UTF-16 units of a text from a handset
)

// The states of a template, as far as clouds have one for them.
const (
	Approved  = "approved"
	Pending   = "pending" // approved, not in force yet
	Reviewing = "reviewing"
	Rejected  = "rejected"
	Cancelled = "cancelled"
)

// Wording is what a cloud says of a template that was filed with it.
type Wording struct {
	Body   string // with the cloud's own variables: ${code}, or {1}
	Usable bool   // messages may be sent by it now
	State  string // one of the states above, or else the cloud's own word
}

// exchange is what one request of an SDK came to, beside what the SDK makes of it.
type exchange struct {
	status int // 0 when no answer came
	header http.Header
	err    error // why there is no answer that can be read
}

type exchangeKey struct{}

// strict stands between an SDK and the network. The SDK gets whole JSON objects alone,
// neither encoded nor longer than the transport allows: what a peer sends it reaches none
// of its other readers, which trust it to be bounded.
type strict struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (s strict) RoundTrip(r *http.Request) (*http.Response, error) {
	x, ok := r.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		x = &exchange{}
	}
	var resp *http.Response
	resp, x.err = s.RoundTripper.RoundTrip(r)
	if x.err != nil {
		return nil, x.err
	}
	defer func() { _ = resp.Body.Close() }()
	x.status, x.header = resp.StatusCode, resp.Header
	body, err := readObject(resp)
	if err != nil {
		x.err = err
		return nil, err
	}
	resp.Header.Set("Content-Type", "application/json")
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return resp, nil
}

var errNoObject = errors.New("the answer is no JSON object")

// readObject reads an answer. encoding/json bounds its depth, too.
func readObject(resp *http.Response) ([]byte, error) {
	if resp.StatusCode != http.StatusOK && resp.StatusCode < http.StatusBadRequest || resp.Header.Get("Content-Encoding") != "" {
		return nil, errNoObject
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return nil, errNoObject
	}
	return body, nil
}

// exchangeBy has an SDK make one request. The SDK's errors may hold what was asked, numbers and
// texts, so that they are looked at and not passed on.
func exchangeBy(ctx context.Context, do func(context.Context) error) (x *exchange, err error) {
	x = &exchange{}
	defer func() {
		if recover() != nil { // an SDK decodes by reflection; its word may hold what it read
			err = errNoObject
		}
	}()
	return x, do(context.WithValue(ctx, exchangeKey{}, x))
}

// noAnswer is an error whose text is ours, and whose cause may be asked for.
type noAnswer struct {
	text  string
	cause error
}

func (f *noAnswer) Error() string { return f.text }
func (f *noAnswer) Unwrap() error { return f.cause }

// unanswered says why a request has no answer that can be read, and nothing of what was in
// it or came back.
func (x *exchange) unanswered(vendor string) error {
	var op *net.OpError
	var cert *tls.CertificateVerificationError
	text, err := "the connection broke, or what came is no HTTP", x.err
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text = "it did not come in time"
	case errors.Is(err, context.Canceled):
		text = "it was not waited for"
	case x.status != 0:
		text = fmt.Sprintf("what came with status %d can't be read; look whether the channel's address is that of the cloud", x.status)
	case errors.Is(err, errTwice):
		text = errTwice.Error()
	case errors.As(err, &op):
		text = op.Error()
	case errors.As(err, &cert):
		text = cert.Error()
	case err == nil:
		text = "the SDK made no request"
	}
	if err == nil {
		err = errNoObject
	}
	return &noAnswer{vendor + ": no answer: " + text, err}
}

// turnedDown is the error of a request that the cloud turned down by a code.
func turnedDown(vendor, code, request string) error {
	return fmt.Errorf("%s: it says %s (request %s)", vendor, cmp.Or(codeWord(code), "nothing"), cmp.Or(codeWord(request), "unnamed"))
}

// codeWord is a code or the name of a request as clouds form them, bounded; "" is none.
func codeWord(s string) string {
	s = s[:min(len(s), maxID)]
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-:", rune(c)) {
			return ""
		}
	}
	return s
}

// accepted is the answer of a request that was taken under an id.
func accepted(vendor, code, id string) (Answer, error) {
	if !isID(id) {
		return Answer{Code: code}, fmt.Errorf("%s: it says %s, with an id of %d bytes: an id has 1 to %d of printable ASCII", vendor, code, len(id), maxID)
	}
	return Answer{Verdict: Accepted, ID: id, Code: code}, nil
}

// begins tells whether a code is one of some, or of a family of theirs.
func begins(code string, list []string) bool {
	return slices.ContainsFunc(list, func(x string) bool { return strings.HasPrefix(code, x) })
}

// isID tells whether an id, or a reference, is one that can be kept.
func isID(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return s != "" && len(s) <= maxID
}

// signatureOf is the signature of a text without its brackets. What a cloud's template
// does not name must be named beside it.
func signatureOf(vendor string, m *Message) (string, error) {
	signature, _, ok := lexicon.SplitSignature(m.Text)
	switch {
	case !ok:
		return "", fmt.Errorf("%s: not asked: the text does not begin with one signature in 【】", vendor)
	case m.Template == "" || len(m.Names) != len(m.Values):
		return "", fmt.Errorf("%s: not asked: the message has no template of the cloud's, or %d values for %d variables", vendor, len(m.Values), len(m.Names))
	case !m.Number.Valid():
		return "", fmt.Errorf("%s: not asked: the message has no number", vendor)
	}
	return signature, nil
}

// optional is a parameter, nil if it is empty.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// anyText is a JSON text, number or boolean as a text: clouds changed their mind about
// which some fields are.
type anyText string

// UnmarshalJSON implements json.Unmarshaler.
func (t *anyText) UnmarshalJSON(b []byte) error {
	switch b[0] {
	case '"':
		return json.Unmarshal(b, (*string)(t))
	case '{', '[':
		return errNoObject
	case 'n':
		*t = ""
	default:
		*t = anyText(b)
	}
	return nil
}

// readEach reads the entries of a callback: a JSON list, or one object. The error tells of
// those that were left out, without what is in them: JSON's own errors repeat numbers.
func readEach[E, R any](c *Callback, read func(*E) (R, error)) ([]R, error) {
	list, left, err := entriesOf(c.Payload)
	if err != nil {
		return nil, err
	}
	out := make([]R, 0, len(list))
	var first error
	bad := 0
	for i, raw := range list {
		var e E
		var r R
		err := errors.New("its fields are not those of the cloud's documentation")
		if json.Unmarshal(raw, &e) == nil {
			r, err = read(&e)
		}
		if err == nil {
			out = append(out, r)
			continue
		}
		if bad++; first == nil {
			first = fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	switch {
	case bad > 0:
		err = fmt.Errorf("%d of %d entries left out; the first, %w", bad, len(list), first)
	case left:
		err = fmt.Errorf("entries after the %dth left out: a callback may have no more", maxEntries)
	}
	return out, err
}

// entriesOf are the entries of a payload; left tells that there are more than may be.
func entriesOf(payload []byte) (list []json.RawMessage, left bool, err error) {
	payload = bytes.TrimSpace(payload)
	if !json.Valid(payload) || payload[0] != '[' && payload[0] != '{' {
		return nil, false, errors.New("the callback's body is neither a JSON list nor an object")
	}
	if payload[0] == '{' {
		return []json.RawMessage{payload}, false, nil
	}
	d := json.NewDecoder(bytes.NewReader(payload))
	if _, err := d.Token(); err != nil {
		return nil, false, err
	}
	for d.More() {
		if len(list) == maxEntries {
			return list, true, nil
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, false, err
		}
		list = append(list, raw)
	}
	return list, false, nil
}

// numberOf reads a handset's number: 11 digits of the mainland, else its country code
// leads, with or without a plus sign.
func numberOf(s string) (sms.MSISDN, error) {
	n, err := sms.ParseMSISDN(s)
	if err == nil {
		return n, nil
	}
	if n, again := sms.ParseMSISDN("+" + s); again == nil {
		return n, nil
	}
	return n, err
}

// reportOf is a report for the id that the cloud gave.
func reportOf(id, ref, number string, delivered bool, code string) (Report, error) {
	n, err := numberOf(number)
	if err != nil {
		return Report{}, err
	}
	if !isID(ref) { // none of ours
		ref = ""
	}
	if !isID(id) { // without it nothing could be charged by the cloud's own id
		return Report{}, fmt.Errorf("it names no message: its id has %d bytes, and has to have 1 to %d of printable ASCII", len(id), maxID)
	}
	r := Report{Report: session.Report{ID: id, Dest: n.Dialled()}, Ref: ref}
	r.Stat, r.Err = statOf(delivered, code)
	return r, nil
}

// statOf is stateOf of an end, of a cloud: DELIVERED is their DELIVRD.
func statOf(delivered bool, code string) (stat, raw string) {
	code = clipBytes(strings.Map(printable, code), maxID)
	stat, raw = stateOf(delivered, false, code)
	switch {
	case stat == "DELIVERED": // says the code, and not the report
		return "UNDELIV", code
	case delivered && raw == "DELIVERED":
		raw = ""
	}
	return stat, raw
}

// printable drops characters that are of no use in a code, and that a database may refuse.
func printable(r rune) rune {
	if unicode.IsPrint(r) && r != utf8.RuneError {
		return r
	}
	return -1
}

// clipBytes shortens a text to so many bytes, between characters.
func clipBytes(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// moOf is a message from a handset. It may be a refusal: only without a sender is it of no
// use. A number that it can't have been written to is left empty.
func moOf(id, number, dest, text string) (session.MO, error) {
	n, err := numberOf(number)
	if err != nil {
		return session.MO{}, err
	}
	if !isID(id) {
		id = ""
	}
	if len(dest) > maxDest || strings.Trim(dest, "0123456789") != "" {
		dest = ""
	}
	content, err := smstext.Encode(smstext.UCS2, clipUnits(text, maxReply))
	if err != nil {
		return session.MO{}, err
	}
	return session.MO{ID: id, Source: n.Dialled(), Dest: dest, Coding: uint8(smstext.UCS2), Content: content}, nil
}

// clipUnits shortens a text to so many UTF-16 units, between characters.
func clipUnits(s string, most int) string {
	for i, r := range s {
		if most -= utf16.RuneLen(r); most < 0 {
			return s[:i]
		}
	}
	return s
}

// answerCallback tells a cloud whether it need not come again.
func answerCallback(w http.ResponseWriter, ok bool, taken, again string) {
	w.Header().Set("Content-Type", "application/json")
	if !ok {
		w.WriteHeader(http.StatusServiceUnavailable)
		taken = again
	}
	_, _ = io.WriteString(w, taken) // a peer that is gone comes again
}
