package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// tencentCode is the code of an SDK's error, and its message.
func tencentCode(err error) (code, message string) {
	var fault *tcerrors.TencentCloudSDKError
	if errors.As(err, &fault) {
		return fault.Code, fault.Message
	}
	return "", ""
}

func shortOf(id sms.ID) *uint64 { return common.Uint64Ptr(uint64(id.Short())) }

// A signature's whole life by Tencent Cloud's SDK.
func TestTencentSignature(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, _ := n.staffed()
		client := n.tencent(n.signing("send,read,apply"), nil)
		add := tcsms.NewAddSmsSignRequest()
		add.SignName, add.SignType, add.DocumentType, add.International, add.SignPurpose = common.StringPtr(shopName), common.Uint64Ptr(0), common.Uint64Ptr(1), common.Uint64Ptr(0), common.Uint64Ptr(0)
		add.ProofImage, add.QualificationId = &pngScan, shortOf(n.registry().Application[n.application()].PartyID)
		_, err := n.tencent(n.signing("send,read"), nil).AddSmsSign(add)
		if code, _ := tencentCode(err); code != "UnauthorizedOperation.RequestPermissionDeny" {
			n.t.Errorf("without the scope: %v", err)
		}
		got := must[*tcsms.AddSmsSignResponse](n)(client.AddSmsSign(add))
		id := n.signatureID(shopName)
		if *got.Response.AddSignStatus.SignId != *shortOf(id) {
			n.t.Fatalf("%d, want %d", *got.Response.AddSignStatus.SignId, *shortOf(id))
		}
		var papers struct{ Documents []struct{ Kind string } }
		if n.as(n.key, http.MethodGet, "/v1/documents", nil, &papers); len(papers.Documents) != 1 || papers.Documents[0].Kind != "business_licence" {
			n.t.Errorf("%+v", papers)
		}
		seen := func(status int64, says string) {
			n.t.Helper()
			in := tcsms.NewDescribeSmsSignListRequest()
			in.SignIdSet, in.International = []*uint64{shortOf(id), common.Uint64Ptr(7)}, common.Uint64Ptr(0)
			list := must[*tcsms.DescribeSmsSignListResponse](n)(client.DescribeSmsSignList(in)).Response.DescribeSignListStatusSet
			if len(list) != 1 || *list[0].SignId != *shortOf(id) || *list[0].StatusCode != status || !strings.Contains(*list[0].ReviewReply, says) || *list[0].SignName != shopName || *list[0].QualificationStatusCode != 1 || *list[0].CreateTime == 0 {
				n.t.Errorf("%s", must[string](n)(jsonOf(list)))
			}
		}
		seen(1, "")
		again := func() string { _, err := client.AddSmsSign(add); code, _ := tencentCode(err); return code }
		add.Remark = common.StringPtr("another request")
		if code := again(); code != "InvalidParameterValue.SignExistAndUnapproved" {
			n.t.Errorf("applied for twice: %s", code)
		}
		n.decide(reviewer, "signatures/"+id.String(), "reject")
		seen(-1, "looked at the papers")
		modify := tcsms.NewModifySmsSignRequest()
		modify.SignId, modify.SignName, modify.SignType, modify.DocumentType, modify.International, modify.SignPurpose, modify.ProofImage = shortOf(id), add.SignName, add.SignType, add.DocumentType, add.International, add.SignPurpose, &pngScan
		change := func() string { _, err := client.ModifySmsSign(modify); code, _ := tencentCode(err); return code }
		if code := change(); code != "" {
			n.t.Fatal(code)
		}
		if n.as(n.key, http.MethodGet, "/v1/documents", nil, &papers); len(papers.Documents) != 1 {
			n.t.Errorf("the same paper is kept twice: %+v", papers)
		}
		seen(1, "")
		n.decide(reviewer, "signatures/"+id.String(), "approve")
		seen(2, "中国移动未报备")
		modify.Remark = common.StringPtr("another request")
		if code := change(); code != "InvalidParameterValue.SignAlreadyPassedCheck" {
			n.t.Errorf("what is approved: %s", code)
		}
		add.Remark = common.StringPtr("a third request")
		if code := again(); code != "InvalidParameterValue.SignAlreadyPassedCheck" {
			n.t.Errorf("applied for again: %s", code)
		}
		n.bind(admin, reviewer, id)
		n.fileAt(admin, id, map[string]any{"state": "submitted"})
		seen(2, "中国移动报备中")
		n.fileAt(reviewer, id, map[string]any{"state": "approved"})
		seen(0, "中国移动已报备")
		send := tcsms.NewSendSmsRequest()
		send.PhoneNumberSet, send.TemplateId, send.SignName, send.TemplateParamSet = common.StringPtrs([]string{"14200000221"}), common.StringPtr(short(n.storyTemplate(sms.OTP).ID)), add.SignName, common.StringPtrs([]string{"246810"})
		if got := must[*tcsms.SendSmsResponse](n)(client.SendSms(send)).Response.SendStatusSet[0]; *got.Code != "Ok" {
			n.t.Errorf("%s %s", *got.Code, *got.Message)
		}
		drop := tcsms.NewDeleteSmsSignRequest()
		drop.SignId = shortOf(id)
		if got := must[*tcsms.DeleteSmsSignResponse](n)(client.DeleteSmsSign(drop)).Response.DeleteSignStatus; *got.DeleteTime == 0 || *got.DeleteStatus != "return successfully!" {
			n.t.Errorf("%+v", got)
		}
		modify.SignName = common.StringPtr("示例")
		if code := change(); code != "FailedOperation.SignIdNotExist" {
			n.t.Errorf("what was given up: %s", code)
		}
		if n.registry().Signature[id].State != registry.Retired {
			n.t.Errorf("%+v", n.registry().Signature[id])
		}
	})
}

