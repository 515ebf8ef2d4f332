//lint:file-ignore SA1019 programs still call the old actions

package app

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcprofile "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// shopName is a short form of the story's customer.
const shopName = "示例商城"

var pngScan = base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\nscan of a paper"))

// must fails the test if an SDK's call did.
func must[T any](n *node) func(v T, err error) T {
	return func(v T, err error) T {
		n.t.Helper()
		if err != nil {
			n.t.Fatal(err)
		}
		return v
	}
}

// signatureID is the story's customer's signature of a text.
func (n *node) signatureID(text string) sms.ID {
	n.t.Helper()
	snap := n.registry()
	s := snap.SignatureOf(snap.Application[n.application()].PartyID, text)
	if s == nil {
		n.t.Fatalf("there is no signature %s", text)
	}
	return s.ID
}

// templateNamed is the story's customer's template with a name.
func (n *node) templateNamed(name string) *registry.Template {
	n.t.Helper()
	snap := n.registry()
	for _, t := range snap.TemplatesOf(snap.Application[n.application()].PartyID) {
		if t.Name == name {
			return t
		}
	}
	n.t.Fatalf("there is no template %s", name)
	return nil
}

// decide reviews what waits, and fails if it is not decided so.
func (n *node) decide(reviewer, path, verdict string) {
	n.t.Helper()
	if got := n.verdict(reviewer, path, verdict); got.State != verdict+"d" && got.State != verdict+"ed" {
		n.t.Fatalf("%+v", got)
	}
}

// bind gives a signature a sub-code at the story's carrier.
func (n *node) bind(admin, reviewer string, id sms.ID) {
	n.t.Helper()
	snap := n.registry()
	old := snap.SubcodesOf(n.signatureID(storySignature))[0]
	mine := n.key
	n.key = admin
	n.granted(reviewer, "subcodes", map[string]any{
		"access_code_id": old.AccessCodeID, "digits": "77", "party_id": old.PartyID, "signature_id": id, "qualification_id": snap.Signature[id].QualificationID, "contract_id": old.ContractID, "state": "active",
	})
	n.key = mine
}

// fileAt takes a step of a signature's filing.
func (n *node) fileAt(key string, id sms.ID, body map[string]any) {
	n.t.Helper()
	body["carrier"] = "mobile"
	var out struct{ Code sms.Code }
	if n.as(key, http.MethodPut, "/v1/admin/filings/"+id.String(), body, &out); out.Code != "" {
		n.t.Fatal(out.Code)
	}
}

// fileTemplate has a template's wording filed.
func (n *node) fileTemplate(admin string, id sms.ID, version int, state string) {
	n.t.Helper()
	valid := n.period()
	var out struct{ Code sms.Code }
	if n.as(admin, http.MethodPut, "/v1/admin/template-filings/"+id.String(), map[string]any{"version": version, "carrier": "mobile", "state": state, "valid_from": valid.From, "valid_to": valid.To}, &out); out.Code != "" {
		n.t.Fatal(out.Code)
	}
}

