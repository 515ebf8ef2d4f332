package dialect

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/internal/vendorcode"
)

// Push writes events down as the clouds' callbacks do.
type Push struct {
	Keys     *vault.Keys
	Snapshot func(ctx context.Context) (*registry.Snapshot, error)
	// Codes says in words what carriers' codes mean.
	Codes *vendorcode.Table
}

// Formats are the clouds' forms of webhooks, by their names.
func (p *Push) Formats() map[string]callback.Format {
	return map[string]callback.Format{"aliyun": aliyunPush{p}, "tencent": tencentPush{p}, "twilio": twilioPush{p}}
}

// Kinds of events that the clouds have callbacks for.
const (
	kindReport    = "report"
	kindMO        = "mo"
	kindSignature = rulebook.ObjectSignature
	kindTemplate  = rulebook.ObjectTemplate
)

// pushed is a report as its event has it, which may be older than what the message has become.
type pushed struct {
	sent
	number sms.MSISDN
	words  string // what its code means
}

func (p *Push) reports(ctx context.Context, tx callback.FormatTx, snap *registry.Snapshot, list []sms.Event, delivered string) ([]pushed, error) {
	ids := make([]sms.ID, len(list))
	for i, e := range list {
		ids[i] = e.ObjectID
	}
	messages, err := tx.Messages(ctx, ids, false)
	if err != nil {
		return nil, err
	}
	known, people := make([]sent, len(messages)), make([][16]byte, len(messages))
	at := make(map[sms.ID]*sent, len(messages))
	for i, m := range messages {
		known[i].Message, people[i], at[m.ID] = m, m.PhoneID, &known[i]
	}
	if err := reported(ctx, tx, known); err != nil {
		return nil, err
	}
	numbers, err := openNumbers(ctx, p.Keys, tx, people)
	if err != nil {
		return nil, err
	}
	var out []pushed
	for _, e := range list {
		now := at[e.ObjectID]
		if now == nil {
			continue
		}
		x := pushed{sent: *now, number: numbers[now.PhoneID]}
		var then struct {
			State sms.State
			Code  string
		}
		if err := json.Unmarshal(e.Body, &then); err != nil {
			return nil, err
		}
		if then.State != x.State {
			m := *x.Message
			m.State, m.Reason = then.State, then.Code
			x.Message, x.stat, x.reported = &m, "", e.At
		}
		x.reported = cmp.Or(x.reported, x.UpdatedAt)
		x.words = p.words(snap, &x.sent, delivered)
		out = append(out, x)
	}
	return out, nil
}

// words says in Chinese what a report's code means; one that nobody knows stands for itself.
func (p *Push) words(snap *registry.Snapshot, x *sent, delivered string) string {
	code := x.errCode()
	if ok, _ := ended(x.State); ok {
		return delivered
	}
	if ch := snap.Channel[x.ChannelID]; ch != nil && x.stat != "" {
		return p.Codes.Report(ch, x.stat).Zh
	}
	if e := sms.Lookup(sms.Code(code)); string(e.Code) == code {
		return e.Zh
	}
	return code
}

// reply is a message from a handset.
type reply struct {
	sms.MO
	number               sms.MSISDN
	text                 string
	signature, extension string
}

func (p *Push) replies(ctx context.Context, tx callback.FormatTx, snap *registry.Snapshot, list []sms.Event) (out []reply, err error) {
	ids := make([]sms.ID, len(list))
	for i, e := range list {
		ids[i] = e.ObjectID
	}
	var people [][16]byte
	if err := tx.MOs(ctx, ids, func(m sms.MO) { out, people = append(out, reply{MO: m}), append(people, m.PhoneID) }); err != nil {
		return nil, err
	}
	numbers, err := openNumbers(ctx, p.Keys, tx, people)
	if err != nil {
		return nil, err
	}
	for i := range out {
		x := &out[i]
		text, err := p.Keys.Open(vault.PurposeMO, x.Text)
		if err != nil {
			return nil, err
		}
		x.number, x.text = numbers[x.PhoneID], string(text)
		if app := snap.Application[x.ApplicationID]; app != nil {
			x.signature, x.extension = signedAs(snap, x.Dest, app.PartyID)
		}
	}
	return out, nil
}

// post makes a request of JSON as the clouds write it: without the escapes of HTML.
func post(body any, took func([]byte) error) (*callback.Post, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(body); err != nil {
		return nil, err
	}
	return &callback.Post{Body: bytes.TrimSuffix(b.Bytes(), []byte("\n")), Header: map[string]string{"Content-Type": "application/json;charset=utf-8"}, Took: took}, nil
}

