package app

import (
	"errors"
	"net/http"
	"testing"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tcprofile "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// refOnce has the story's application say whether its references are keys.
func (n *node) refOnce(on bool) {
	n.t.Helper()
	a := *n.registry().Application[n.application()]
	a.RefOnce = on
	if status := n.as(n.adminKey(), http.MethodPut, "/v1/admin/applications/"+a.ID.String(), a, nil); status != http.StatusOK {
		n.t.Fatal(status)
	}
}

// Where the application has it so, a reference makes a request of an unmodified program one for
// a day: again it gets the first answer, with other contents it is refused.
func TestReferenceIsIdempotencyKey(t *testing.T) {
	everywhere(t, func(n *node) {
		k, otp := n.signing("send"), n.storyTemplate(sms.OTP)
		cloud := n.aliyun(k, nil)
		ali := func(out, code string) *dysms.SendSmsResponse {
			got, err := cloud.SendSms(&dysms.SendSmsRequest{PhoneNumbers: dara.String(member), SignName: dara.String(storySignature), TemplateCode: aliyunCode(otp.ID), TemplateParam: dara.String(`{"code":"` + code + `"}`), OutId: &out})
			if err != nil {
				n.t.Fatal(err)
			}
			return got
		}
		first := ali("order 7", "246810")
		if *first.Body.Code != "OK" {
			n.t.Fatal(first)
		}
		if again := ali("order 7", "246810"); *again.Body.Code != "isv.BUSINESS_LIMIT_CONTROL" {
			n.t.Errorf("a reference is a key without being told to: %v", again)
		}
		n.refOnce(true)
		kept := ali("order 8", "246810") // too soon, and this is the answer that stays
		for range 2 {
			again := ali("order 8", "246810")
			if *kept.Body.Code != "isv.BUSINESS_LIMIT_CONTROL" || *again.Body.Message != *kept.Body.Message || dara.StringValue(again.Headers["x-idempotent-replay"]) != "true" {
				n.t.Errorf("%v %v", kept, again)
			}
		}
		if other := ali("order 8", "135790"); *other.Body.Code != "isv.INVALID_PARAMETERS" {
			n.t.Errorf("%v", other)
		}
		n.tencentOnce(k)
	})
}

func (n *node) tencentOnce(k signing) {
	n.t.Helper()
	for name, set := range map[string]func(*tcprofile.ClientProfile){
		"TC3":        nil,
		"by GET":     func(p *tcprofile.ClientProfile) { p.HttpProfile.ReqMethod = "GET" },
		"HmacSHA256": func(p *tcprofile.ClientProfile) { p.SignMethod = "HmacSHA256" },
	} {
		to := map[string]string{"TC3": "14200000081", "by GET": "14200000082", "HmacSHA256": "14200000083"}[name]
		send := func(ctx, code string) (*tcsms.SendStatus, error) {
			in := tcsms.NewSendSmsRequest()
			in.PhoneNumberSet, in.TemplateId, in.SignName = common.StringPtrs([]string{to}), common.StringPtr(short(n.storyTemplate(sms.OTP).ID)), common.StringPtr(storySignature)
			in.TemplateParamSet, in.SessionContext = common.StringPtrs([]string{code}), &ctx
			out, err := n.tencent(k, set).SendSms(in)
			if err != nil {
				return nil, err
			}
			return out.Response.SendStatusSet[0], nil
		}
		first, err := send("ctx "+name, "246810")
		if err != nil || *first.Code != "Ok" {
			n.t.Fatalf("%s: %v %v", name, first, err)
		}
		if again, err := send("ctx "+name, "246810"); err != nil || *again.Code != "Ok" || *again.SerialNo != *first.SerialNo {
			n.t.Errorf("%s: %v %v", name, again, err)
		}
		var fault *tcerrors.TencentCloudSDKError
		if _, err := send("ctx "+name, "135790"); !errors.As(err, &fault) || fault.Code != "InvalidParameter" {
			n.t.Errorf("%s: %v", name, err)
		}
		if other, err := send("ctx 2 "+name, "135790"); err != nil || *other.Code != "LimitExceeded.PhoneNumberThirtySecondLimit" {
			n.t.Errorf("%s: %v %v", name, other, err)
		}
	}
}
