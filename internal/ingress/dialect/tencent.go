package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/websign"
)

// tencent speaks as Tencent Cloud's sms does: always with HTTP 200, and with a content type
// that some SDKs compare byte by byte.
type tencent struct{}

const (
	tencentVersion = "2021-01-11"
	tencentOld     = "2019-07-11" // the same with other names of some fields
)

type tencentAction struct {
	scope string
	old   bool // 2019-07-11 has it
	run   func(context.Context, *Server, *request) (any, error)
}

var tencentActions = map[string]tencentAction{
	"SendSms":                         {admission.Send, true, tencentSend},
	"PullSmsSendStatus":               {admission.Read, true, tencentPullReports},
	"PullSmsReplyStatus":              {admission.Read, true, tencentPullReplies},
	"PullSmsSendStatusByPhoneNumber":  {admission.Read, true, tencentReportsOf},
	"PullSmsReplyStatusByPhoneNumber": {admission.Read, true, tencentRepliesOf},
	"DescribePhoneNumberInfo":         {admission.Read, false, tencentNumbers},

	"AddSmsSign":              {admission.Apply, false, tencentNewSign},
	"ModifySmsSign":           {admission.Apply, false, tencentChangeSign},
	"DeleteSmsSign":           {admission.Apply, false, tencentDeleteSign},
	"DescribeSmsSignList":     {admission.Read, false, tencentSigns},
	"AddSmsTemplate":          {admission.Apply, false, tencentNewTemplate},
	"ModifySmsTemplate":       {admission.Apply, false, tencentChangeTemplate},
	"DeleteSmsTemplate":       {admission.Apply, false, tencentDeleteTemplate},
	"DescribeSmsTemplateList": {admission.Read, false, tencentTemplates},

	"SendStatusStatistics":     {admission.Read, true, tencentSentStatistics},
	"CallbackStatusStatistics": {admission.Read, true, tencentReportStatistics},
	"SmsPackagesStatistics":    {admission.Read, true, tencentPackages},

	"ReportConversion": {admission.Send, false, tencentConversion},
}

func (tencent) window() time.Duration { return tencentWindow }

func (tencent) action(c *websign.Claim) (string, func(context.Context, *Server, *request) (any, error), error) {
	a, ok := tencentActions[c.Action]
	switch {
	case c.Version != tencentVersion && c.Version != tencentOld:
		return "", nil, sms.Errorf(sms.UnknownAction, "Version", "%.20s is not %s", c.Version, tencentVersion)
	case !ok || c.Version == tencentOld && !a.old:
		return "", nil, sms.Errorf(sms.UnknownAction, "Action", "%.64s", c.Action)
	}
	return a.scope, a.run, nil
}

// old tells whether the request is of 2019-07-11.
func (r *request) old() bool { return r.Version == tencentOld }

type tencentMeta struct {
	RequestID string `json:"RequestId"`
}

func (m *tencentMeta) sign(id string) { m.RequestID = strings.ToLower(id) }

type tencentFault struct {
	Error struct{ Code, Message string }
	tencentMeta
}

func (tencent) refuse(w http.ResponseWriter, r *request, err error) {
	known := &sms.Error{Code: sms.Internal}
	errors.As(err, &known)
	w.Header().Set(headerCode, string(known.Code))
	f := &tencentFault{}
	f.Error.Code, f.Error.Message = cloudOf(err, known.Code).Tencent, message(known, r.english())
	tencent{}.reply(w, r, f)
}

// english tells whether the caller wants messages in English.
func (r *request) english() bool { return r.Claim != nil && r.Language == "en-US" }

func (tencent) reply(w http.ResponseWriter, r *request, result any) {
	result.(interface{ sign(id string) }).sign(r.id)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_ = json.NewEncoder(w).Encode(struct{ Response any }{result}) // the caller went away
}

// take reads a request's fields from its JSON, or from flat parameters.
func (r *request) take(into any) error {
	body := r.body
	if r.Scheme == websign.TencentV1 || r.http.Method == http.MethodGet {
		var err error
		if body, err = unflatten(r.Params); err != nil {
			return sms.Errorf(sms.BadRequest, "parameters", "%s", err)
		}
	}
	err := decodeJSON(body, into)
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		return sms.Errorf(sms.BadRequest, clip(kind.Field, 64), "it is a %s, not a %s", kind.Type, kind.Value)
	case errors.As(err, &syntax), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return sms.Errorf(sms.BadRequest, "body", "it is no JSON object")
	}
	return sms.Errorf(sms.BadRequest, "body", "%s", err)
}

// number is one that stands as a number, or as a text.
type number int64

// UnmarshalJSON reads either.
func (n *number) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseInt(strings.Trim(string(b), `"`), 10, 64)
	*n = number(v)
	return err
}

// Limits of Tencent Cloud's own.
const (
	tencentMost    = 200
	tencentContext = 512
)

type tencentSendIn struct {
	PhoneNumberSet   []string
	SmsSdkAppID      string `json:"SmsSdkAppId"`
	TemplateID       string `json:"TemplateId"`
	SignName         string
	TemplateParamSet []string
	ExtendCode       string
	SessionContext   string

	// As 2019-07-11 calls them; JSON does not tell the case of names.
	Sign string
}