// A template's whole life by Tencent Cloud's SDK: {1} takes the first value, whatever it is called here.
func TestTencentTemplate(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, _ := n.staffed()
		client := n.tencent(n.signing("send,read,apply"), nil)
		add := tcsms.NewAddSmsTemplateRequest()
		add.TemplateName, add.TemplateContent, add.SmsType, add.International = common.StringPtr("login two"), common.StringPtr("您的登录验证码是{1}，{2}分钟内有效，请勿告知他人。"), common.Uint64Ptr(3), common.Uint64Ptr(0)
		got := must[*tcsms.AddSmsTemplateResponse](n)(client.AddSmsTemplate(add))
		id := n.templateNamed("login two").ID
		if *got.Response.AddTemplateStatus.TemplateId != short(id) {
			n.t.Fatalf("%s", *got.Response.AddTemplateStatus.TemplateId)
		}
		if v := n.registry().Version(id, 1); v.Body != "您的登录验证码是${p1:code}，${p2:digits}分钟内有效，请勿告知他人。" {
			n.t.Errorf("%s", v.Body)
		}
		content := *add.TemplateContent
		seen := func(status int64, reply string) {
			n.t.Helper()
			in := tcsms.NewDescribeSmsTemplateListRequest()
			in.TemplateIdSet, in.International = []*uint64{shortOf(id)}, common.Uint64Ptr(0)
			list := must[*tcsms.DescribeSmsTemplateListResponse](n)(client.DescribeSmsTemplateList(in)).Response.DescribeTemplateStatusSet
			if len(list) != 1 || *list[0].TemplateId != *shortOf(id) || *list[0].StatusCode != status || *list[0].ReviewReply != reply || *list[0].TemplateContent != content || *list[0].International != 3 {
				n.t.Errorf("%s", must[string](n)(jsonOf(list)))
			}
		}
		seen(1, "")
		n.decide(reviewer, "template-versions/"+id.String()+"/1", "reject")
		seen(-1, "looked at the papers")
		content = "您的登录验证码是{1}，请在{2}分钟内输入。"
		modify := tcsms.NewModifySmsTemplateRequest()
		modify.TemplateId, modify.TemplateName, modify.TemplateContent, modify.SmsType, modify.International = shortOf(id), add.TemplateName, &content, add.SmsType, add.International
		change := func() string { _, err := client.ModifySmsTemplate(modify); code, _ := tencentCode(err); return code }
		if code := change(); code != "" {
			n.t.Fatal(code)
		}
		seen(1, "")
		n.decide(reviewer, "template-versions/"+id.String()+"/2", "approve")
		seen(2, "") // no carrier has it yet
		modify.Remark = common.StringPtr("another request")
		if code := change(); code != "FailedOperation.TemplateAlreadyPassedCheck" {
			n.t.Errorf("what is approved: %s", code)
		}
		n.fileTemplate(admin, id, 2, "approved")
		seen(0, "")
		send := tcsms.NewSendSmsRequest()
		send.PhoneNumberSet, send.TemplateId, send.SignName, send.TemplateParamSet = common.StringPtrs([]string{"14200000231"}), common.StringPtr(short(id)), common.StringPtr(storySignature), common.StringPtrs([]string{"246810", "5"})
		if got := must[*tcsms.SendSmsResponse](n)(client.SendSms(send)).Response.SendStatusSet[0]; *got.Code != "Ok" {
			n.t.Errorf("%s %s", *got.Code, *got.Message)
		}
		drop := tcsms.NewDeleteSmsTemplateRequest()
		drop.TemplateId = shortOf(id)
		if got := must[*tcsms.DeleteSmsTemplateResponse](n)(client.DeleteSmsTemplate(drop)).Response.DeleteTemplateStatus; *got.DeleteTime == 0 {
			n.t.Errorf("%+v", got)
		}
		modify.Remark = common.StringPtr("a third request")
		if code := change(); code != "FailedOperation.TemplateIdNotExist" {
			n.t.Errorf("what was given up: %s", code)
		}
		list := tcsms.NewDescribeSmsTemplateListRequest()
		list.International, list.Limit, list.Offset = common.Uint64Ptr(1), common.Uint64Ptr(2), common.Uint64Ptr(1)
		if got := must[*tcsms.DescribeSmsTemplateListResponse](n)(client.DescribeSmsTemplateList(list)).Response.DescribeTemplateStatusSet; len(got) != 2 || *got[0].StatusCode != 0 {
			n.t.Errorf("%s", must[string](n)(jsonOf(got)))
		}
	})
}