// A signature's whole life by Aliyun's SDK: applied for, rejected, mended, approved, filed,
// used, given up, and applied for again.
func TestAliyunSignature(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, _ := n.staffed()
		reader := n.aliyun(n.signing("send,read"), nil)
		client := n.aliyun(n.signing("send,read,apply"), nil)
		name := dara.String(shopName)
		create := &dysms.CreateSmsSignRequest{SignName: name, SignSource: dara.Int32(0), SignType: dara.Int32(1), Remark: dara.String("登录")}
		if got := must[*dysms.CreateSmsSignResponse](n)(reader.CreateSmsSign(create)); *got.Body.Code != "isp.RAM_PERMISSION_DENY" {
			n.t.Errorf("without the scope: %v", got.Body)
		}
		if got := must[*dysms.GetSmsSignResponse](n)(client.GetSmsSign(&dysms.GetSmsSignRequest{SignName: name})); *got.Body.Code != "isv.SMS_SIGNATURE_ILLEGAL" {
			n.t.Errorf("before it is applied for: %v", got.Body)
		}
		if got := must[*dysms.CreateSmsSignResponse](n)(client.CreateSmsSign(create)); *got.Body.Code != "OK" || *got.Body.SignName != shopName || *got.Body.OrderId == "" {
			n.t.Fatalf("%v", got.Body)
		}
		if got := must[*dysms.CreateSmsSignResponse](n)(client.CreateSmsSign(create)); *got.Body.Code != "isv.INVALID_PARAMETERS" {
			n.t.Errorf("applied for twice: %v", got.Body)
		}
		id := n.signatureID(shopName)
		seen := func(status int64, audit, reason string) *dysms.GetSmsSignResponseBody {
			n.t.Helper()
			old := must[*dysms.QuerySmsSignResponse](n)(client.QuerySmsSign(&dysms.QuerySmsSignRequest{SignName: name})).Body
			if int64(*old.SignStatus) != status || *old.Reason != reason || *old.SignName != shopName || *old.CreateDate == "" {
				n.t.Errorf("QuerySmsSign: %v", old)
			}
			list := must[*dysms.QuerySmsSignListResponse](n)(client.QuerySmsSignList(&dysms.QuerySmsSignListRequest{PageIndex: dara.Int32(2), PageSize: dara.Int32(1)})).Body
			if *list.TotalCount != 2 || *list.CurrentPage != 2 || len(list.SmsSignList) != 1 || *list.SmsSignList[0].AuditStatus != audit || *list.SmsSignList[0].Reason.RejectInfo != reason || *list.SmsSignList[0].SignName != shopName {
				n.t.Errorf("QuerySmsSignList: %v", list)
			}
			out := must[*dysms.GetSmsSignResponse](n)(client.GetSmsSign(&dysms.GetSmsSignRequest{SignName: name})).Body
			if *out.SignStatus != status || *out.SignTag != "2" || *out.QualificationId != n.registry().Signature[id].PartyID.Short() || *out.ThirdParty {
				n.t.Errorf("GetSmsSign: %v", out)
			}
			return out
		}
		if got := seen(0, "AUDIT_STATE_INIT", "无审批备注"); got.AuditInfo != nil || *got.RegisterResult != -1 || *got.SignIspRegisterDetailList[0].RegisterStatus != -2 || *got.SignIspRegisterDetailList[0].OperatorCode != "mobile" {
			n.t.Errorf("%v", got)
		}
		n.decide(reviewer, "signatures/"+id.String(), "reject")
		if got := seen(2, "AUDIT_STATE_NOT_PASS", "looked at the papers"); *got.AuditInfo.RejectInfo != "looked at the papers" || *got.AuditInfo.AuditDate == "" {
			n.t.Errorf("%v", got)
		}
		modify := &dysms.ModifySmsSignRequest{
			SignName: name, SignSource: dara.Int32(0), SignType: dara.Int32(1), Remark: dara.String("登录"),
			SignFileList: []*dysms.ModifySmsSignRequestSignFileList{{FileContents: &pngScan, FileSuffix: dara.String("png")}},
		}
		if got := must[*dysms.ModifySmsSignResponse](n)(client.ModifySmsSign(modify)); *got.Body.Code != "OK" || *got.Body.SignName != shopName {
			n.t.Fatalf("%v", got.Body)
		}
		var papers struct {
			Documents []struct{ Kind, Media string }
		}
		if n.as(n.key, http.MethodGet, "/v1/documents", nil, &papers); len(papers.Documents) != 1 || papers.Documents[0].Kind != "other" || papers.Documents[0].Media != "image/png" {
			n.t.Errorf("%+v", papers)
		}
		seen(0, "AUDIT_STATE_INIT", "无审批备注")
		n.decide(reviewer, "signatures/"+id.String(), "approve")
		seen(1, "AUDIT_STATE_PASS", "无审批备注")
		if got := must[*dysms.UpdateSmsSignResponse](n)(client.UpdateSmsSign(&dysms.UpdateSmsSignRequest{SignName: name, SignSource: dara.Int32(0)})); *got.Body.Code != "isv.ERROR_SIGN_NOT_MODIFY" {
			n.t.Errorf("%v", got.Body)
		}
		filed := func(status int32, result int32, reason, why string) {
			n.t.Helper()
			got := seen(1, "AUDIT_STATE_PASS", "无审批备注")
			x := got.SignIspRegisterDetailList[0]
			if *x.RegisterStatus != status || *got.RegisterResult != result || *x.RegisterStatusReasons[0].ReasonCode != reason || (status >= 0) != (x.OperatorCompleteTime != nil) {
				n.t.Errorf("%v", got)
			}
			if list := x.RegisterStatusReasons[0].ReasonDescList; (why == "") != (len(list) == 0) || why != "" && !strings.Contains(*list[0], why) {
				n.t.Errorf("%v", got)
			}
		}
		filed(-2, -1, "NON_REGISTER", "子端口")
		n.bind(admin, reviewer, id)
		filed(-2, -1, "NON_REGISTER", "")
		n.fileAt(admin, id, map[string]any{"state": "submitted"})
		filed(-1, -1, "REGISTERING", "")
		n.fileAt(reviewer, id, map[string]any{"state": "rejected", "reason": "name_mismatch", "note": "see the licence"})
		filed(0, 0, "SIGNATURE_QUALIFICATION_ERROR", "签名与主体名称不一致：see the licence")
		n.fileAt(admin, id, map[string]any{"state": "submitted"})
		send := func(to string) *dysms.SendSmsResponseBody {
			n.t.Helper()
			return must[*dysms.SendSmsResponse](n)(client.SendSms(&dysms.SendSmsRequest{PhoneNumbers: &to, SignName: name, TemplateCode: aliyunCode(n.storyTemplate(sms.OTP).ID), TemplateParam: dara.String(`{"code":"246810"}`)})).Body
		}
		if got := send("14200000201"); *got.Code != "isv.SIGN_STATE_ILLEGAL" {
			n.t.Errorf("sent before the carrier's answer: %v", got)
		}
		n.fileAt(reviewer, id, map[string]any{"state": "approved"})
		filed(1, 1, "DETECTING", "")
		if got := send("14200000202"); *got.Code != "OK" {
			n.t.Errorf("%v", got)
		}
		n.fileAt(reviewer, id, map[string]any{"state": "revoked", "reason": "stale"})
		filed(2, 2, "NO_SEND_RECORD", "长期未使用")

		drop := &dysms.DeleteSmsSignRequest{SignName: name}
		if got := must[*dysms.DeleteSmsSignResponse](n)(client.DeleteSmsSign(drop)); *got.Body.Code != "OK" || *got.Body.SignName != shopName {
			n.t.Fatalf("%v", got.Body)
		}
		if got := must[*dysms.DeleteSmsSignResponse](n)(client.DeleteSmsSign(drop)); *got.Body.Code != "isv.SMS_SIGNATURE_ILLEGAL" {
			n.t.Errorf("given up twice: %v", got.Body)
		}
		if got := must[*dysms.QuerySmsSignListResponse](n)(client.QuerySmsSignList(&dysms.QuerySmsSignListRequest{})); *got.Body.TotalCount != 1 {
			n.t.Errorf("%v", got.Body)
		}
		if got := send("14200000203"); *got.Code != "isv.SMS_SIGNATURE_ILLEGAL" {
			n.t.Errorf("sent after it was given up: %v", got)
		}
		add := &dysms.AddSmsSignRequest{SignName: name, SignSource: dara.Int32(0), SignType: dara.Int32(0), Remark: dara.String("again")}
		if got := must[*dysms.AddSmsSignResponse](n)(client.AddSmsSign(add)); *got.Body.Code != "OK" {
			n.t.Fatalf("%v", got.Body)
		}
		seen(0, "AUDIT_STATE_INIT", "无审批备注")
		if again := n.signatureID(shopName); again != id || n.registry().Signature[id].State != registry.Review {
			n.t.Errorf("it is another: %d", again)
		}
		var frozen reviewed
		if n.as(admin, http.MethodPut, "/v1/admin/signatures/"+id.String(), map[string]any{"party_id": n.registry().Signature[id].PartyID, "text": shopName, "source": "company_short", "state": "frozen"}, &frozen); frozen.State != "frozen" {
			n.t.Fatalf("%+v", frozen)
		}
		seen(10, "AUDIT_STATE_CANCEL", "已停用，请联系平台运营者")
		if actions := strings.Join(n.records("action", id), " "); strings.Count(actions, "apply for signature") != 3 || !strings.Contains(actions, "give up signature") {
			n.t.Errorf("%s", actions)
		}
	})
}

