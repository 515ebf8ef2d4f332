// Command tencent-go drives Tencent Cloud's Go SDK: it takes calls in lines of JSON and tells
// in lines of JSON what the SDK gave.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"log"
	"os"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	sms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"
)

// call is what the tests ask for.
type call struct {
	Do, Endpoint, ID, Secret string
	App, Sign, Template      string
	To, Params               []string
	Session                  string
	Since                    uint64 // seconds
	Method, Algorithm        string
}

// told is what the SDK gave: Thrown is the code of an error.
type told struct {
	Thrown  string   `json:"thrown,omitempty"`
	Message string   `json:"message,omitempty"`
	Numbers []status `json:"numbers,omitempty"`
}

// status is what is said of one number.
type status struct {
	Serial  string `json:"serial,omitempty"`
	To      string `json:"to,omitempty"`
	Fee     uint64 `json:"fee,omitempty"`
	Session string `json:"session,omitempty"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

func main() {
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var c call
		if err := json.Unmarshal(in.Bytes(), &c); err != nil {
			log.Fatal(err)
		}
		t, err := c.run()
		if err != nil {
			t = told{Thrown: err.Error()}
			var fault *tcerrors.TencentCloudSDKError
			if errors.As(err, &fault) {
				t = told{Thrown: fault.Code, Message: fault.Message}
			}
		}
		if err := out.Encode(t); err != nil {
			log.Fatal(err)
		}
	}
}

func (c *call) run() (t told, err error) {
	endpoint, id, secret, app, template := c.Endpoint, c.ID, c.Secret, c.App, c.Template
	p := profile.NewClientProfile()
	p.HttpProfile.Endpoint = endpoint // host:port
	p.HttpProfile.Scheme = "HTTP"     // only where there is no TLS
	if c.Method != "" {
		p.HttpProfile.ReqMethod = c.Method
	}
	if c.Algorithm != "" {
		p.SignMethod = c.Algorithm
	}
	client, err := sms.NewClient(common.NewCredential(id, secret), "ap-guangzhou", p)
	if err != nil {
		return t, err
	}
	switch c.Do {
	case "send":
		request := sms.NewSendSmsRequest()
		request.SmsSdkAppId = common.StringPtr(app)
		request.SignName = common.StringPtr(c.Sign)
		request.TemplateId = common.StringPtr(template)
		request.PhoneNumberSet = common.StringPtrs(c.To)
		request.TemplateParamSet = common.StringPtrs(c.Params)
		request.SessionContext = common.StringPtr(c.Session)
		response, err := client.SendSms(request)
		if err != nil {
			return t, err
		}
		for _, s := range response.Response.SendStatusSet {
			t.Numbers = append(t.Numbers, status{Serial: *s.SerialNo, To: *s.PhoneNumber, Fee: *s.Fee, Session: *s.SessionContext, Code: *s.Code, Message: *s.Message})
		}
		return t, nil
	case "reports":
		request := sms.NewPullSmsSendStatusRequest()
		request.SmsSdkAppId = common.StringPtr(app)
		request.Limit = common.Uint64Ptr(100)
		response, err := client.PullSmsSendStatus(request)
		if err != nil {
			return t, err
		}
		for _, s := range response.Response.PullSmsSendStatusSet {
			t.Numbers = append(t.Numbers, status{Serial: *s.SerialNo, To: *s.PhoneNumber, Session: *s.SessionContext, Code: *s.ReportStatus, Message: *s.Description})
		}
		return t, nil
	case "reports of":
		request := sms.NewPullSmsSendStatusByPhoneNumberRequest()
		request.SmsSdkAppId = common.StringPtr(app)
		request.PhoneNumber = common.StringPtr(c.To[0])
		request.BeginTime = common.Uint64Ptr(c.Since)
		request.Offset = common.Uint64Ptr(0)
		request.Limit = common.Uint64Ptr(10)
		response, err := client.PullSmsSendStatusByPhoneNumber(request)
		if err != nil {
			return t, err
		}
		for _, s := range response.Response.PullSmsSendStatusSet {
			t.Numbers = append(t.Numbers, status{Serial: *s.SerialNo, To: *s.PhoneNumber, Session: *s.SessionContext, Code: *s.ReportStatus, Message: *s.Description})
		}
		return t, nil
	}
	return t, errors.New("unknown call " + c.Do)
}
