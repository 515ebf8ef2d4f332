package dialect

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/websign"
)

// aliyun speaks as Dysmsapi does.
type aliyun struct{}

const aliyunVersion = "2017-05-25"

type aliyunAction struct {
	scope string
	run   func(context.Context, *Server, *request) (any, error)
}

var aliyunActions = map[string]aliyunAction{
	"SendSms":          {admission.Send, aliyunSend},
	"SendBatchSms":     {admission.Send, aliyunSendBatch},
	"QuerySendDetails": {admission.Read, aliyunDetails},
	"AddShortUrl":      {admission.Send, aliyunAddShort},
	"QueryShortUrl":    {admission.Read, aliyunQueryShort},
	"DeleteShortUrl":   {admission.Send, aliyunDeleteShort},

	"AddSmsSign":       {admission.Apply, aliyunNewSign},
	"CreateSmsSign":    {admission.Apply, aliyunNewSign},
	"ModifySmsSign":    {admission.Apply, aliyunChangeSign},
	"UpdateSmsSign":    {admission.Apply, aliyunChangeSign},
	"DeleteSmsSign":    {admission.Apply, aliyunDeleteSign},
	"QuerySmsSign":     {admission.Read, aliyunSign},
	"GetSmsSign":       {admission.Read, aliyunSignDetails},
	"QuerySmsSignList": {admission.Read, aliyunSigns},

	"AddSmsTemplate":       {admission.Apply, aliyunNewTemplate},
	"CreateSmsTemplate":    {admission.Apply, aliyunNewTemplate},
	"ModifySmsTemplate":    {admission.Apply, aliyunChangeTemplate},
	"UpdateSmsTemplate":    {admission.Apply, aliyunChangeTemplate},
	"DeleteSmsTemplate":    {admission.Apply, aliyunDeleteTemplate},
	"QuerySmsTemplate":     {admission.Read, aliyunTemplateStatus},
	"GetSmsTemplate":       {admission.Read, aliyunTemplateDetails},
	"QuerySmsTemplateList": {admission.Read, aliyunTemplates},
	"GetSmsTemplateList":   {admission.Read, aliyunTemplatesFound},

	"SubmitSmsQualification":      {admission.Apply, aliyunSubmitQualification},
	"UpdateSmsQualification":      {admission.Apply, aliyunUpdateQualification},
	"DeleteSmsQualification":      {admission.Apply, aliyunDeleteQualification},
	"QuerySmsQualificationRecord": {admission.Read, aliyunQualifications},
	"QuerySingleSmsQualification": {admission.Read, aliyunQualification},
	"GetQualificationOssInfo":     {admission.Apply, aliyunQualificationForm},
	"GetOSSInfoForUploadFile":     {admission.Apply, aliyunFileForm},
	"CreateSmsTrademark":          {admission.Apply, aliyunNewTrademark},
	"QuerySmsTrademark":           {admission.Read, aliyunTrademarks},
	"CreateSmsAppIcpRecord":       {admission.Apply, aliyunNewApp},
	"QuerySmsAppIcpRecord":        {admission.Read, aliyunApps},

	"QuerySendStatistics": {admission.Read, aliyunStatistics},
}

func (aliyun) window() time.Duration { return aliyunWindow }

func (aliyun) action(c *websign.Claim) (string, func(context.Context, *Server, *request) (any, error), error) {
	a, ok := aliyunActions[c.Action]
	switch {
	case c.Version != aliyunVersion:
		return "", nil, sms.Errorf(sms.UnknownAction, "Version", "%.20s is not %s", c.Version, aliyunVersion)
	case !ok:
		return "", nil, sms.Errorf(sms.UnknownAction, "Action", "%.64s", c.Action)
	}
	return a.scope, a.run, nil
}

// aliyunReply is what every answer carries. Business refusals are answers, too, with HTTP 200.
type aliyunReply struct {
	Code      string
	Message   string
	RequestID string `json:"RequestId" xml:"RequestId"`
	BizID     string `json:"BizId,omitempty" xml:"BizId,omitempty"`
}

func (x *aliyunReply) sign(id string) {
	x.RequestID = id
	if x.Code == "" {
		x.Code, x.Message = "OK", "OK"
	}
}

// gateway are the failures that the SDKs turn into exceptions, with the status that carries
// them; all others are answered with HTTP 200.
var gateway = map[sms.Code]int{
	sms.Unauthenticated: 404, sms.KeyExpired: 400, sms.SignatureWrong: 400, sms.ClockSkew: 400, sms.NonceUsed: 400, sms.UnknownAction: 404,
	sms.RateLimited: 400, sms.Busy: 400, sms.StoreUnavailable: 503, sms.FactUnreadable: 503, sms.RulebookUnusable: 503, sms.Internal: 500, sms.BodyTooLarge: 413,
}

