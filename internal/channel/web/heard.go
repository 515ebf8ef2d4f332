package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// MaxPayload bounds a callback's body, in bytes.
const MaxPayload = 1 << 20

// heardNames are what answers and callbacks are read by.
var heardNames = names{
	"status": cel.IntType, "headers": cel.MapType(cel.StringType, cel.StringType), "query": cel.MapType(cel.StringType, cel.StringType),
	"form": cel.MapType(cel.StringType, cel.StringType), "payload": cel.StringType, "json": cel.DynType, "login": cel.StringType, "access_code": cel.StringType,
}

// reportReader reads status reports.
type reportReader struct{ list, id, phone, code, delivered, pending, ref *program }

// replyReader reads messages from handsets.
type replyReader struct{ list, id, phone, dest, text *program }

// readCallbacks compiles how callbacks are read and answered.
func (c *Custom) readCallbacks(d *registry.HTTPUpstream, v *vocabulary) error {
	each, err := v.with(names{"item": cel.DynType})
	if err != nil {
		return err
	}
	if r := d.Reports; r != nil {
		c.reports = &reportReader{}
		const field = "options.http.reports"
		if err := v.expressions(field, []wish{{&c.reports.list, "list", r.List, lists, false}}); err != nil {
			return err
		}
		err := each.expressions(field, []wish{
			{&c.reports.id, "id", r.ID, words, true},
			{&c.reports.phone, "phone", r.Phone, words, true},
			{&c.reports.code, "code", r.Code, words, true},
			{&c.reports.delivered, "delivered", r.Delivered, truths, true},
			{&c.reports.pending, "pending", r.Pending, truths, false},
			{&c.reports.ref, "ref", r.Ref, words, false},
		})
		if err != nil {
			return err
		}
	}
	if r := d.Replies; r != nil {
		c.replies = &replyReader{}
		const field = "options.http.replies"
		if err := v.expressions(field, []wish{{&c.replies.list, "list", r.List, lists, false}}); err != nil {
			return err
		}
		err := each.expressions(field, []wish{
			{&c.replies.id, "id", r.ID, words, false},
			{&c.replies.phone, "phone", r.Phone, words, true},
			{&c.replies.dest, "dest", r.Dest, words, true},
			{&c.replies.text, "text", r.Text, words, true},
		})
		if err != nil {
			return err
		}
	}
	if d.Verify != nil {
		if c.verify, err = newVerifier("options.http.verify", d.Verify, &c.account, v); err != nil {
			return err
		}
	}
	return c.readAccept(d.Accept)
}

// readAccept checks what callbacks are answered.
func (c *Custom) readAccept(d *registry.UpstreamReceived) error {
	if d == nil {
		return nil
	}
	if _, _, err := mime.ParseMediaType(d.Type); err != nil {
		return errors.New("options.http.accept.type: write it as text/plain or application/json")
	}
	c.accept = *d
	return nil
}

// heard is what the expressions of an answer or a callback see.
func (c *Custom) heard(header http.Header, body []byte) *scope {
	headers := make(map[string]string, len(header))
	for name, values := range header {
		headers[strings.ToLower(name)] = strings.Join(values, ", ")
	}
	v, _ := readJSON(body) // null when it is none
	return &scope{vars: map[string]any{
		"status": int64(0), "headers": headers, "query": map[string]string{}, "form": map[string]string{},
		"payload": string(body), "json": v, "login": c.account.Login, "access_code": c.account.AccessCode,
	}}
}

