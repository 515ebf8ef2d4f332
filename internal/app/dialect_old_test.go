package app

import (
	"errors"
	"testing"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tcold "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20190711"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// replied has a handset answer, and returns the hour before as Tencent Cloud's times.
func (n *node) replied(from, text string) (begin, end *uint64) {
	n.t.Helper()
	parts, err := smstext.Split(text, 1)
	if err != nil {
		n.t.Fatal(err)
	}
	n.handset(from, parts, 0)
	return common.Uint64Ptr(uint64(n.Now().Unix() - 3600)), common.Uint64Ptr(uint64(n.Now().Unix() + 60))
}

// tooSoon tells whether a test pulls faster than it may; any other failure ends it.
func (n *node) tooSoon(err error) bool {
	n.t.Helper()
	var fault *tcerrors.TencentCloudSDKError
	if err != nil && (!errors.As(err, &fault) || fault.Code != "RequestLimitExceeded") {
		n.t.Fatal(err)
	}
	return err != nil
}

// The replies of a number are told as often as one asks, to their application only.
func TestTencentRepliesOfANumber(t *testing.T) {
	everywhere(t, func(n *node) {
		cloud := n.tencent(n.signing("send,read"), nil)
		if x := n.sendCode(cloud, member, "246810"); *x.Code != "Ok" {
			n.t.Fatal(*x.Message)
		}
		n.replied(member, "请问几点开始？")
		begin, end := n.replied(member, "还有位子吗？")
		n.replied("14200000078", "别人的")
		in := tcsms.NewPullSmsReplyStatusByPhoneNumberRequest()
		in.BeginTime, in.EndTime, in.Offset, in.Limit, in.PhoneNumber, in.SmsSdkAppId = begin, end, common.Uint64Ptr(0), common.Uint64Ptr(10), common.StringPtr("+86"+member), common.StringPtr(short(n.application()))
		for range 2 {
			out, err := cloud.PullSmsReplyStatusByPhoneNumber(in)
			if err != nil {
				n.t.Fatal(err)
			}
			list := out.Response.PullSmsReplyStatusSet
			if len(list) != 2 || *list[0].ReplyContent != "还有位子吗？" || *list[1].ReplyContent != "请问几点开始？" || *list[0].PhoneNumber != "+86"+member || *list[0].SubscriberNumber != member || *list[0].SignName != storySignature || *list[0].ReplyTime == 0 {
				n.t.Fatalf("%d: %s", len(list), out.ToJsonString())
			}
		}
		in.Offset = common.Uint64Ptr(1)
		if out, err := cloud.PullSmsReplyStatusByPhoneNumber(in); err != nil || len(out.Response.PullSmsReplyStatusSet) != 1 {
			n.t.Errorf("%v %v", out, err)
		}
		in.Limit = common.Uint64Ptr(101)
		_, err := cloud.PullSmsReplyStatusByPhoneNumber(in)
		var fault *tcerrors.TencentCloudSDKError
		if !errors.As(err, &fault) || fault.Code != "InvalidParameter" {
			n.t.Errorf("a limit of 101: %v", err)
		}
		in.Limit, in.BeginTime = common.Uint64Ptr(100), common.Uint64Ptr(uint64(n.Now().Unix()-8*24*3600))
		if _, err := cloud.PullSmsReplyStatusByPhoneNumber(in); !errors.As(err, &fault) || fault.Code != "InvalidParameter" {
			n.t.Errorf("eight days: %v", err)
		}
	})
}

// A program of the SDK's old version, 2019-07-11, sends and pulls with its own names and types.
func TestTencentOldVersion(t *testing.T) {
	everywhere(t, func(n *node) {
		old := n.tencentOld(n.signing("send,read"))
		app, otp := common.StringPtr(short(n.application())), n.storyTemplate(sms.OTP)
		send := tcold.NewSendSmsRequest()
		send.PhoneNumberSet, send.TemplateID, send.SmsSdkAppid, send.Sign, send.TemplateParamSet = common.StringPtrs([]string{"+86" + member}), common.StringPtr(short(otp.ID)), app, common.StringPtr(storySignature), common.StringPtrs([]string{"246810"})
		sent, err := old.SendSms(send)
		if err != nil || *sent.Response.SendStatusSet[0].Code != "Ok" {
			n.t.Fatalf("%v %v", sent, err)
		}
		begin, end := n.replied(member, "请问几点开始？")
		n.wait("the report is told", func() bool {
			in := tcold.NewPullSmsSendStatusByPhoneNumberRequest()
			in.SendDateTime, in.EndDateTime, in.Offset, in.Limit, in.PhoneNumber, in.SmsSdkAppid = begin, end, common.Uint64Ptr(0), common.Uint64Ptr(10), common.StringPtr("+86"+member), app
			out, err := old.PullSmsSendStatusByPhoneNumber(in)
			if n.tooSoon(err) {
				return false
			}
			list := out.Response.PullSmsSendStatusSet
			return len(list) == 1 && *list[0].ReportStatus == "SUCCESS" && *list[0].SerialNo == *sent.Response.SendStatusSet[0].SerialNo && *list[0].PurePhoneNumber == member && *list[0].NationCode == "86" && len(*list[0].UserReceiveTime) == 19 && *list[0].UserReceiveUnixTime > *begin
		})
		pull := tcold.NewPullSmsSendStatusRequest()
		pull.Limit, pull.SmsSdkAppid = common.Uint64Ptr(10), app
		n.wait("the report is pulled", func() bool {
			out, err := old.PullSmsSendStatus(pull)
			if n.tooSoon(err) {
				return false
			}
			return len(out.Response.PullSmsSendStatusSet) == 1
		})
		replies := tcold.NewPullSmsReplyStatusByPhoneNumberRequest()
		replies.SendDateTime, replies.EndDateTime, replies.Offset, replies.Limit, replies.PhoneNumber, replies.SmsSdkAppid = begin, end, common.Uint64Ptr(0), common.Uint64Ptr(10), common.StringPtr("+86"+member), app
		n.wait("the reply is told", func() bool {
			out, err := old.PullSmsReplyStatusByPhoneNumber(replies)
			if n.tooSoon(err) {
				return false
			}
			x := out.Response.PullSmsReplyStatusSet
			return len(x) == 1 && *x[0].ReplyContent == "请问几点开始？" && *x[0].Sign == storySignature && len(*x[0].ReplyTime) == 19 && *x[0].ReplyUnixTime >= *begin
		})
		next := tcold.NewPullSmsReplyStatusRequest()
		next.Limit, next.SmsSdkAppid = common.Uint64Ptr(10), app
		n.wait("the reply is pulled", func() bool {
			out, err := old.PullSmsReplyStatus(next)
			if n.tooSoon(err) {
				return false
			}
			return len(out.Response.PullSmsReplyStatusSet) == 1 && *out.Response.PullSmsReplyStatusSet[0].NationCode == "86"
		})
	})
}