type aliyunFault struct {
	XMLName   xml.Name `json:"-" xml:"Error"`
	RequestID string   `json:"RequestId" xml:"RequestId"`
	HostID    string   `json:"HostId" xml:"HostId"`
	Code      string
	Message   string
	Recommend string
}

func (aliyun) refuse(w http.ResponseWriter, r *request, err error) {
	known := &sms.Error{Code: sms.Internal}
	errors.As(err, &known)
	w.Header().Set(headerCode, string(known.Code))
	code, status := cloudOf(err, known.Code).Aliyun, statusOf(err, known.Code)
	if r.Claim == nil && status == 0 { // it could not even be read
		code, status = "InvalidParameter", http.StatusBadRequest
		if strings.Contains(known.Detail, websign.ErrMissing.Error()) {
			code = "MissingParameter"
		}
	}
	if status == 0 {
		aliyun{}.reply(w, r, &aliyunReply{Code: code, Message: message(known, false)})
		return
	}
	if known.Code == sms.Unauthenticated && r.Claim != nil && r.Claim.Key == "" {
		code = "MissingAccessKeyId"
	}
	if known.Code == sms.RateLimited || known.Code == sms.Busy { // Go's SDK reads one, Node's the other
		w.Header().Set("X-Ratelimit-User-Api", "TimeLeft:1000")
		w.Header().Set("X-Acs-Retry-After", "1000")
	}
	f := aliyunFault{RequestID: r.id, HostID: r.http.Host, Code: code, Message: message(known, false), Recommend: "/docs#" + string(known.Code)}
	aliyunWrite(w, r, status, "Error", &f)
}

func (aliyun) reply(w http.ResponseWriter, r *request, result any) {
	result.(interface{ sign(id string) }).sign(r.id)
	action := "Error"
	if r.Claim != nil {
		action = r.Action
	}
	aliyunWrite(w, r, http.StatusOK, action+"Response", result)
}

