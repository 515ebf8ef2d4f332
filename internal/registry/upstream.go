package registry

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// The protocols of channels that are the HTTP API of a licensed upstream.
const (
	ByHTTP    = "http"    // described by Options.HTTP
	ByAliyun  = "aliyun"  // Aliyun SMS
	ByTencent = "tencent" // Tencent Cloud SMS
)

// ByWeb tells whether the channel is an HTTP API: it takes whole texts and splits them
// itself.
func (c *Channel) ByWeb() bool {
	return c.Protocol == ByHTTP || c.Protocol == ByAliyun || c.Protocol == ByTencent
}

// Vendor is whose product the upstream is, by the name that rule packs have for it; "" when
// the channel is a carrier's own, or nobody said so.
func (c *Channel) Vendor() string {
	if c.Protocol == ByAliyun || c.Protocol == ByTencent {
		return c.Protocol
	}
	return c.Options.Vendor
}

// ByTemplate tells whether the upstream takes no text, but the code of a template that was
// filed with it, and values: the clouds, and an API that has a list of such templates.
func (c *Channel) ByTemplate() bool {
	return c.Protocol == ByAliyun || c.Protocol == ByTencent || c.Protocol == ByHTTP && c.Options.Cloud != nil
}

// Splitting is how the channel's texts become PDUs.
func (c *Channel) Splitting() Splitting {
	if c.ByWeb() {
		return Splitting{Whole: true}
	}
	return c.Options.Split
}

// HTTPUpstream describes the HTTP API of a licensed upstream as data. Its texts are
// templates: ${…} holds a CEL expression, everything else stands as it is. A JSON string
// that is nothing but one ${…} becomes whatever the expression gives, a number or a list
// too.
//
// In requests there are phone (11 digits, or E.164 without its +), e164 (with +), text,
// signature, body (the text without it), source, extension (what follows the access code),
// ref (ours; reports may return it), login, secret, unix, unix_ms (ints), stamp
// (20060102150405, China time), iso (UTC), nonce (32 hex digits), valid_seconds (int), and,
// of upstreams that take templates, template (its code), params (values by name) and values
// (in the order of the text). In
// answers and callbacks there are status (int), ref (of the message that was answered), headers, query, form (maps of texts,
// header names in small letters), payload (the body's text), json (the body, null when it
// is none); in what is read of each entry, item.
//
// Besides CEL's own functions there are md5, sha1, sha256, sha512, sm3 (of a text, giving
// bytes), hmac(hash, key, text), hex, base64 (of bytes), urlencode, and those of CEL's
// string extension: split, lowerAscii, upperAscii, substring and others.
type HTTPUpstream struct {
	Request UpstreamRequest   `json:"request"`
	Sign    *UpstreamSign     `json:"sign,omitempty"`
	Answer  UpstreamAnswer    `json:"answer"`
	Reports *UpstreamReports  `json:"reports,omitempty" doc:"callback with status reports 状态报告推送; without it no report comes"`
	Replies *UpstreamReplies  `json:"replies,omitempty" doc:"callback with messages from handsets 上行推送"`
	Verify  *UpstreamSign     `json:"verify,omitempty" doc:"how callbacks are signed; value is what the signature must be compared with, such as ${headers['x-sign']}"`
	Accept  *UpstreamReceived `json:"accept,omitempty" doc:"what callbacks are answered once all is stored; without it {\"code\":0}"`
}

// UpstreamRequest is how one message is sent.
type UpstreamRequest struct {
	Method  string            `json:"method" enum:"POST,GET,PUT"`
	Path    string            `json:"path,omitempty" maxLength:"1000" doc:"template, follows the channel's address"`
	Query   map[string]string `json:"query,omitempty" doc:"templates"`
	Headers map[string]string `json:"headers,omitempty" doc:"templates"`
	Form    map[string]string `json:"form,omitempty" doc:"templates; the body is then a form"`
	JSON    any               `json:"json,omitempty" doc:"any JSON with templates for texts; the body is then JSON"`
	Text    string            `json:"text,omitempty" maxLength:"10000" doc:"template of any other body; name its Content-Type in headers"`
}