// A template's whole life by Aliyun's SDK.
func TestAliyunTemplate(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, _ := n.staffed()
		client := n.aliyun(n.signing("send,read,apply"), nil)
		const content = "您的登录验证码是${Code}，${min}分钟内有效，请勿告知他人。"
		create := func(content string) *dysms.CreateSmsTemplateResponseBody {
			n.t.Helper()
			return must[*dysms.CreateSmsTemplateResponse](n)(client.CreateSmsTemplate(&dysms.CreateSmsTemplateRequest{
				TemplateName: dara.String("login two"), TemplateContent: &content, TemplateType: dara.Int32(0), RelatedSignName: dara.String(storySignature),
				TemplateRule: dara.String(`{"Code":"numberCaptcha"}`), Remark: dara.String("登录"),
			})).Body
		}
		if got := create("您的${Code}"); *got.Code != "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE" || !strings.Contains(*got.Message, "TPL-05") {
			n.t.Errorf("%v", got)
		}
		before := len(n.registry().Template)
		got := create(content)
		if *got.Code != "OK" || *got.TemplateName != "login two" || *got.OrderId == "" || len(n.registry().Template) != before+1 {
			n.t.Fatalf("%v, %d of %d templates", got, len(n.registry().Template), before)
		}
		id, code := n.templateNamed("login two").ID, got.TemplateCode
		if *code != *aliyunCode(id) {
			n.t.Fatalf("%s is %s", *code, *aliyunCode(id))
		}
		shown := strings.ToLower(content)
		seen := func(status, reason string) *dysms.GetSmsTemplateResponseBody {
			n.t.Helper()
			old := must[*dysms.QuerySmsTemplateResponse](n)(client.QuerySmsTemplate(&dysms.QuerySmsTemplateRequest{TemplateCode: code})).Body
			if fmt.Sprint(*old.TemplateStatus) != status || *old.TemplateType != 0 || *old.Reason != reason || strings.ToLower(*old.TemplateContent) != shown {
				n.t.Errorf("QuerySmsTemplate: %v", old)
			}
			out := must[*dysms.GetSmsTemplateResponse](n)(client.GetSmsTemplate(&dysms.GetSmsTemplateRequest{TemplateCode: code})).Body
			if *out.TemplateStatus != status || *out.TemplateType != "0" || *out.TemplateTag != 2 || *out.VariableAttribute != `{"code":"characterWithNumber2","min":"other_number2"}` || strings.ToLower(*out.TemplateContent) != shown {
				n.t.Errorf("GetSmsTemplate: %v", out)
			}
			return out
		}
		send := func(to, params string) string {
			n.t.Helper()
			return *must[*dysms.SendSmsResponse](n)(client.SendSms(&dysms.SendSmsRequest{PhoneNumbers: &to, SignName: dara.String(storySignature), TemplateCode: code, TemplateParam: &params})).Body.Code
		}
		seen("0", "无审批备注")
		if got := send("14200000211", `{"Code":"246810","min":"5"}`); got != "isv.SMS_TEMPLATE_ILLEGAL" {
			n.t.Errorf("sent before its review: %s", got)
		}
		update := &dysms.UpdateSmsTemplateRequest{TemplateCode: code, TemplateName: dara.String("login two"), TemplateContent: dara.String(content), TemplateType: dara.Int32(0), TemplateRule: dara.String(`{"code":"numberCaptcha"}`)}
		change := func() string {
			n.t.Helper()
			return *must[*dysms.UpdateSmsTemplateResponse](n)(client.UpdateSmsTemplate(update)).Body.Code
		}
		if got := change(); got != "OK" || len(n.registry().Versions[id]) != 1 {
			n.t.Errorf("what waits is replaced: %s, %d versions", got, len(n.registry().Versions[id]))
		}
		n.decide(reviewer, "template-versions/"+id.String()+"/1", "reject")
		if got := seen("2", "looked at the papers"); *got.AuditInfo.RejectInfo != "looked at the papers" {
			n.t.Errorf("%v", got)
		}
		shown = "您的登录验证码是${code}，请在${min}分钟内输入。"
		update.TemplateContent = &shown
		if got := change(); got != "OK" || len(n.registry().Versions[id]) != 2 {
			n.t.Errorf("what was rejected stays: %s, %d versions", got, len(n.registry().Versions[id]))
		}
		update.TemplateType = dara.Int32(2)
		if got := change(); got != "isv.INVALID_PARAMETERS" {
			n.t.Errorf("another type: %s", got)
		}
		update.TemplateType = dara.Int32(0)
		seen("0", "无审批备注")
		n.decide(reviewer, "template-versions/"+id.String()+"/2", "approve")
		if got := change(); got != "isv.ERROR_TEMPLATE_NOT_MODIFY" {
			n.t.Errorf("what is approved: %s", got)
		}
		if got := seen("1", "无审批备注"); len(got.VendorAuditStatus) != 0 {
			n.t.Errorf("%v", got)
		}
		for state, want := range map[string]string{"submitted": "0", "rejected": "2", "revoked": "15", "approved": "1"} {
			n.fileTemplate(admin, id, 2, state)
			if got := seen("1", "无审批备注"); fmt.Sprint(got.VendorAuditStatus["MOBILE_VENDOR"]) != want {
				n.t.Errorf("%s: %v", state, got.VendorAuditStatus)
			}
		}
		n.fileTemplate(admin, id, 2, "approved")
		if got := send("14200000212", `{"Code":"246810","min":5}`); got != "OK" {
			n.t.Errorf("%s", got)
		}
		if got := send("14200000213", `{"Code":"246810","min":"soon"}`); got != "isv.TEMPLATE_PARAMS_ILLEGAL" {
			n.t.Errorf("%s", got)
		}
		drop := &dysms.DeleteSmsTemplateRequest{TemplateCode: code}
		if got := must[*dysms.DeleteSmsTemplateResponse](n)(client.DeleteSmsTemplate(drop)).Body; *got.Code != "OK" || *got.TemplateCode != *code {
			n.t.Errorf("%v", got)
		}
		if got := must[*dysms.DeleteSmsTemplateResponse](n)(client.DeleteSmsTemplate(drop)).Body; *got.Code != "isv.SMS_TEMPLATE_ILLEGAL" {
			n.t.Errorf("given up twice: %v", got)
		}
		if got := send("14200000214", `{"Code":"246810","min":"5"}`); got != "isv.SMS_TEMPLATE_ILLEGAL" {
			n.t.Errorf("sent after it was given up: %s", got)
		}
		if snap := n.registry(); snap.Template[id].State != registry.Closed || snap.Version(id, 2).State != registry.Retired {
			n.t.Errorf("%+v", snap.Template[id])
		}
	})
}

