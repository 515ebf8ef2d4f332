package app

import (
	"net/http"
	"testing"
	"time"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// A program of Tencent Cloud's SDK tells that a code was entered: it stands with the message,
// once, and with nobody else's.
func TestConversionsAreKept(t *testing.T) {
	everywhere(t, func(n *node) {
		client := n.tencent(n.signing("send,read"), nil)
		send := tcsms.NewSendSmsRequest()
		send.PhoneNumberSet, send.TemplateId, send.SignName = common.StringPtrs([]string{member}), common.StringPtr(short(n.storyTemplate(sms.OTP).ID)), common.StringPtr(storySignature)
		send.TemplateParamSet = common.StringPtrs([]string{"246810"})
		sent, err := client.SendSms(send)
		if err != nil || *sent.Response.SendStatusSet[0].Code != "Ok" {
			n.t.Fatalf("%v %v", err, sent)
		}
		serial := *sent.Response.SendStatusSet[0].SerialNo
		tell := func(serial string, at time.Time) error {
			in := tcsms.NewReportConversionRequest()
			in.SerialNo, in.ConversionTime = &serial, common.Uint64Ptr(uint64(at.Unix()))
			out, err := client.ReportConversion(in)
			if err == nil && *out.Response.ReportConversionStatus.Code != "ok" {
				n.t.Errorf("%+v", out.Response)
			}
			return err
		}
		for what, err := range map[string]error{
			"nobody's": tell("1", n.Now()), "no number": tell("x", n.Now()), "before it was sent": tell(serial, n.Now().Add(-time.Hour)), "still to come": tell(serial, n.Now().Add(time.Hour)),
		} {
			if err == nil {
				n.t.Errorf("%s: it is taken", what)
			}
		}
		at := n.Now()
		for range 2 {
			if err := tell(serial, at); err != nil {
				n.t.Fatal(err)
			}
		}
		var m struct {
			Converted int64 `json:"converted_at"`
		}
		if n.as(n.key, http.MethodGet, "/v1/messages/"+serial, nil, &m); m.Converted != at.Unix()*1000 {
			n.t.Errorf("%+v, told at %d", m, at.UnixMilli())
		}
	})
}