// aliyunPush is SmsReport, SmsUp, SignSmsReport and TemplateSmsReport.
type aliyunPush struct{ *Push }

type (
	aliyunReport struct {
		PhoneNumber string `json:"phone_number"`
		SendTime    string `json:"send_time"`
		ReportTime  string `json:"report_time"`
		Success     bool   `json:"success"`
		ErrCode     string `json:"err_code"`
		ErrMsg      string `json:"err_msg"`
		SmsSize     string `json:"sms_size"`
		BizID       string `json:"biz_id"`
		OutID       string `json:"out_id"`
	}
	aliyunUp struct {
		PhoneNumber string `json:"phone_number"`
		SendTime    string `json:"send_time"`
		Content     string `json:"content"`
		SignName    string `json:"sign_name"`
		DestCode    string `json:"dest_code"`
		SequenceID  string `json:"sequence_id"`
	}
	aliyunSignReport struct {
		SignName   string `json:"sign_name"`
		SignStatus string `json:"sign_status"`
		Reason     string `json:"reason"`
		OrderID    string `json:"orderId"`
		SignSource string `json:"sign_source"`
		SignScene  string `json:"sign_scene"`
		Remark     string `json:"remark"`
		CreateDate string `json:"create_date"`
	}
	aliyunTemplateReport struct {
		TemplateCode    string `json:"template_code"`
		TemplateName    string `json:"template_name"`
		TemplateType    string `json:"template_type"`
		TemplateContent string `json:"template_content"`
		TemplateStatus  string `json:"template_status"`
		Reason          string `json:"reason"`
		OrderID         string `json:"orderId"`
		Remark          string `json:"remark"`
		CreateDate      string `json:"create_date"`
	}
)

// What Aliyun calls things.
var (
	aliyunReviews = map[string]string{review.Waiting: "approving", review.Approved: "approved", review.Rejected: "rejected"}
	aliyunSources = map[string]string{registry.CompanyFull: "企事业单位的全称或简称", registry.CompanyShort: "企事业单位的全称或简称", registry.Trademark: "商标名的全称或简称", registry.App: "APP应用的全称或简称"}
	aliyunKinds   = map[sms.Category]string{sms.OTP: "验证码", sms.Notice: "短信通知", sms.Public: "短信通知", sms.MKT: "推广短信"}
)

func (aliyunPush) Tells(_ *sms.Webhook, e *sms.Event) bool {
	switch e.Kind {
	case kindReport:
		return final(*e)
	case kindSignature, kindTemplate: // it has no word for what was frozen or retired
		var t review.Told
		return json.Unmarshal(e.Body, &t) == nil && aliyunReviews[t.State] != ""
	}
	return e.Kind == kindMO
}

func (aliyunPush) Joins(first, e *sms.Event) bool {
	return first.Kind == e.Kind && (e.Kind == kindReport || e.Kind == kindMO)
}

func (p aliyunPush) Write(ctx context.Context, tx callback.FormatTx, _ *sms.Webhook, list []sms.Event) (*callback.Post, error) {
	snap, err := p.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	switch list[0].Kind {
	case kindReport:
		reports, err := p.reports(ctx, tx, snap, list, "用户接收成功")
		if err != nil || len(reports) == 0 {
			return nil, err
		}
		body := make([]aliyunReport, len(reports))
		for i := range reports {
			body[i] = aliyunReportOf(&reports[i])
		}
		return post(body, aliyunTook)
	case kindMO:
		replies, err := p.replies(ctx, tx, snap, list)
		if err != nil || len(replies) == 0 {
			return nil, err
		}
		body := make([]aliyunUp, len(replies))
		for i, x := range replies {
			_, subscriber, _ := spelled(x.number)
			body[i] = aliyunUp{subscriber, wall(x.ReceivedAt), x.text, x.signature, x.extension, x.ID.String()}
		}
		return post(body, aliyunTook)
	}
	return aliyunReviewed(snap, &list[0])
}

func aliyunReportOf(x *pushed) aliyunReport {
	biz, outID := bizOf(x.Ref)
	if biz == "" { // it came by another interface
		biz = x.ID.String()
	}
	_, subscriber, _ := spelled(x.number)
	delivered, _ := ended(x.State)
	return aliyunReport{
		PhoneNumber: subscriber, SendTime: wall(x.CreatedAt), ReportTime: wall(x.reported), Success: delivered, ErrCode: x.errCode(), ErrMsg: x.words,
		SmsSize: strconv.Itoa(x.Units), BizID: biz, OutID: outID,
	}
}