// The lists count types of templates in two ways, and search by them.
func TestAliyunTemplateLists(t *testing.T) {
	n := start(t, config.Default())
	client := n.aliyun(n.signing("read,apply"), nil)
	list := must[*dysms.QuerySmsTemplateListResponse](n)(client.QuerySmsTemplateList(&dysms.QuerySmsTemplateListRequest{PageSize: dara.Int32(50)})).Body
	if *list.TotalCount != 3 || len(list.SmsTemplateList) != 3 {
		t.Fatalf("%v", list)
	}
	for _, x := range list.SmsTemplateList {
		want := map[string][2]int32{"login code": {2, 0}, "shipped": {0, 1}, "member day": {1, 2}}[*x.TemplateName]
		if *x.TemplateType != want[0] || *x.OuterTemplateType != want[1] || *x.AuditStatus != "AUDIT_STATE_PASS" || *x.Reason.RejectInfo != "无审批备注" || strings.Contains(*x.TemplateContent, ":code}") {
			t.Errorf("%v", x)
		}
	}
	for _, v := range []struct {
		what  string
		in    dysms.GetSmsTemplateListRequest
		total int64
		code  string
	}{
		{"all", dysms.GetSmsTemplateListRequest{}, 3, "OK"},
		{"a type", dysms.GetSmsTemplateListRequest{TemplateType: dara.Int64(2)}, 1, "OK"},
		{"a status", dysms.GetSmsTemplateListRequest{AuditStatus: dara.Int64(0)}, 0, "OK"},
		{"a name", dysms.GetSmsTemplateListRequest{TemplateName: dara.String("login")}, 1, "OK"},
		{"a code", dysms.GetSmsTemplateListRequest{TemplateCode: aliyunCode(n.storyTemplate(sms.MKT).ID)}, 1, "OK"},
		{"a signature", dysms.GetSmsTemplateListRequest{SignName: dara.String(storySignature)}, 3, "OK"},
		{"nobody's signature", dysms.GetSmsTemplateListRequest{SignName: dara.String("别家")}, 0, "isv.SMS_SIGNATURE_ILLEGAL"},
		{"a tag", dysms.GetSmsTemplateListRequest{TemplateTag: dara.String("x")}, 0, "isv.INVALID_PARAMETERS"},
		{"a status that is none", dysms.GetSmsTemplateListRequest{AuditStatus: dara.Int64(3)}, 0, "isv.INVALID_PARAMETERS"},
	} {
		got := must[*dysms.GetSmsTemplateListResponse](n)(client.GetSmsTemplateList(&v.in)).Body
		if *got.Code != v.code || v.code == "OK" && (!*got.Success || *got.Data.Total != v.total || int64(len(got.Data.List)) != v.total) {
			t.Errorf("%s: %v", v.what, got)
		}
	}
}