func jsonOf(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// Each wrong value has Tencent Cloud's own code.
func TestTencentApplicationsRefused(t *testing.T) {
	n := start(t, config.Default())
	client := n.tencent(n.signing("read,apply"), nil)
	for _, v := range []struct {
		what                              string
		kind, paper, international, whose uint64
		code, says                        string
	}{
		{"a site", 2, 0, 0, 0, "FailedOperation.SignatureIncorrectOrUnapproved", "SIG-03"},
		{"an official account", 3, 0, 0, 0, "FailedOperation.SignatureIncorrectOrUnapproved", "SIG-03"},
		{"a mini program", 6, 0, 0, 0, "FailedOperation.SignatureIncorrectOrUnapproved", "SIG-03"},
		{"an app without its number", 1, 4, 0, 0, "FailedOperation.SignatureIncorrectOrUnapproved", "registration"},
		{"a trademark without its number", 4, 7, 0, 0, "FailedOperation.SignatureIncorrectOrUnapproved", "registration"},
		{"an organ that is none", 5, 3, 0, 0, "InvalidParameter", "company"},
		{"a type that is none", 9, 0, 0, 0, "InvalidParameter", "SignType"},
		{"another paper", 0, 7, 0, 0, "InvalidParameterValue.InvalidDocumentType", "DocumentType"},
		{"another place", 0, 0, 2, 0, "InvalidParameterValue.InvalidInternational", "International"},
		{"another purpose", 0, 0, 0, 2, "InvalidParameterValue.InvalidSignPurpose", "SignPurpose"},
		{"somebody else's", 0, 0, 0, 1, "InvalidParameterValue.InvalidSignPurpose", "holder"},
	} {
		in := tcsms.NewAddSmsSignRequest()
		in.SignName, in.SignType, in.DocumentType, in.International, in.SignPurpose = common.StringPtr(shopName), &v.kind, &v.paper, &v.international, &v.whose
		_, err := client.AddSmsSign(in)
		if code, says := tencentCode(err); code != v.code || !strings.Contains(says, v.says) {
			t.Errorf("%s: %v", v.what, err)
		}
	}
	in := tcsms.NewAddSmsSignRequest()
	in.SignName, in.SignType, in.DocumentType, in.International, in.SignPurpose = common.StringPtr(shopName), common.Uint64Ptr(0), common.Uint64Ptr(0), common.Uint64Ptr(0), common.Uint64Ptr(0)
	for _, v := range []struct {
		what, image, name string
		qualification     uint64
		code              string
	}{
		{"no picture", "AAAA", shopName, 0, "InvalidParameterValue.ImageInvalid"},
		{"a long name", "", strings.Repeat("示", 21), 0, "InvalidParameterValue.SignNameLengthTooLong"},
		{"another's qualification", "", shopName, 5, "InvalidParameterValue.QualificationIdNotFound"},
		{"no piece of the name", "", "商城示例", 0, "FailedOperation.SignatureIncorrectOrUnapproved"},
	} {
		in.ProofImage, in.SignName, in.QualificationId = &v.image, &v.name, &v.qualification
		_, err := client.AddSmsSign(in)
		if code, _ := tencentCode(err); code != v.code {
			t.Errorf("%s: %v", v.what, err)
		}
	}
	for _, v := range []struct {
		what, content string
		kind          uint64
		code, says    string
	}{
		{"marketing without a way out", "尊敬的会员，周末全场八折。", 1, "InvalidParameterValue.MarketingTemplateWithoutUnsubscribe", "OPT-01"},
		{"a notice with a way out", "您的订单已发出，拒收请回复R", 2, "InvalidParameterValue.InvalidTemplateFormat", "TPL-07"},
		{"a type that is none", "您的订单已发出。", 0, "InvalidParameterValue.InvalidSmsType", "SmsType"},
		{"variables in another order", "您的订单{2}已由{1}发出。", 2, "InvalidParameterValue.InvalidTemplateFormat", "{1}"},
		{"a named variable", "您的订单${no}已发出。", 2, "InvalidParameterValue.InvalidTemplateFormat", "{1}"},
		{"a long one", strings.Repeat("示", 501), 2, "InvalidParameterValue.ContentLengthLimit", "500"},
	} {
		in := tcsms.NewAddSmsTemplateRequest()
		in.TemplateName, in.TemplateContent, in.SmsType, in.International = common.StringPtr("refused"), &v.content, &v.kind, common.Uint64Ptr(0)
		_, err := client.AddSmsTemplate(in)
		if code, says := tencentCode(err); code != v.code || !strings.Contains(says, v.says) {
			t.Errorf("%s: %v", v.what, err)
		}
	}
	list := tcsms.NewDescribeSmsTemplateListRequest()
	list.International, list.Limit = common.Uint64Ptr(0), common.Uint64Ptr(101)
	_, err := client.DescribeSmsTemplateList(list)
	if code, _ := tencentCode(err); code != "InvalidParameterValue.LimitVerifyFail" {
		t.Errorf("%v", err)
	}
	if snap := n.registry(); len(snap.SignaturesOf(snap.Application[n.application()].PartyID)) != 1 || len(snap.Template) != 3 {
		t.Error("what was refused is there")
	}
}