// UpstreamSign is how requests are signed, or how callbacks must be.
type UpstreamSign struct {
	Scheme   string `json:"scheme" enum:"bearer,basic,hmac,digest" doc:"bearer: Authorization: Bearer secret; basic: login and secret; hmac: of text under key; digest: hash of text, which then holds the secret"`
	Hash     string `json:"hash,omitempty" enum:",md5,sha1,sha256,sha512,sm3" doc:"empty is sha256"`
	Key      string `json:"key,omitempty" maxLength:"1000" doc:"template, empty is ${secret}"`
	Text     string `json:"text,omitempty" maxLength:"4000" doc:"template of what is signed. Also: method, path, payload (the body), sorted (all query, form and top-level JSON parameters that are not empty, by name, as a=b&c=d), sorted_encoded (the same, percent-encoded)"`
	Encoding string `json:"encoding,omitempty" enum:",hex,HEX,base64" doc:"empty is hex"`
	In       string `json:"in,omitempty" enum:",header,query,form,json" doc:"where a request bears it, empty is header"`
	Name     string `json:"name,omitempty" maxLength:"100" doc:"by which name, empty is Authorization"`
	Value    string `json:"value,omitempty" maxLength:"1000" doc:"template, empty is ${sign}; of a callback: the signature that it bears"`
	Time     string `json:"time,omitempty" maxLength:"1000" doc:"callbacks: expression of the second (Unix) at which it was signed, as an int; more than five minutes off are refused. Put it into text, too"`
}

// UpstreamAnswer is how the answer to a request is read. What is none of accepted,
// over_speed and refused is in doubt: the message is not sent again.
type UpstreamAnswer struct {
	Accepted  string `json:"accepted" minLength:"1" maxLength:"1000" doc:"expression: the upstream has taken the message"`
	ID        string `json:"id" minLength:"1" maxLength:"1000" doc:"expression of the upstream's id, by which its report names the message; ref, if that is ours"`
	Code      string `json:"code,omitempty" maxLength:"1000" doc:"expression of its code, kept as it came"`
	OverSpeed string `json:"over_speed,omitempty" maxLength:"1000" doc:"expression: not taken for a reason that is not the message's, such as speed, a bad key or no money; it may be sent again. Statuses 401, 403 and 429 are, too, unless refused holds"`
	Refused   string `json:"refused,omitempty" maxLength:"1000" doc:"expression: certainly not taken, for good; empty is any status below 500 but 408 whose body could be read and says something: JSON, a code, or a status of 400 and more"`
}

// UpstreamReports is how a callback with status reports is read. Expressions.
type UpstreamReports struct {
	List      string `json:"list,omitempty" maxLength:"1000" doc:"its entries, empty is json if that is a list, else the whole as one"`
	ID        string `json:"id" minLength:"1" maxLength:"1000"`
	Phone     string `json:"phone" minLength:"1" maxLength:"1000"`
	Code      string `json:"code" minLength:"1" maxLength:"1000" doc:"its status, kept as it came"`
	Delivered string `json:"delivered" minLength:"1" maxLength:"1000" doc:"whether it reached the handset"`
	Pending   string `json:"pending,omitempty" maxLength:"1000" doc:"whether it is no end yet"`
	Ref       string `json:"ref,omitempty" maxLength:"1000" doc:"our ref, if it comes back: it tells apart the channels of one account, and what is in doubt"`
}

// UpstreamReplies is how a callback with messages from handsets is read. Expressions.
type UpstreamReplies struct {
	List  string `json:"list,omitempty" maxLength:"1000" doc:"its entries, as of reports"`
	ID    string `json:"id,omitempty" maxLength:"1000" doc:"the upstream's id; without it one that comes twice counts twice"`
	Phone string `json:"phone" minLength:"1" maxLength:"1000"`
	Dest  string `json:"dest" minLength:"1" maxLength:"1000" doc:"the number that was written to; access_code is the channel's"`
	Text  string `json:"text" minLength:"1" maxLength:"1000"`
}