// What can't be approved, or what this interface has no field for, is refused with what to do.
func TestAliyunApplicationsRefused(t *testing.T) {
	n := start(t, config.Default())
	k := n.signing("read,apply")
	client := n.aliyun(k, nil)
	const code, notice = "您的验证码是${code}。", "您的订单${no}已发出。"
	for _, v := range []struct {
		what       string
		in         dysms.CreateSmsSignRequest
		code, says string
	}{
		{"a site", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), SignSource: dara.Int32(1)}, "isv.SIGN_SOURCE_ILLEGAL", "SIG-03"},
		{"an official account", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), SignSource: dara.Int32(3)}, "isv.SIGN_SOURCE_ILLEGAL", "SIG-03"},
		{"a shop", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), SignSource: dara.Int32(4)}, "isv.SIGN_SOURCE_ILLEGAL", "SIG-03"},
		{"an app without its number", dysms.CreateSmsSignRequest{SignName: dara.String("示例"), SignSource: dara.Int32(2)}, "isv.SIGN_SOURCE_ILLEGAL", "/v1/signatures"},
		{"a trademark without its number", dysms.CreateSmsSignRequest{SignName: dara.String("示例"), SignSource: dara.Int32(5)}, "isv.SIGN_SOURCE_ILLEGAL", "/v1/signatures"},
		{"a source that is none", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), SignSource: dara.Int32(6)}, "isv.INVALID_PARAMETERS", "SignSource"},
		{"a type that is none", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), SignType: dara.Int32(2)}, "isv.INVALID_PARAMETERS", "SignType"},
		{"somebody else's", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), ThirdParty: dara.Bool(true)}, "isv.INVALID_PARAMETERS", "holder"},
		{"another's qualification", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), QualificationId: dara.Int64(5)}, "isv.INVALID_PARAMETERS", short(n.registry().Application[n.application()].PartyID)},
		{"a trademark of Aliyun's", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), SignSource: dara.Int32(5), TrademarkId: dara.Int64(5)}, "isv.INVALID_PARAMETERS", "none of this number"},
		{"uploads to Aliyun", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), MoreData: []*string{dara.String("a/b.png")}}, "isv.INVALID_PARAMETERS", "send it first"},
		{"no piece of the name", dysms.CreateSmsSignRequest{SignName: dara.String("商城示例")}, "isv.SIGN_NAME_ILLEGAL", "SIG-05"},
		{"a long one", dysms.CreateSmsSignRequest{SignName: dara.String(strings.Repeat("示", 21))}, "isv.SIGN_OVER_LIMIT", "20"},
		{"a long remark", dysms.CreateSmsSignRequest{SignName: dara.String(shopName), Remark: dara.String(strings.Repeat("示", 201))}, "isv.PARAM_LENGTH_LIMIT", "200"},
	} {
		if got := must[*dysms.CreateSmsSignResponse](n)(client.CreateSmsSign(&v.in)).Body; *got.Code != v.code || !strings.Contains(*got.Message, v.says) {
			t.Errorf("%s: %v", v.what, got)
		}
	}
	for what, v := range map[string][3]string{
		"no Base64":                    {"data:image/png;base64,AAAA", "isv.SIGN_FILE_LIMIT", shopName},
		"no scan":                      {base64.StdEncoding.EncodeToString([]byte("GIF89a")), "isv.SIGN_FILE_LIMIT", shopName},
		"a scan for what is not taken": {pngScan, "isv.SIGN_NAME_ILLEGAL", "商城示例"},
	} {
		in := &dysms.AddSmsSignRequest{SignName: &v[2], SignSource: dara.Int32(0), SignFileList: []*dysms.AddSmsSignRequestSignFileList{{FileContents: &v[0]}}}
		if got := must[*dysms.AddSmsSignResponse](n)(client.AddSmsSign(in)).Body; *got.Code != v[1] {
			t.Errorf("%s: %v", what, got)
		}
	}
	for _, v := range []struct {
		what          string
		kind          int32
		content, rule string
		code, says    string
	}{
		{"marketing without a way out", 2, "尊敬的会员，周末全场八折。", "", "isv.SMS_TEMPLATE_ILLEGAL", "OPT-01"},
		{"a notice with a way out", 1, "您的订单已发出，拒收请回复R", "", "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", "TPL-07"},
		{"a telephone in a variable", 1, notice, `{"no":"phone_number2"}`, "isv.SMS_TEMPLATE_ILLEGAL", "TPL-11"},
		{"a type that is none", 4, code, "", "isv.INVALID_PARAMETERS", "TemplateType"},
		{"a long one", 1, strings.Repeat("示", 501), "", "isv.TEMPLATE_OVER_LIMIT", "500"},
		{"a rule that is none", 0, code, `{"code":5}`, "isv.INVALID_JSON_PARAM", "TemplateRule"},
	} {
		in := &dysms.CreateSmsTemplateRequest{TemplateName: dara.String("refused"), TemplateContent: &v.content, TemplateType: &v.kind, TemplateRule: &v.rule}
		if got := must[*dysms.CreateSmsTemplateResponse](n)(client.CreateSmsTemplate(in)).Body; *got.Code != v.code || !strings.Contains(*got.Message, v.says) {
			t.Errorf("%s: %v", v.what, got)
		}
	}
	snap := n.registry()
	party := snap.Application[n.application()].PartyID
	var papers struct{ Documents []struct{ Kind string } }
	n.as(n.key, http.MethodGet, "/v1/documents", nil, &papers)
	if len(snap.SignaturesOf(party)) != 1 || len(snap.TemplatesOf(party)) != 3 || len(papers.Documents) != 0 {
		t.Errorf("what was refused is there: %d signatures, %d templates, %d papers", len(snap.SignaturesOf(party)), len(snap.TemplatesOf(party)), len(papers.Documents))
	}
}