// aliyunWrite answers in JSON, or in XML where the old core asks for it.
func aliyunWrite(w http.ResponseWriter, r *request, status int, name string, v any) {
	if r.Claim != nil && strings.EqualFold(r.Params["Format"], "XML") {
		w.Header().Set("Content-Type", "text/xml;charset=utf-8")
		w.WriteHeader(status)
		if _, err := w.Write([]byte(xml.Header)); err == nil {
			_ = xml.NewEncoder(w).EncodeElement(v, xml.StartElement{Name: xml.Name{Local: name}}) // the caller went away
		}
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the caller went away
}

// Limits of Aliyun's own.
const (
	aliyunNumbers  = 1000
	aliyunBatch    = 100
	aliyunOutID    = 256
	aliyunTemplate = "SMS_"
)

// ref is what a message is known by: the call's BizId, and the caller's OutId.
func ref(biz, outID string) string { return strings.TrimRight(biz+" "+outID, " ") }

func bizOf(ref string) (biz, outID string) {
	biz, outID, _ = strings.Cut(ref, " ")
	if !strings.HasSuffix(biz, "^0") { // of a message that came by another interface
		return "", ref
	}
	return biz, outID
}

// aliyunTemplateNumber reads SMS_123.
func aliyunTemplateNumber(code string) int64 {
	n, _ := strconv.ParseInt(strings.TrimPrefix(code, aliyunTemplate), 10, 64) // what is no number is no template's
	return n
}

func aliyunSend(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	numbers := strings.Split(p["PhoneNumbers"], ",")
	switch {
	case p["PhoneNumbers"] == "" || p["SignName"] == "" || p["TemplateCode"] == "":
		return nil, sms.Errorf(sms.BadRequest, "PhoneNumbers, SignName, TemplateCode", "each is needed")
	case len(numbers) > aliyunNumbers:
		return nil, sms.Errorf(sms.TooManyRecipients, "PhoneNumbers", "there are %d", len(numbers))
	case len(p["OutId"]) > aliyunOutID:
		return nil, sms.Errorf(sms.BadRequest, "OutId", "it has more than %d bytes", aliyunOutID)
	}
	w := r.template(aliyunTemplateNumber(p["TemplateCode"]))
	if w == nil {
		return nil, sms.Errorf(sms.TemplateNotApproved, "TemplateCode", "you have no approved template of this code")
	}
	if err := r.signature(p["SignName"], "SignName"); err != nil {
		return nil, err
	}
	values, err := variables(p["TemplateParam"], "TemplateParam")
	if err != nil {
		return nil, err
	}
	biz := s.IDs.Next().String() + "^0"
	to := make([]gate.Recipient, len(numbers))
	for i, n := range numbers {
		if to[i].Number, err = sms.ParseMSISDN(strings.TrimSpace(n)); err != nil {
			return nil, sms.Errorf(sms.BadNumber, "PhoneNumbers", "number %d: %s", i+1, err)
		}
		to[i].Ref = ref(biz, p["OutId"])
	}
	c := r.call(r.key("X-Acs-Idempotency-Key", p["OutId"]))
	c.Extension, c.TellRefusals = p["SmsUpExtendCode"], true
	x, err := part(w, p["SignName"], values, to)
	if err != nil {
		return nil, err
	}
	c.Parts = []gate.Part{x}
	return s.aliyunDecide(ctx, r, c, biz)
}

// aliyunDecide answers a call: it is refused if nobody gets the message; where some do not, each
// is told by a report.
func (s *Server) aliyunDecide(ctx context.Context, r *request, c *gate.Call, biz string) (any, error) {
	answer, err := s.decide(ctx, r, c)
	if err != nil {
		return nil, err
	}
	if first := answer.Results[0].Ref; answer.Replayed && first != "" {
		biz, _ = bizOf(first)
	}
	var refused *gate.Result
	for i := range answer.Results {
		x := &answer.Results[i]
		if x.State != sms.Refused {
			return &aliyunReply{BizID: biz}, nil
		}
		if refused == nil {
			refused = x
		}
	}
	r.header.Set(headerCode, string(refused.Code))
	r.header.Set(headerRule, refused.Rule)
	return &aliyunReply{Code: sms.CloudOf(refused.Code).Aliyun, Message: aliyunText(refused)}, nil
}

// aliyunText is why a message is refused. Programs read the wording of frequency limits.
func aliyunText(x *gate.Result) string {
	if l := limitOf(x); l != nil {
		return l.aliyun + "；" + explain(x, false)
	}
	return explain(x, false)
}

func aliyunSendBatch(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	var numbers, signatures, extensions []string
	var values []map[string]any
	for _, x := range []struct {
		name string
		into any
	}{{"PhoneNumberJson", &numbers}, {"SignNameJson", &signatures}, {"TemplateParamJson", &values}, {"SmsUpExtendCodeJson", &extensions}} {
		if p[x.name] == "" {
			continue
		}
		if err := decodeJSON([]byte(p[x.name]), x.into); err != nil {
			return nil, sms.Errorf(sms.VariablesUnreadable, x.name, "it is no JSON array as it should be: %s", err)
		}
	}
	n := len(numbers)
	switch {
	case n == 0 || p["TemplateCode"] == "":
		return nil, sms.Errorf(sms.BadRequest, "PhoneNumberJson, SignNameJson, TemplateCode", "each is needed")
	case n > aliyunBatch:
		return nil, sms.Errorf(sms.TooManyRecipients, "PhoneNumberJson", "there are %d, the most is %d", n, aliyunBatch)
	case len(signatures) != n || values != nil && len(values) != n || extensions != nil && len(extensions) != n:
		return nil, sms.Errorf(sms.BadRequest, "SignNameJson, TemplateParamJson, SmsUpExtendCodeJson", "each has as many entries as PhoneNumberJson: %d", n)
	}
	w := r.template(aliyunTemplateNumber(p["TemplateCode"]))
	if w == nil {
		return nil, sms.Errorf(sms.TemplateNotApproved, "TemplateCode", "you have no approved template of this code")
	}
	biz := s.IDs.Next().String() + "^0"
	c := r.call(r.key("X-Acs-Idempotency-Key", p["OutId"]))
	c.TellRefusals = true
	for i := range numbers {
		number, err := sms.ParseMSISDN(numbers[i])
		if err != nil {
			return nil, sms.Errorf(sms.BadNumber, "PhoneNumberJson", "number %d: %s", i+1, err)
		}
		if err := r.signature(signatures[i], "SignNameJson"); err != nil {
			return nil, err
		}
		var filled map[string]string
		if values != nil {
			if filled, err = texts(values[i], "TemplateParamJson"); err != nil {
				return nil, err
			}
		}
		if extensions != nil {
			if c.Extension = extensions[0]; extensions[i] != extensions[0] {
				return nil, sms.Errorf(sms.BadRequest, "SmsUpExtendCodeJson", "one call takes one extension for all its numbers; make a call for each")
			}
		}
		x, err := part(w, signatures[i], filled, []gate.Recipient{{Number: number, Ref: ref(biz, p["OutId"])}})
		if err != nil {
			return nil, err
		}
		c.Parts = append(c.Parts, x)
	}
	return s.aliyunDecide(ctx, r, c, biz)
}