// UpstreamReceived is what a callback is answered with status 200.
type UpstreamReceived struct {
	Type string `json:"type" maxLength:"100" doc:"Content-Type"`
	Body string `json:"body" maxLength:"1000"`
}

// CloudUpstream is what upstreams that take templates want beside the key.
type CloudUpstream struct {
	AppID     string          `json:"app_id,omitempty" maxLength:"32" doc:"Tencent: SmsSdkAppId"`
	Region    string          `json:"region,omitempty" maxLength:"32" doc:"Tencent: empty is ap-guangzhou"`
	Templates []CloudTemplate `json:"templates,omitempty" maxItems:"5000" doc:"what was filed there; only messages of these templates go by the channel"`
}

// CloudTemplate is a wording of ours that was filed with the upstream, where it has a
// code and a text of its own.
type CloudTemplate struct {
	TemplateID sms.ID `json:"template_id"`
	Version    int64  `json:"version" doc:"of ours; another one has to be filed there first"`
	Code       string `json:"code" minLength:"1" maxLength:"64" doc:"the upstream's: SMS_…, or a number"`
	Body       string `json:"body" minLength:"1" maxLength:"3000" doc:"the upstream's text, copied from there, with its own variables: ${code}, or {1}. Apart from them it is ours"`
}

// cloudVariables are how variables stand in the upstreams' texts; what is not one is text.
var cloudVariables = map[string]*regexp.Regexp{
	ByHTTP:    regexp.MustCompile(`\$\{([A-Za-z][A-Za-z0-9_]*)\}`),
	ByAliyun:  regexp.MustCompile(`\$\{([A-Za-z][A-Za-z0-9_]*)\}`),
	ByTencent: regexp.MustCompile(`\{([0-9]{1,2})\}`),
}

// Names are the upstream's names of our variables on a channel of a protocol, in the order in which they stand in
// our wording. It is an error if the two texts say different things: what leaves must be
// what was permitted.
func (t *CloudTemplate) Names(protocol string, ours *Wording) ([]string, error) {
	variable := cloudVariables[protocol]
	if variable == nil {
		return nil, fmt.Errorf("a channel of %s takes texts, not templates", protocol)
	}
	var names []string
	var theirs []part
	at := 0
	for _, m := range variable.FindAllStringSubmatchIndex(t.Body, -1) {
		name := t.Body[m[2]:m[3]]
		if slices.Contains(names, name) {
			return nil, fmt.Errorf("variable %s stands twice in the upstream's text", name)
		}
		names = append(names, name)
		if m[0] > at {
			theirs = append(theirs, part{literal: t.Body[at:m[0]]})
		}
		theirs = append(theirs, part{name: name})
		at = m[1]
	}
	if at < len(t.Body) {
		theirs = append(theirs, part{literal: t.Body[at:]})
	}
	same := slices.EqualFunc(ours.parts, theirs, func(a, b part) bool { return a.literal == b.literal && (a.name == "") == (b.name == "") })
	if !same {
		return nil, fmt.Errorf("the upstream's text is not ours: it must be the same apart from the names of the variables")
	}
	return names, nil
}

// Positions orders variables that are numbered {1}, {2}, …: place i of the result is the
// index of variable i+1 among names.
func Positions(names []string) ([]int, error) {
	out := make([]int, len(names))
	for i, n := range names {
		at, err := strconv.Atoi(n)
		if err != nil || at < 1 || at > len(names) {
			return nil, fmt.Errorf("variable {%s}: they are numbered {1} to {%d}", n, len(names))
		}
		out[at-1] = i
	}
	return out, nil
}

// Values reads the variables out of a text that fits, in the order of the wording; nil
// when it does not fit.
func (w *Wording) Values(text string) []string {
	m := w.re.FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	return m[1:]
}