// What the clouds have no field for, a trademark's number, stays through a change by an SDK.
func TestChangeKeepsTheProof(t *testing.T) {
	n := start(t, config.Default())
	_, reviewer, _ := n.staffed()
	var s struct{ ID sms.ID }
	n.as(n.otherKey(n.key, "apply,read"), http.MethodPost, "/v1/signatures", map[string]any{"text": "小示", "source": "trademark", "mark": "小示", "registration": "900002"}, &s)
	n.decide(reviewer, "signatures/"+s.ID.String(), "reject")
	client := n.aliyun(n.signing("read,apply"), nil)
	for _, v := range []struct {
		source int32
		code   string
	}{{0, "isv.SIGN_NAME_ILLEGAL"}, {2, "isv.SIGN_SOURCE_ILLEGAL"}, {5, "OK"}} {
		got := must[*dysms.UpdateSmsSignResponse](n)(client.UpdateSmsSign(&dysms.UpdateSmsSignRequest{SignName: dara.String("小示"), SignSource: &v.source})).Body
		if x := n.registry().Signature[s.ID]; *got.Code != v.code || x.Source != registry.Trademark || x.Registration != "900002" || x.Mark != "小示" || (x.State == registry.Review) != (v.code == "OK") {
			t.Errorf("%d: %v, %+v", v.source, got, x)
		}
	}
}

