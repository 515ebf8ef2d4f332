package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// receiver is a customer's server for webhooks of one format.
type receiver struct {
	n     *node
	id    sms.ID
	calls chan *http.Request // as they came, with their bodies read into Form["body"]
}

// receive registers a webhook and answers its calls, one after the other, with the answers; the
// last one is repeated.
func (n *node) receive(format, kinds string, answers ...string) *receiver {
	n.t.Helper()
	r := &receiver{n: n, calls: make(chan *http.Request, 100)}
	secret := make(chan string, 1)
	known := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			n.t.Error(err)
		}
		if known == "" {
			known = <-secret
		}
		at := int64(0)
		if _, err := fmt.Sscanf(req.Header.Get("X-Signature"), "t=%d,", &at); err != nil || callback.Sign(known, at, body) != req.Header.Get("X-Signature") {
			n.t.Errorf("the signature is %s", req.Header.Get("X-Signature"))
		}
		req.Form = map[string][]string{"body": {string(body)}}
		r.calls <- req
		fmt.Fprint(w, answers[0])
		if len(answers) > 1 {
			answers = answers[1:]
		}
	}))
	n.t.Cleanup(srv.Close)
	var hook struct {
		ID     sms.ID
		Secret string
		Format string
	}
	if status := n.do(http.MethodPut, "/v1/webhooks/new", map[string]any{"url": srv.URL + "/in?a=1", "format": format, "kinds": kinds}, &hook); status != http.StatusOK || hook.Format != format {
		n.t.Fatal(status, hook)
	}
	r.id = hook.ID
	secret <- hook.Secret
	return r
}

// next is the body of the next call.
func (r *receiver) next() string {
	r.n.t.Helper()
	return nextCall(r.n, r.calls).Form.Get("body")
}

// nextCall is the next one; a test ends when none comes.
func nextCall[T any](n *node, calls <-chan T) (call T) {
	n.t.Helper()
	select {
	case call = <-calls:
	case <-time.After(60 * time.Second):
		n.t.Fatal("nobody called")
	}
	return call
}

// likens compares a body with what is wanted, where <time> stands for any time of day.
func (r *receiver) likens(got, want string) {
	r.n.t.Helper()
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), "<time>", `20\d\d-\d\d-\d\d \d\d:\d\d:\d\d`)
	if !regexp.MustCompile(`\A` + pattern + `\z`).MatchString(got) {
		r.n.t.Errorf("it got  %s\nwants  %s", got, want)
	}
}

// states are those of the delivery log, newest first.
func (r *receiver) states() (out []string) {
	var log struct{ Deliveries []sms.WebhookDelivery }
	r.n.do(http.MethodGet, "/v1/webhooks/"+r.id.String()+"/deliveries", nil, &log)
	for _, d := range log.Deliveries {
		out = append(out, d.State+" "+d.Error)
	}
	return out
}

func withWebhooks() config.Config {
	cfg := config.Default()
	cfg.Webhook.Private = true
	return cfg
}

// A receiver that was written for Aliyun's callbacks gets what they bring, with the ids that
// SendSms answered and took; what it does not answer as Aliyun wants comes again.
func TestAliyunCallbacks(t *testing.T) {
	everywhereWith(t, withWebhooks(), func(n *node) {
		reports, ups := n.receive("aliyun", "report", `{"msg":"no code"}`, `{"code":"0"}`, `{"code":0,"msg":"成功"}`), n.receive("aliyun", "mo", `{"code":0}`)
		client := n.aliyun(n.signing("send,read"), nil)
		otp := n.storyTemplate(sms.OTP)
		out, err := client.SendSms(&dysms.SendSmsRequest{PhoneNumbers: dara.String(member), SignName: dara.String(storySignature), TemplateCode: aliyunCode(otp.ID), TemplateParam: dara.String(`{"code":"246810"}`), OutId: dara.String("o<7>"), SmsUpExtendCode: dara.String("9")})
		if err != nil || *out.Body.Code != "OK" {
			n.t.Fatal(out, err)
		}
		want := `[{"phone_number":"` + member + `","send_time":"<time>","report_time":"<time>","success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"1","biz_id":"` + *out.Body.BizId + `","out_id":"o<7>"}]`
		for range 3 { // the first two answers do not count
			reports.likens(reports.next(), want)
		}
		n.wait("the log has all three", func() bool {
			s := reports.states()
			return len(s) == 3 && s[0] == "delivered " && strings.HasPrefix(s[1], "failed the answer has no") && strings.HasPrefix(s[2], "failed the answer has no")
		})
		if err := n.carrier.SendMO(n.t.Context(), member, storyCode+storyDigits+"9", `你好 & "再见"`); err != nil {
			n.t.Fatal(err)
		}
		got := ups.next()
		ups.likens(regexp.MustCompile(`"sequence_id":"\d+"`).ReplaceAllString(got, `"sequence_id":"1"`),
			`[{"phone_number":"`+member+`","send_time":"<time>","content":"你好 & \"再见\"","sign_name":"`+storySignature+`","dest_code":"9","sequence_id":"1"}]`)
	})
}