// aliyunReviewed tells how a review goes: one in each push.
func aliyunReviewed(snap *registry.Snapshot, e *sms.Event) (*callback.Post, error) {
	var t review.Told
	if err := json.Unmarshal(e.Body, &t); err != nil {
		return nil, err
	}
	order, state := "", aliyunReviews[t.State]
	if t.ReviewID != 0 {
		order = t.ReviewID.String()
	}
	if e.Kind == kindSignature {
		return post([]aliyunSignReport{{SignName: t.Text, SignStatus: state, Reason: t.Reason, OrderID: order, SignSource: aliyunSources[t.Source], CreateDate: wall(t.At)}}, aliyunTook)
	}
	x := aliyunTemplateReport{
		TemplateCode: aliyunTemplate + strconv.FormatInt(t.TemplateID.Short(), 10), TemplateName: t.Name, TemplateType: aliyunKinds[t.Category], TemplateStatus: state,
		Reason: t.Reason, OrderID: order, CreateDate: wall(t.At),
	}
	if v := snap.Version(t.TemplateID, t.Version); v != nil {
		x.TemplateContent, _ = aliyunContent(v.Body)
	}
	return post([]aliyunTemplateReport{x}, aliyunTook)
}

// aliyunTook looks only at whether code is a number, as Aliyun does.
func aliyunTook(answer []byte) error {
	var a struct{ Code any }
	if json.Unmarshal(answer, &a) == nil {
		if _, is := a.Code.(float64); is {
			return nil
		}
	}
	return errors.New(`the answer has no "code" that is a number: answer {"code":0,"msg":"ok"}`)
}

// tencentPush is the callbacks of status reports and of replies.
type tencentPush struct{ *Push }

type (
	tencentStatusPush struct {
		UserReceiveTime string `json:"user_receive_time"`
		NationCode      string `json:"nationcode"`
		Mobile          string `json:"mobile"`
		ReportStatus    string `json:"report_status"`
		ErrMsg          string `json:"errmsg"`
		Description     string `json:"description"`
		SID             string `json:"sid"`
		Ext             string `json:"ext"`
	}
	tencentReplyPush struct {
		Extend     string `json:"extend"`
		Mobile     string `json:"mobile"`
		NationCode string `json:"nationcode"`
		Sign       string `json:"sign"`
		Text       string `json:"text"`
		Time       int64  `json:"time"`
	}
)

func (tencentPush) Tells(_ *sms.Webhook, e *sms.Event) bool {
	return e.Kind == kindReport && final(*e) || e.Kind == kindMO
}

func (tencentPush) Joins(first, e *sms.Event) bool {
	return first.Kind == kindReport && e.Kind == kindReport
}

func (p tencentPush) Write(ctx context.Context, tx callback.FormatTx, _ *sms.Webhook, list []sms.Event) (*callback.Post, error) {
	snap, err := p.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if list[0].Kind == kindMO {
		replies, err := p.replies(ctx, tx, snap, list)
		if err != nil || len(replies) == 0 {
			return nil, err
		}
		x := &replies[0]
		country, subscriber, _ := spelled(x.number)
		return post(tencentReplyPush{x.extension, subscriber, country, x.signature, x.text, x.ReceivedAt / 1000}, tencentTook)
	}
	reports, err := p.reports(ctx, tx, snap, list, "用户短信送达成功")
	if err != nil || len(reports) == 0 {
		return nil, err
	}
	body := make([]tencentStatusPush, len(reports))
	for i := range reports {
		x := &reports[i]
		body[i] = tencentStatusPush{UserReceiveTime: wall(x.reported), ReportStatus: "FAIL", ErrMsg: x.errCode(), Description: x.words, SID: x.ID.String(), Ext: x.Ref}
		body[i].NationCode, body[i].Mobile, _ = spelled(x.number)
		if delivered, _ := ended(x.State); delivered {
			body[i].ReportStatus, body[i].ErrMsg = "SUCCESS", "DELIVRD"
		}
	}
	return post(body, tencentTook)
}

// tencentTook looks for the result 0.
func tencentTook(answer []byte) error {
	var a struct{ Result any }
	if json.Unmarshal(answer, &a) != nil || a.Result != 0.0 {
		return errors.New(`the answer has no "result" of 0: answer {"result":0,"errmsg":"OK"}`)
	}
	return nil
}