// Nobody sees, changes, uses or gives up what is another party's.
func TestForeignRegistryIsInvisible(t *testing.T) {
	n := start(t, config.Default())
	snap := n.registry()
	mine, theirs := snap.Application[n.application()], n.IDs.Next()
	other := registry.Party{ID: n.IDs.Next(), Kind: registry.Customer, ParentID: snap.Party[mine.PartyID].ParentID, Name: "另一家示例商城", USCC: "91110000000000009X", EntityType: "company", State: registry.Active, CreatedAt: 1, UpdatedAt: 1}
	other.GroupID = other.ID
	otp := n.storyTemplate(sms.OTP).ID
	code, name, id := aliyunCode(otp), dara.String(storySignature), n.signatureID(storySignature)
	n.insert(other, registry.Application{ID: theirs, PartyID: other.ID, AccountID: mine.AccountID, Name: "other", State: registry.Active, CreatedAt: 1})
	var k signing
	if status := n.as(n.adminKey(), http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": theirs, "scopes": "send,read,apply", "signs": true}, &k); status != http.StatusOK {
		t.Fatal(status)
	}
	aliyun, tencent := n.aliyun(k, nil), n.tencent(k, nil)
	if got := must[*dysms.QuerySmsTemplateResponse](n)(aliyun.QuerySmsTemplate(&dysms.QuerySmsTemplateRequest{TemplateCode: code})).Body; *got.Code != "isv.SMS_TEMPLATE_ILLEGAL" {
		t.Errorf("%v", got)
	}
	if got := must[*dysms.GetSmsTemplateResponse](n)(aliyun.GetSmsTemplate(&dysms.GetSmsTemplateRequest{TemplateCode: code})).Body; *got.Code != "isv.SMS_TEMPLATE_ILLEGAL" {
		t.Errorf("%v", got)
	}
	if got := must[*dysms.DeleteSmsTemplateResponse](n)(aliyun.DeleteSmsTemplate(&dysms.DeleteSmsTemplateRequest{TemplateCode: code})).Body; *got.Code != "isv.SMS_TEMPLATE_ILLEGAL" {
		t.Errorf("%v", got)
	}
	change := &dysms.ModifySmsTemplateRequest{TemplateCode: code, TemplateName: name, TemplateContent: dara.String("您的验证码是${code}。"), TemplateType: dara.Int32(0)}
	if got := must[*dysms.ModifySmsTemplateResponse](n)(aliyun.ModifySmsTemplate(change)).Body; *got.Code != "isv.SMS_TEMPLATE_ILLEGAL" {
		t.Errorf("%v", got)
	}
	if got := must[*dysms.QuerySmsTemplateListResponse](n)(aliyun.QuerySmsTemplateList(&dysms.QuerySmsTemplateListRequest{})).Body; *got.TotalCount != 0 {
		t.Errorf("%v", got)
	}
	if got := must[*dysms.GetSmsSignResponse](n)(aliyun.GetSmsSign(&dysms.GetSmsSignRequest{SignName: name})).Body; *got.Code != "isv.SMS_SIGNATURE_ILLEGAL" {
		t.Errorf("%v", got)
	}
	if got := must[*dysms.DeleteSmsSignResponse](n)(aliyun.DeleteSmsSign(&dysms.DeleteSmsSignRequest{SignName: name})).Body; *got.Code != "isv.SMS_SIGNATURE_ILLEGAL" {
		t.Errorf("%v", got)
	}
	list := tcsms.NewDescribeSmsTemplateListRequest()
	list.International, list.TemplateIdSet = common.Uint64Ptr(0), []*uint64{shortOf(otp)}
	if got := must[*tcsms.DescribeSmsTemplateListResponse](n)(tencent.DescribeSmsTemplateList(list)).Response.DescribeTemplateStatusSet; len(got) != 0 {
		t.Errorf("%v", got)
	}
	signs := tcsms.NewDescribeSmsSignListRequest()
	signs.International, signs.SignIdSet = common.Uint64Ptr(0), []*uint64{shortOf(id)}
	if got := must[*tcsms.DescribeSmsSignListResponse](n)(tencent.DescribeSmsSignList(signs)).Response.DescribeSignListStatusSet; len(got) != 0 {
		t.Errorf("%v", got)
	}
	drop := tcsms.NewDeleteSmsSignRequest()
	drop.SignId = shortOf(id)
	_, err := tencent.DeleteSmsSign(drop)
	if code, _ := tencentCode(err); code != "FailedOperation.SignIdNotExist" {
		t.Errorf("%v", err)
	}
	if s := n.registry().Signature[id]; s.State != registry.Approved {
		t.Errorf("%+v", s)
	}
}