// What becomes of signatures and templates is told: in the feed, and in Aliyun's words.
func TestReviewsAreTold(t *testing.T) {
	n := start(t, withWebhooks())
	r := n.receive("aliyun", "signature,template", `{"code":0}`)
	admin, reviewer, _ := n.staffed()
	key := n.otherKey(n.key, "apply,read")
	var s struct{ Review struct{ ID sms.ID } }
	if status := n.as(key, http.MethodPost, "/v1/signatures", map[string]any{"text": "小示", "source": "trademark", "mark": "小示", "registration": "900002"}, &s); status != http.StatusOK {
		t.Fatal(status)
	}
	r.likens(r.next(), `[{"sign_name":"小示","sign_status":"approving","reason":"","orderId":"`+s.Review.ID.String()+`","sign_source":"商标名的全称或简称","sign_scene":"","remark":"","create_date":"<time>"}]`)
	id := n.registry().SignatureOf(n.registry().Application[n.application()].PartyID, "小示").ID
	n.verdict(reviewer, "signatures/"+id.String(), "reject")
	r.likens(r.next(), `[{"sign_name":"小示","sign_status":"rejected","reason":"looked at the papers","orderId":"`+s.Review.ID.String()+`","sign_source":"商标名的全称或简称","sign_scene":"","remark":"","create_date":"<time>"}]`)
	var x struct {
		ID       sms.ID
		Versions []struct{ Review struct{ ID sms.ID } }
	}
	if status := n.as(key, http.MethodPost, "/v1/templates", map[string]any{"category": "NOTICE", "name": "发货", "body": "您的订单${order:digits}已发货。"}, &x); status != http.StatusOK {
		t.Fatal(status)
	}
	template := func(state, reason string) string {
		return `[{"template_code":"SMS_` + short(x.ID) + `","template_name":"发货","template_type":"短信通知","template_content":"您的订单${order}已发货。","template_status":"` + state + `","reason":"` + reason + `","orderId":"` + x.Versions[0].Review.ID.String() + `","remark":"","create_date":"<time>"}]`
	}
	r.likens(r.next(), template("approving", ""))
	n.verdict(reviewer, "template-versions/"+x.ID.String()+"/1", "approve")
	r.likens(r.next(), template("approved", "looked at the papers"))
	if status := n.as(admin, http.MethodPut, "/v1/admin/template-versions/"+x.ID.String(), map[string]any{"version": 1, "body": "您的订单${order:digits}已发货。", "state": "retired"}, nil); status != http.StatusOK {
		t.Fatal(status)
	}
	var feed struct {
		Events []struct {
			Kind string
			Body json.RawMessage
		}
	}
	n.do(http.MethodGet, "/v1/events?limit=100", nil, &feed)
	var told []string
	for _, e := range feed.Events {
		var b struct{ Text, Name, State string }
		if err := json.Unmarshal(e.Body, &b); err != nil {
			t.Fatal(err)
		}
		told = append(told, e.Kind+" "+b.Text+b.Name+" "+b.State)
	}
	if got := strings.Join(told, ", "); got != "signature 小示 waiting, signature 小示 rejected, template 发货 waiting, template 发货 approved, template 发货 retired" {
		t.Error(got)
	}
}

// The same for Tencent Cloud's: reports in an array, replies one by one.
func TestTencentCallbacks(t *testing.T) {
	everywhereWith(t, withWebhooks(), func(n *node) {
		r := n.receive("tencent", "", `{"result":1,"errmsg":"busy"}`, `{"result":0,"errmsg":"OK"}`)
		client := n.tencent(n.signing("send,read"), nil)
		in := tcsms.NewSendSmsRequest()
		in.PhoneNumberSet, in.TemplateId, in.SignName = common.StringPtrs([]string{"+86" + member}), common.StringPtr(short(n.storyTemplate(sms.OTP).ID)), common.StringPtr(storySignature)
		in.TemplateParamSet, in.SessionContext = common.StringPtrs([]string{"246810"}), common.StringPtr("ctx <7>")
		out, err := client.SendSms(in)
		if err != nil || *out.Response.SendStatusSet[0].Code != "Ok" {
			n.t.Fatal(out, err)
		}
		for range 2 { // the result 1 asks for it again
			r.likens(r.next(), `[{"user_receive_time":"<time>","nationcode":"86","mobile":"`+member+`","report_status":"SUCCESS","errmsg":"DELIVRD","description":"用户短信送达成功","sid":"`+*out.Response.SendStatusSet[0].SerialNo+`","ext":"ctx <7>"}]`)
		}
		for _, text := range []string{"你好", "再见"} {
			if err := n.carrier.SendMO(n.t.Context(), member, storyCode+storyDigits, text); err != nil {
				n.t.Fatal(err)
			}
			got := r.next()
			r.likens(regexp.MustCompile(`"time":\d{10}`).ReplaceAllString(got, `"time":1`), `{"extend":"","mobile":"`+member+`","nationcode":"86","sign":"`+storySignature+`","text":"`+text+`","time":1}`)
		}
	})
}
