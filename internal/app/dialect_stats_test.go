package app

import (
	"errors"
	"testing"
	"time"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tcprofile "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tcold "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20190711"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// tencentOld is a client of the SDK's old version.
func (n *node) tencentOld(k signing) *tcold.Client {
	n.t.Helper()
	p := tcprofile.NewClientProfile()
	p.HttpProfile.Endpoint, p.HttpProfile.Scheme = n.addrs.HTTP.String(), "HTTP"
	client, err := tcold.NewClient(common.NewCredential(k.ID, k.Secret), "ap-guangzhou", p)
	if err != nil {
		n.t.Fatal(err)
	}
	return client
}

// day is one of the node's in Asia/Shanghai.
func (n *node) day(form string, days int) string {
	return n.Now().In(rulebook.Shanghai).AddDate(0, 0, days).Format(form)
}

// sendCode sends a code by Tencent Cloud's dialect and returns its answer.
func (n *node) sendCode(c *tcsms.Client, to, code string) *tcsms.SendStatus {
	n.t.Helper()
	in := tcsms.NewSendSmsRequest()
	in.PhoneNumberSet, in.TemplateId, in.SignName, in.TemplateParamSet = common.StringPtrs([]string{to}), common.StringPtr(short(n.storyTemplate(sms.OTP).ID)), common.StringPtr(storySignature), common.StringPtrs([]string{code})
	out, err := c.SendSms(in)
	if err != nil {
		n.t.Fatal(err)
	}
	return out.Response.SendStatusSet[0]
}

// What the application sent is told in the figures of both clouds, and a refusal counts as a
// request only.
func TestDialectStatistics(t *testing.T) {
	everywhere(t, func(n *node) {
		k := n.signing("send,read")
		cloud := n.tencent(k, nil)
		if x := n.sendCode(cloud, member, "246810"); *x.Code != "Ok" {
			n.t.Fatalf("%+v", *x.Message)
		}
		if x := n.sendCode(cloud, member, "135790"); *x.Code == "Ok" {
			n.t.Fatal("two codes within a minute")
		}
		in := tcsms.NewCallbackStatusStatisticsRequest()
		in.BeginTime, in.EndTime, in.SmsSdkAppId = common.StringPtr(n.day("2006010215", -1)), common.StringPtr(n.day("2006010215", 0)), common.StringPtr(short(n.application()))
		in.Limit, in.Offset = common.Uint64Ptr(0), common.Uint64Ptr(0)
		n.wait("the report is counted", func() bool {
			out, err := cloud.CallbackStatusStatistics(in)
			if n.tooSoon(err) {
				return false
			}
			x := out.Response.CallbackStatusStatistics
			return *x.RequestSuccessCount == 1 && *x.CallbackCount == 1 && *x.CallbackSuccessCount == 1 && *x.CallbackFailCount == 0
		})
		sent := tcsms.NewSendStatusStatisticsRequest()
		sent.BeginTime, sent.EndTime, sent.SmsSdkAppId = in.BeginTime, in.EndTime, in.SmsSdkAppId
		out, err := cloud.SendStatusStatistics(sent)
		if err != nil {
			n.t.Fatal(err)
		}
		if x := out.Response.SendStatusStatistics; *x.FeeCount != 1 || *x.RequestCount != 2 || *x.RequestSuccessCount != 1 {
			n.t.Errorf("%d %d %d", *x.FeeCount, *x.RequestCount, *x.RequestSuccessCount)
		}
		n.aliyunStatistics(k)
		n.oldStatistics(k)
		n.badStatistics(cloud)
	})
}

func (n *node) aliyunStatistics(k signing) {
	n.t.Helper()
	client := n.aliyun(k, nil)
	ask := func(change func(*dysms.QuerySendStatisticsRequest)) *dysms.QuerySendStatisticsResponseBody {
		in := &dysms.QuerySendStatisticsRequest{StartDate: dara.String(n.day("20060102", -3)), EndDate: dara.String(n.day("20060102", 0)), IsGlobe: dara.Int32(1), PageIndex: dara.Int32(1), PageSize: dara.Int32(10)}
		change(in)
		out, err := client.QuerySendStatistics(in)
		if err != nil {
			n.t.Fatal(err)
		}
		return out.Body
	}
	for what, change := range map[string]func(*dysms.QuerySendStatisticsRequest){
		"all":              func(*dysms.QuerySendStatisticsRequest) {},
		"of the signature": func(in *dysms.QuerySendStatisticsRequest) { in.SignName = dara.String(storySignature) },
		"of codes":         func(in *dysms.QuerySendStatisticsRequest) { in.TemplateType = dara.Int32(0) },
	} {
		b := ask(change)
		if *b.Code != "OK" || *b.Data.TotalSize != 1 {
			n.t.Fatalf("%s: %v", what, b)
		}
		if d := b.Data.TargetList[0]; *d.SendDate != n.day("20060102", 0) || *d.TotalCount != 1 || *d.RespondedSuccessCount != 1 || *d.RespondedFailCount != 0 || *d.NoRespondedCount != 0 {
			n.t.Errorf("%s: %v", what, d)
		}
	}
	for what, change := range map[string]func(*dysms.QuerySendStatisticsRequest){
		"of notices":   func(in *dysms.QuerySendStatisticsRequest) { in.TemplateType = dara.Int32(1) },
		"abroad":       func(in *dysms.QuerySendStatisticsRequest) { in.IsGlobe = dara.Int32(2) },
		"of yesterday": func(in *dysms.QuerySendStatisticsRequest) { in.EndDate = dara.String(n.day("20060102", -1)) },
		"of a new week": func(in *dysms.QuerySendStatisticsRequest) {
			in.StartDate, in.EndDate = dara.String(n.day("20060102", 1)), dara.String(n.day("20060102", 7))
		},
	} {
		if b := ask(change); *b.Code != "OK" || *b.Data.TotalSize != 0 || len(b.Data.TargetList) != 0 {
			n.t.Errorf("%s: %v", what, b)
		}
	}
	for what, change := range map[string]func(*dysms.QuerySendStatisticsRequest){
		"34 days":           func(in *dysms.QuerySendStatisticsRequest) { in.StartDate = dara.String(n.day("20060102", -33)) },
		"51 days of a page": func(in *dysms.QuerySendStatisticsRequest) { in.PageSize = dara.Int32(51) },
		"no globe":          func(in *dysms.QuerySendStatisticsRequest) { in.IsGlobe = dara.Int32(3) },
	} {
		if b := ask(change); *b.Code != "isv.INVALID_PARAMETERS" {
			n.t.Errorf("%s: %v", what, b)
		}
	}
	if b := ask(func(in *dysms.QuerySendStatisticsRequest) { in.SignName = dara.String("别家") }); *b.Code != "isv.SMS_SIGNATURE_ILLEGAL" {
		n.t.Errorf("%v", b)
	}
}

// oldStatistics asks as 2019-07-11 has it.
func (n *node) oldStatistics(k signing) {
	n.t.Helper()
	at, err := time.ParseInLocation("2006010215", n.day("2006010215", 0), rulebook.Shanghai)
	if err != nil {
		n.t.Fatal(err)
	}
	hour := func(t time.Time) *uint64 {
		y, m, d := t.Date()
		return common.Uint64Ptr(uint64(((y*100+int(m))*100+d)*100 + t.Hour()))
	}
	old := n.tencentOld(k)
	in := tcold.NewSendStatusStatisticsRequest()
	in.StartDateTime, in.EndDataTime, in.SmsSdkAppid, in.Limit, in.Offset = hour(at.AddDate(0, 0, -2)), hour(at), common.StringPtr(short(n.application())), common.Uint64Ptr(0), common.Uint64Ptr(0)
	out, err := old.SendStatusStatistics(in)
	if err != nil {
		n.t.Fatal(err)
	}
	if x := out.Response.SendStatusStatistics; *x.RequestCount != 2 || *x.RequestSuccessCount != 1 {
		n.t.Errorf("%+v", x)
	}
	packages := tcold.NewSmsPackagesStatisticsRequest()
	packages.SmsSdkAppid, packages.Limit, packages.Offset = in.SmsSdkAppid, common.Uint64Ptr(10), common.Uint64Ptr(0)
	if out, err := old.SmsPackagesStatistics(packages); err != nil || len(out.Response.SmsPackagesStatisticsSet) != 0 {
		n.t.Errorf("%v %v", out, err)
	}
}

func (n *node) badStatistics(cloud *tcsms.Client) {
	n.t.Helper()
	for what, span := range map[string][2]string{
		"backwards": {n.day("2006010215", 0), n.day("2006010215", -1)},
		"33 days":   {n.day("2006010215", -33), n.day("2006010215", 0)},
		"no hour":   {"20261399", n.day("2006010215", 0)},
	} {
		in := tcsms.NewSendStatusStatisticsRequest()
		in.BeginTime, in.EndTime, in.SmsSdkAppId = &span[0], &span[1], common.StringPtr(short(n.application()))
		_, err := cloud.SendStatusStatistics(in)
		var fault *tcerrors.TencentCloudSDKError
		if !errors.As(err, &fault) || fault.Code != "InvalidParameter" {
			n.t.Errorf("%s: %v", what, err)
		}
	}
	packages := tcsms.NewSmsPackagesStatisticsRequest()
	packages.SmsSdkAppId, packages.BeginTime, packages.EndTime = common.StringPtr(short(n.application())), common.StringPtr(n.day("2006010215", -9)), common.StringPtr(n.day("2006010215", 0))
	packages.Limit, packages.Offset = common.Uint64Ptr(500), common.Uint64Ptr(0)
	if out, err := cloud.SmsPackagesStatistics(packages); err != nil || out.Response.SmsPackagesStatisticsSet == nil || len(out.Response.SmsPackagesStatisticsSet) != 0 {
		n.t.Errorf("%v %v", out, err)
	}
}