// An application that is made again, because its answer was lost, is the same one: by Aliyun's
// nonce it is refused, by a key or Tencent Cloud's signature it has the first answer. A dry run
// keeps nothing.
func TestApplicationsOnce(t *testing.T) {
	everywhere(t, func(n *node) {
		k := n.signing("read,apply")
		count := func() int { n.t.Helper(); return len(n.registry().Template) }
		before := count()
		tencent := n.captured(func(endpoint string) {
			in := tcsms.NewAddSmsTemplateRequest()
			in.TemplateName, in.TemplateContent, in.SmsType, in.International = common.StringPtr("once"), common.StringPtr("您的登录验证码是{1}，请尽快输入。"), common.Uint64Ptr(3), common.Uint64Ptr(0)
			_, _ = n.tencent(k, func(p *tcprofile.ClientProfile) { p.HttpProfile.Endpoint = endpoint }).AddSmsTemplate(in)
		})
		id := regexp.MustCompile(`"TemplateId":"[0-9]+"`)
		_, first := n.resend(tencent)
		_, second := n.resend(tencent)
		if a, b := id.FindString(first), id.FindString(second); a == "" || a != b || count() != before+1 {
			n.t.Errorf("%s\n%s, %d of %d templates", first, second, count(), before)
		}
		params := map[string]string{"Action": "AddSmsTemplate", "TemplateName": "once more", "TemplateContent": "您的登录验证码是${code}，请尽快输入。", "TemplateType": "0", "Remark": "x"}
		call := func(nonce, header, value string) (string, string) {
			r := n.signedV1(k, nonce, params)
			if header != "" {
				r.Header.Set(header, value)
			}
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				n.t.Fatal(err)
			}
			defer resp.Body.Close() //nolint:errcheck // it is only read
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				n.t.Fatal(err)
			}
			return string(b), resp.Header.Get("X-Idempotent-Replay")
		}
		if got, _ := call("dry", "X-Dry-Run", "true"); !strings.Contains(got, `"OK"`) || count() != before+1 {
			n.t.Errorf("%s, %d of %d templates", got, count(), before)
		}
		code := regexp.MustCompile(`"TemplateCode":"SMS_[0-9]+"`)
		one, replayed := call("a", "X-Acs-Idempotency-Key", "template 7")
		if code.FindString(one) == "" || replayed != "" || count() != before+2 {
			n.t.Errorf("%s %q", one, replayed)
		}
		if again, replayed := call("b", "X-Acs-Idempotency-Key", "template 7"); code.FindString(again) != code.FindString(one) || replayed != "true" || count() != before+2 {
			n.t.Errorf("%s %q", again, replayed)
		}
		if again, _ := call("a", "", ""); !strings.Contains(again, "SignatureNonceUsed") || count() != before+2 {
			n.t.Errorf("%s", again)
		}
		params["TemplateName"] = "something else"
		if other, _ := call("c", "X-Acs-Idempotency-Key", "template 7"); !strings.Contains(other, "isv.INVALID_PARAMETERS") || count() != before+2 {
			n.t.Errorf("%s", other)
		}
		for nonce, action := range map[string]string{"x": "QuerySmsTemplate", "y": "GetSmsTemplate"} {
			params = map[string]string{"Action": action, "TemplateCode": *aliyunCode(n.storyTemplate(sms.OTP).ID), "Format": "XML"}
			if got, _ := call(nonce, "", ""); !strings.Contains(got, "<"+action+"Response><Code>OK</Code>") {
				n.t.Errorf("%s", got)
			}
			if got, _ := call(nonce, "", ""); !strings.Contains(got, "SignatureNonceUsed") {
				n.t.Errorf("%s", got)
			}
		}
	})
}