// hear checks a callback and gives what it says.
func (c *Custom) hear(r *Callback) (*scope, error) {
	if len(r.Payload) > MaxPayload {
		return nil, fmt.Errorf("the callback is longer than %d bytes", MaxPayload)
	}
	s := c.heard(r.Header, r.Payload)
	query, ok := parameters(r.URL.RawQuery)
	if !ok {
		return nil, errors.New("the callback's query is not percent-encoded as it should be")
	}
	s.vars["query"] = firsts(query)
	var form url.Values
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media == formMedia {
		if form, ok = parameters(string(r.Payload)); !ok {
			return nil, errors.New("the callback's form is not percent-encoded as it should be")
		}
		s.vars["form"] = firsts(form)
	}
	if c.verify != nil {
		if err := c.verify.check(r, query, form, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// parameters reads a query or a form. A semicolon stands in values that were not encoded;
// as a separator, which net/url takes it for and then drops, it is not in use.
func parameters(raw string) (values url.Values, ok bool) {
	values, err := url.ParseQuery(strings.ReplaceAll(raw, ";", "%3B"))
	return values, err == nil
}

func firsts(values url.Values) map[string]string {
	out := make(map[string]string, len(values))
	for name, all := range values {
		if len(all) > 0 {
			out[name] = all[0]
		}
	}
	return out
}

// entries are what a list gives; without one, json if it is a list, else json as one.
func (s *scope) entries(field string, list *program) ([]any, error) {
	var out []any
	if list == nil {
		if all, ok := s.vars["json"].([]any); ok {
			out = all
		} else {
			out = []any{s.vars["json"]}
		}
	} else {
		v, err := list.eval(s)
		if err != nil {
			return nil, err
		}
		l, ok := v.(traits.Lister)
		if !ok {
			return nil, fmt.Errorf("%s: it gave %s, not a list", list.field, v.Type().TypeName())
		}
		for it := l.Iterator(); it.HasNext() == types.True && len(out) <= maxEntries; {
			out = append(out, it.Next())
		}
	}
	if len(out) > maxEntries {
		return nil, fmt.Errorf("%s.list: it has more than %d entries", field, maxEntries)
	}
	return out, nil
}

// readEntries reads each entry. The error tells of those that were left out.
func readEntries[T any](s *scope, field string, list *program, read func() (T, error)) ([]T, error) {
	all, err := s.entries(field, list)
	if err != nil {
		return nil, err
	}
	out := make([]T, 0, len(all))
	var first error
	for i, e := range all {
		s.vars["item"] = e
		x, err := read()
		if err == nil {
			out = append(out, x)
		} else if first == nil {
			first = fmt.Errorf("entry %d: %w", i+1, err)
		}
	}
	if first != nil {
		return out, fmt.Errorf("%d of %d entries left out; the first, %w", len(all)-len(out), len(all), first)
	}
	return out, nil
}

// Reports implements API. ErrSignature is of callbacks that options.http.verify refuses.
func (c *Custom) Reports(r *Callback) ([]Report, error) {
	if c.reports == nil {
		return nil, errors.New("options.http.reports: it is missing; without it no report is read")
	}
	s, err := c.hear(r)
	if err != nil {
		return nil, err
	}
	return readEntries(s, "options.http.reports", c.reports.list, func() (Report, error) { return c.reports.read(s) })
}

func (r *reportReader) read(s *scope) (out Report, err error) {
	if out.ID, err = r.id.name(s, maxID); err != nil {
		return out, err
	}
	if out.Dest, err = r.phone.number(s); err != nil {
		return out, err
	}
	code, err := r.code.text(s, words, maxGiven)
	if err != nil {
		return out, err
	}
	delivered, err := r.delivered.truth(s)
	if err != nil {
		return out, err
	}
	pending, err := r.pending.holds(s)
	if err != nil {
		return out, err
	}
	out.Stat, out.Err = stateOf(delivered, pending, clipBytes(strings.Map(printable, code), maxID))
	if r.ref != nil { // reports of what others sent by the account have none
		if ref, err := r.ref.text(s, words, maxGiven); err == nil && isID(ref) {
			out.Ref = ref
		}
		out.Foreign = out.Ref == ""
	}
	return out, nil
}

// stateOf is the status that a report comes to, and the upstream's code beside it. A code
// that says something else than the description does not become the status.
func stateOf(delivered, pending bool, code string) (stat, raw string) {
	state, _, _ := strings.Cut(code, ":") // a network's code may follow
	switch {
	case delivered && code == "DELIVRD":
		return code, ""
	case delivered:
		return "DELIVRD", code
	case pending:
		return "ACCEPTD", code
	case state == "", state == "DELIVRD", state == "ACCEPTD", state == "ENROUTE":
		return "UNDELIV", code
	}
	return code, ""
}

// name computes an id or another short word that must be there.
func (p *program) name(s *scope, most int) (string, error) {
	v, err := p.text(s, words, maxGiven)
	if err == nil && (v == "" || len(v) > most || strings.Map(printable, v) != v) {
		err = fmt.Errorf("%s: it gave %d bytes; from 1 to %d without control characters can be kept", p.field, len(v), most)
	}
	return v, err
}

// number computes a handset's number.
func (p *program) number(s *scope) (string, error) {
	v, err := p.text(s, words, maxGiven)
	if err != nil {
		return "", err
	}
	n, err := numberOf(v)
	if err != nil {
		return "", fmt.Errorf("%s: %w", p.field, err)
	}
	return n.Dialled(), nil
}

// Replies implements API. ErrSignature is of callbacks that options.http.verify refuses.
func (c *Custom) Replies(r *Callback) ([]session.MO, error) {
	if c.replies == nil {
		return nil, errors.New("options.http.replies: it is missing; without it no reply is read")
	}
	s, err := c.hear(r)
	if err != nil {
		return nil, err
	}
	return readEntries(s, "options.http.replies", c.replies.list, func() (session.MO, error) { return c.replies.read(s) })
}

// read reads a message from a handset, which may be a refusal: what else it lacks is left
// empty, as moOf does.
func (r *replyReader) read(s *scope) (session.MO, error) {
	number, err := r.phone.number(s)
	if err != nil {
		return session.MO{}, err
	}
	text, err := r.text.text(s, words, maxGiven)
	if err != nil {
		return session.MO{}, err
	}
	id := ""
	if r.id != nil {
		id, _ = r.id.name(s, maxID)
	}
	dest, _ := r.dest.name(s, maxDest)
	m, err := moOf(id, number, dest, text)
	if err != nil { // whose words may repeat the text
		return m, fmt.Errorf("%s: the text is not valid UTF-8", r.text.field)
	}
	return m, nil
}

// Received implements API.
func (c *Custom) Received(w http.ResponseWriter, ok bool) {
	status, answer := http.StatusOK, c.accept
	if !ok {
		status, answer = http.StatusServiceUnavailable, registry.UpstreamReceived{Type: "application/json", Body: `{"code":1}`}
	}
	w.Header().Set("Content-Type", answer.Type)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer.Body) // a peer that is gone comes again
}