type tencentStatus struct {
	SerialNo       string
	PhoneNumber    string
	Fee            int
	SessionContext string
	Code           string
	Message        string
	IsoCode        string
}

type tencentSendOut struct {
	SendStatusSet []tencentStatus
	tencentMeta
}

// application tells whether the application that a request names is its key's: there is one
// behind each key.
func (r *request) application(named string) error {
	if named == "" || named == strconv.FormatInt(r.who.App.ID.Short(), 10) || named == r.who.App.ID.String() {
		return nil
	}
	return sms.Errorf(sms.NotFound, "SmsSdkAppId", "this key is of application %d", r.who.App.ID.Short())
}

func tencentSend(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentSendIn
	if err := r.take(&in); err != nil {
		return nil, err
	}
	if in.SignName == "" {
		in.SignName = in.Sign
	}
	switch {
	case len(in.PhoneNumberSet) == 0:
		return nil, sms.Errorf(sms.BadRequest, "PhoneNumberSet", "it is empty")
	case len(in.PhoneNumberSet) > tencentMost:
		return nil, sms.Errorf(sms.TooManyRecipients, "PhoneNumberSet", "there are %d, the most is %d", len(in.PhoneNumberSet), tencentMost)
	case in.SignName == "" || in.TemplateID == "":
		return nil, sms.Errorf(sms.BadRequest, "SignName, TemplateId", "each is needed")
	case len(in.SessionContext) >= tencentContext:
		return nil, sms.Errorf(sms.BadRequest, "SessionContext", "it has %d bytes or more", tencentContext)
	}
	if err := r.application(in.SmsSdkAppID); err != nil {
		return nil, err
	}
	out := &tencentSendOut{SendStatusSet: make([]tencentStatus, len(in.PhoneNumberSet))}
	var to []gate.Recipient
	var at []int // which answer each recipient has
	for i, n := range in.PhoneNumberSet {
		number, err := sms.ParseMSISDN(strings.TrimSpace(n))
		out.SendStatusSet[i] = tencentStatus{PhoneNumber: n, SessionContext: in.SessionContext, Code: sms.CloudOf(sms.BadNumber).Tencent}
		if err != nil {
			out.SendStatusSet[i].Message = message(sms.Errorf(sms.BadNumber, "", "%s", err), r.english())
			continue
		}
		out.SendStatusSet[i].PhoneNumber, out.SendStatusSet[i].IsoCode = "+"+number.Reveal(), iso(number)
		to, at = append(to, gate.Recipient{Number: number, Ref: in.SessionContext}), append(at, i)
	}
	if len(to) == 0 {
		return out, nil
	}
	x, err := tencentPart(r, &in, to)
	if err != nil {
		return out, out.refuse(r, at, err)
	}
	c := r.call(r.key("X-Tc-Idempotency-Key", in.SessionContext))
	c.Extension, c.Parts = in.ExtendCode, []gate.Part{x}
	answer, err := s.decide(ctx, r, c)
	if err != nil {
		return nil, err
	}
	for i := range answer.Results {
		tencentTell(&out.SendStatusSet[at[i]], &answer.Results[i], r.english())
	}
	return out, nil
}

// tencentPart is the text that the template makes.
func tencentPart(r *request, in *tencentSendIn, to []gate.Recipient) (x gate.Part, err error) {
	id, _ := strconv.ParseInt(in.TemplateID, 10, 64) // what is no number is no template's
	w := r.template(id)
	if w == nil {
		return x, sms.Errorf(sms.TemplateNotApproved, "TemplateId", "you have no approved template of this id")
	}
	if err := r.signature(in.SignName, "SignName"); err != nil {
		return x, err
	}
	names := w.Wording.Names()
	if len(names) != len(in.TemplateParamSet) {
		return x, sms.Errorf(sms.VariablesMismatch, "TemplateParamSet", "there are %d, the template has %d", len(in.TemplateParamSet), len(names))
	}
	values := map[string]string{}
	for i, name := range names {
		values[name] = in.TemplateParamSet[i]
	}
	return part(w, in.SignName, values, to)
}

// refuse tells each recipient why there is no text. Tencent Cloud answers so (SendSms, the
// example of a failure), and programs read the entries for it. Any other error is the call's.
func (out *tencentSendOut) refuse(r *request, at []int, err error) error {
	var known *sms.Error
	if !errors.As(err, &known) {
		return err
	}
	r.header.Set(headerCode, string(known.Code))
	for _, i := range at {
		out.SendStatusSet[i].Code, out.SendStatusSet[i].Message = sms.CloudOf(known.Code).Tencent, message(known, r.english())
	}
	return nil
}

// iso is the country of a number, where it is China: it is not looked up for others.
func iso(n sms.MSISDN) string {
	if n.Mainland() {
		return "CN"
	}
	return ""
}

// tencentTell is what one recipient is answered with.
func tencentTell(x *tencentStatus, res *gate.Result, english bool) {
	if res.MessageID != 0 {
		x.SerialNo = res.MessageID.String()
	}
	if res.State != sms.Refused {
		x.Code, x.Message, x.Fee = "Ok", "send success", res.Units
		return
	}
	x.Code, x.Message = sms.CloudOf(res.Code).Tencent, explain(res, english)
	if l := limitOf(res); l != nil && res.Code != sms.FrequencyContent {
		x.Code = l.tencent
	}
}
