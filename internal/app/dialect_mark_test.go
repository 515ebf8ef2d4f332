package app

import (
	"fmt"
	"net/http"
	"testing"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// A trademark or an app that was told of is what a signature rests on: its number, its name and
// whose it is.
func TestAliyunMarks(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, _ := n.staffed()
		others := n.aliyun(n.signing("apply,read"), nil)
		party, k := n.newcomer(admin, reviewer, "示例甲商城", "91110000000000007A")
		client := n.aliyun(k, nil)
		f := n.formOf(client)
		trademark := &dysms.CreateSmsTrademarkRequest{
			TrademarkName: dara.String("示例甲"), TrademarkRegistrationNumber: dara.String("766905"), TrademarkApplicantName: dara.String("示例甲商城"),
			TrademarkEffExpDate: dara.String("2010-12-14~2099-12-13"), TrademarkPic: dara.String(f.path + "/mark.png"),
		}
		_, err := client.CreateSmsTrademark(trademark)
		n.thrown("before its picture came", err, "TrademarkOssFileNotUploadError")
		n.picture(f, "mark.png")
		number := func(got *string) *int64 {
			n.t.Helper()
			var id int64
			if _, err := fmt.Sscan(dara.StringValue(got), &id); err != nil || id == 0 {
				n.t.Fatalf("%q: %v", dara.StringValue(got), err)
			}
			return &id
		}
		mark := number(must[*dysms.CreateSmsTrademarkResponse](n)(client.CreateSmsTrademark(trademark)).Body.Data)
		foreign := *trademark
		foreign.TrademarkName, foreign.TrademarkRegistrationNumber, foreign.TrademarkApplicantName = dara.String("别家牌"), dara.String("766906"), dara.String("示例别家")
		foreign.TrademarkPic = n.picture(f, "foreign.png")
		theirs := number(must[*dysms.CreateSmsTrademarkResponse](n)(client.CreateSmsTrademark(&foreign)).Body.Data)
		app := number(must[*dysms.CreateSmsAppIcpRecordResponse](n)(client.CreateSmsAppIcpRecord(&dysms.CreateSmsAppIcpRecordRequest{
			AppServiceName: dara.String("示例应用"), AppIcpLicenseNumber: dara.String("京ICP备00000001号-1A"), AppPrincipalUnitName: dara.String("示例甲商城"), AppApprovalDate: dara.String("2025-05-22"),
			Domain: dara.String("https://apps.example.com/1"), AppIcpRecordPic: n.picture(f, "icp.png"),
		})).Body.Data)
		seen := must[*dysms.QuerySmsTrademarkResponse](n)(client.QuerySmsTrademark(&dysms.QuerySmsTrademarkRequest{TrademarkIdList: []*int64{mark, app, dara.Int64(7)}})).Body
		if len(seen.Data) != 1 || *seen.Data[0].TrademarkId != *mark || *seen.Data[0].TrademarkEffExpDate != "2010-12-14~2099-12-13" || *seen.Data[0].TrademarkPic != *trademark.TrademarkPic {
			n.t.Errorf("%v", seen)
		}
		apps := must[*dysms.QuerySmsAppIcpRecordResponse](n)(client.QuerySmsAppIcpRecord(&dysms.QuerySmsAppIcpRecordRequest{AppIcpRecordIdList: []*int64{app}})).Body
		if len(apps.Data) != 1 || *apps.Data[0].AppApprovalDate != "2025-05-22" || *apps.Data[0].Domain != "https://apps.example.com/1" {
			n.t.Errorf("%v", apps)
		}
		if got := must[*dysms.QuerySmsTrademarkResponse](n)(others.QuerySmsTrademark(&dysms.QuerySmsTrademarkRequest{TrademarkIdList: []*int64{mark}})).Body; len(got.Data) != 0 {
			n.t.Errorf("another's: %v", got)
		}
		sign := func(c *dysms.Client, name string, change func(x *dysms.CreateSmsSignRequest)) string {
			n.t.Helper()
			x := &dysms.CreateSmsSignRequest{SignName: &name, SignSource: dara.Int32(5), ThirdParty: dara.Bool(false)}
			change(x)
			return *must[*dysms.CreateSmsSignResponse](n)(c.CreateSmsSign(x)).Body.Code
		}
		for why, got := range map[string]string{
			"another's number":      sign(others, "示例甲", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId = mark }),
			"an app as a trademark": sign(client, "示例应用", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId = app }),
			"of another source":     sign(client, "示例甲", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId, x.SignSource = mark, dara.Int32(0) }),
			"somebody else's":       sign(client, "别家牌", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId = theirs }),
			"no file":               sign(client, "示例甲", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId, x.MoreData = mark, []*string{dara.String("x")} }),
		} {
			if got != "isv.INVALID_PARAMETERS" {
				n.t.Errorf("%s: %s", why, got)
			}
		}
		more := n.picture(f, "more.png")
		if got := sign(client, "示例甲", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId, x.MoreData = mark, []*string{more} }); got != "OK" {
			n.t.Fatal(got)
		}
		if got := sign(client, "示例应用", func(x *dysms.CreateSmsSignRequest) { x.AppIcpRecordId, x.SignSource = app, dara.Int32(2) }); got != "OK" {
			n.t.Fatal(got)
		}
		if got := sign(client, "别家牌", func(x *dysms.CreateSmsSignRequest) { x.TrademarkId, x.ThirdParty = theirs, dara.Bool(true) }); got != "isv.SIGN_NAME_ILLEGAL" {
			n.t.Errorf("somebody else's, without a letter (SIG-06): %s", got)
		}
		if s := n.registry().SignatureOf(party, "示例甲"); s.Source != registry.Trademark || s.Mark != "示例甲" || s.Registration != "766905" || s.Holder != "" {
			n.t.Errorf("%+v", s)
		}
		n.decide(reviewer, "signatures/"+n.registry().SignatureOf(party, "示例甲").ID.String(), "approve")
		if got := must[*dysms.GetSmsSignResponse](n)(client.GetSmsSign(&dysms.GetSmsSignRequest{SignName: dara.String("示例甲")})).Body; *got.SignStatus != 1 || *got.TrademarkId != *mark || got.AppIcpRecordId != nil {
			n.t.Errorf("%v", got)
		}
		worded := &dysms.CreateSmsTemplateRequest{
			TemplateName: dara.String("login"), TemplateContent: dara.String("您的登录验证码是${code}，5分钟内有效，请勿告知他人。"), TemplateType: dara.Int32(0), TemplateRule: dara.String(`{"code":"numberCaptcha"}`), MoreData: []*string{n.picture(f, "page.png")},
		}
		if got := must[*dysms.CreateSmsTemplateResponse](n)(client.CreateSmsTemplate(worded)).Body; *got.Code != "OK" {
			n.t.Errorf("%v", got)
		}
		kinds := map[string]int{}
		var papers struct {
			Documents []struct{ Kind string }
		}
		n.as(admin, http.MethodGet, "/v1/documents?party="+party.String(), nil, &papers)
		for _, d := range papers.Documents {
			kinds[d.Kind]++
		}
		if kinds["trademark"] != 2 || kinds["app_record"] != 1 || kinds["other"] != 2 {
			n.t.Errorf("%v", kinds)
		}
	})
}
