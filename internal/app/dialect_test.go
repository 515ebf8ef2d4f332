package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"
	"github.com/alibabacloud-go/tea/tea"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	tcprofile "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// signing is a key for the clouds' SDKs, of the story's application.
type signing struct {
	KeyID  sms.ID `json:"id"`
	ID     string `json:"access_key_id"`
	Secret string `json:"access_key_secret"`
	App    int64  `json:"sms_sdk_app_id"`
}

func (n *node) signing(scopes string) (k signing) {
	n.t.Helper()
	body := map[string]any{"application_id": n.application(), "scopes": scopes, "signs": true}
	if status := n.as(n.adminKey(), http.MethodPost, "/v1/admin/keys", body, &k); status != http.StatusOK || len(k.ID) != 34 || len(k.Secret) != 32 || k.App != n.application().Short() {
		n.t.Fatalf("%d %+v", status, k)
	}
	return k
}

// application is the story's.
func (n *node) application() sms.ID {
	n.t.Helper()
	for _, a := range n.registry().Application {
		if p := n.registry().Party[a.PartyID]; p != nil && p.Kind == registry.Customer {
			return a.ID
		}
	}
	n.t.Fatal("the story has no application")
	return 0
}

// templateOf is the story's template of a category.
func (n *node) storyTemplate(c sms.Category) *registry.Template {
	n.t.Helper()
	for _, t := range n.registry().TemplatesOf(n.registry().Application[n.application()].PartyID) {
		if t.Category == c {
			return t
		}
	}
	n.t.Fatalf("the story has no template of %s", c)
	return nil
}

func (n *node) aliyun(k signing, set func(*openapi.Config)) *dysms.Client {
	n.t.Helper()
	c := &openapi.Config{AccessKeyId: &k.ID, AccessKeySecret: &k.Secret, Endpoint: dara.String(n.addrs.HTTP.String()), Protocol: dara.String("http")}
	if set != nil {
		set(c)
	}
	client, err := dysms.NewClient(c)
	if err != nil {
		n.t.Fatal(err)
	}
	return client
}

func (n *node) tencent(k signing, set func(*tcprofile.ClientProfile)) *tcsms.Client {
	n.t.Helper()
	p := tcprofile.NewClientProfile()
	p.HttpProfile.Endpoint, p.HttpProfile.Scheme = n.addrs.HTTP.String(), "HTTP"
	if set != nil {
		set(p)
	}
	client, err := tcsms.NewClient(common.NewCredential(k.ID, k.Secret), "ap-guangzhou", p)
	if err != nil {
		n.t.Fatal(err)
	}
	return client
}

func aliyunCode(id sms.ID) *string { return dara.String("SMS_" + short(id)) }

func short(id sms.ID) string { b, _ := json.Marshal(id.Short()); return string(b) }

// A program written for Aliyun's SDK sends by another endpoint and other keys, and sees
// refusals as codes that it knows.
func TestAliyunSDK(t *testing.T) {
	for name, set := range map[string]func(*openapi.Config){
		"ACS3": nil,
		"SM3":  func(c *openapi.Config) { c.SignatureAlgorithm = dara.String("ACS3-HMAC-SM3") },
		"V1":   func(c *openapi.Config) { c.SignatureAlgorithm = dara.String("v2") },
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, config.Default())
			k := n.signing("send,read")
			client := n.aliyun(k, set)
			n.agree(member)
			otp, mkt := n.storyTemplate(sms.OTP), n.storyTemplate(sms.MKT)
			send := func(to, params string, template *registry.Template) *dysms.SendSmsResponseBody {
				t.Helper()
				out, err := client.SendSms(&dysms.SendSmsRequest{PhoneNumbers: &to, SignName: dara.String(storySignature), TemplateCode: aliyunCode(template.ID), TemplateParam: &params, OutId: dara.String("order 7")})
				if err != nil {
					t.Fatal(err)
				}
				return out.Body
			}
			got := send(member, `{"code":"246810"}`, otp)
			if *got.Code != "OK" || *got.BizId == "" || *got.RequestId == "" {
				t.Fatalf("%v", got)
			}
			biz := *got.BizId
			if again := send(member, `{"code":"135790"}`, otp); *again.Code != "isv.BUSINESS_LIMIT_CONTROL" || !strings.HasPrefix(*again.Message, "触发分钟级流控Permits:1") || !strings.Contains(*again.Message, "FRQ-01") {
				t.Errorf("%v", again)
			}
			if refused := send("14200000077", ``, mkt); *refused.Code != "isv.BUSINESS_LIMIT_CONTROL" || !strings.Contains(*refused.Message, "CNS-01") {
				t.Errorf("%v", refused)
			}
			if bad := send(member, `{"code":1.5}`, otp); *bad.Code != "isv.TEMPLATE_PARAMS_ILLEGAL" {
				t.Errorf("%v", bad)
			}
			if bad := send(member, `{"other":"1"}`, otp); *bad.Code != "isv.TEMPLATE_MISSING_PARAMETERS" {
				t.Errorf("%v", bad)
			}
			if bad := send("123", `{"code":"246810"}`, otp); *bad.Code != "isv.MOBILE_NUMBER_ILLEGAL" {
				t.Errorf("%v", bad)
			}
			n.wait("the code is delivered", func() bool {
				d, err := client.QuerySendDetails(&dysms.QuerySendDetailsRequest{PhoneNumber: dara.String(member), SendDate: dara.String(n.Now().In(time.FixedZone("", 8*3600)).Format("20060102")), PageSize: dara.Int64(10), CurrentPage: dara.Int64(1), BizId: &biz})
				if err != nil {
					t.Fatal(err)
				}
				list := d.Body.SmsSendDetailDTOs.SmsSendDetailDTO
				return len(list) == 1 && *list[0].SendStatus == 3 && *list[0].ErrCode == "DELIVERED" && *list[0].OutId == "order 7" && *list[0].ReceiveDate != "" && !strings.Contains(*list[0].Content, "246810")
			})
			wrong := k
			wrong.Secret = strings.Repeat("0", 32)
			_, err := n.aliyun(wrong, set).SendSms(&dysms.SendSmsRequest{PhoneNumbers: dara.String(member), SignName: dara.String(storySignature), TemplateCode: aliyunCode(otp.ID)})
			var fault *tea.SDKError
			if !errors.As(err, &fault) || *fault.Code != "SignatureDoesNotMatch" || !strings.Contains(*fault.Message, ":") { // the old Python core reads what is behind a colon
				t.Errorf("%v", err)
			}
			n.seesFailure(k)
		})
	}
}

// seesFailure tells that the key's owner, and nobody else, sees what the server signed.
func (n *node) seesFailure(k signing) {
	n.t.Helper()
	path := "/v1/keys/" + k.KeyID.String() + "/signature-failures"
	var out struct {
		Failures []struct {
			Action    string `json:"action"`
			Canonical string `json:"canonical_request"`
			ToSign    string `json:"string_to_sign"`
		} `json:"failures"`
	}
	if status := n.as(n.key, http.MethodGet, path, nil, &out); status != http.StatusOK || len(out.Failures) != 1 || out.Failures[0].Action != "SendSms" || out.Failures[0].ToSign == "" {
		n.t.Fatalf("%d %+v", status, out)
	}
	server := out.Failures[0].Canonical
	var where struct {
		Same bool
		At   int
	}
	if n.as(n.key, http.MethodPost, path+"/compare", map[string]any{"canonical_request": server[:20] + "!" + server[21:]}, &where); where.Same || where.At != 20 {
		n.t.Errorf("%+v", where)
	}
	if status := n.as(n.adminKey(), http.MethodGet, path, nil, nil); status != http.StatusForbidden {
		n.t.Errorf("somebody else sees it: %d", status)
	}
}

// One that gets it, one that may not: the call is accepted, and the other is told by a report.
func TestAliyunBatchTellsRefusalsByReports(t *testing.T) {
	n := start(t, config.Default())
	n.agree(member)
	client := n.aliyun(n.signing("send,read"), nil)
	mkt := n.storyTemplate(sms.MKT)
	out, err := client.SendBatchSms(&dysms.SendBatchSmsRequest{
		PhoneNumberJson: dara.String(`["` + member + `","14200000077"]`), SignNameJson: dara.String(`["` + storySignature + `","` + storySignature + `"]`), TemplateCode: aliyunCode(mkt.ID), OutId: dara.String("o1"),
	})
	if err != nil || *out.Body.Code != "OK" {
		t.Fatalf("%v %v", out, err)
	}
	n.wait("the refusal is told", func() bool {
		var feed struct {
			Events []struct {
				Kind string
				Body struct{ Ref, State, Code string }
			}
		}
		n.do(http.MethodGet, "/v1/events?limit=100", nil, &feed)
		for _, e := range feed.Events {
			if e.Kind == "report" && e.Body.State == "refused" && e.Body.Code == string(sms.ConsentMissing) && e.Body.Ref == *out.Body.BizId+" o1" {
				return true
			}
		}
		return false
	})
}

// A signed request counts once: the same again is refused, on whichever node and after a restart.
func TestAliyunNonceCountsOnce(t *testing.T) {
	everywhere(t, func(n *node) {
		k, otp := n.signing("send,read"), n.storyTemplate(sms.OTP)
		send := n.captured(func(endpoint string) {
			client := n.aliyun(k, func(c *openapi.Config) { c.Endpoint = &endpoint })
			_, _ = client.SendSms(&dysms.SendSmsRequest{PhoneNumbers: dara.String(member), SignName: dara.String(storySignature), TemplateCode: aliyunCode(otp.ID), TemplateParam: dara.String(`{"code":"246810"}`)})
		})
		if status, body := n.resend(send); status != http.StatusOK || !strings.Contains(body, `"OK"`) {
			n.t.Fatalf("%d %s", status, body)
		}
		if status, body := n.resend(send); status != http.StatusBadRequest || !strings.Contains(body, "SignatureNonceUsed") {
			n.t.Errorf("%d %s", status, body)
		}
		look := n.captured(func(endpoint string) {
			client := n.aliyun(k, func(c *openapi.Config) { c.Endpoint = &endpoint })
			_, _ = client.QuerySendDetails(&dysms.QuerySendDetailsRequest{PhoneNumber: dara.String(member), SendDate: dara.String(n.Now().Format("20060102")), PageSize: dara.Int64(1), CurrentPage: dara.Int64(1)})
		})
		if status, body := n.resend(look); status != http.StatusOK {
			n.t.Errorf("%d %s", status, body)
		}
		if status, body := n.resend(look); status != http.StatusBadRequest || !strings.Contains(body, "SignatureNonceUsed") {
			n.t.Errorf("%d %s", status, body)
		}
	})
}

// Tencent Cloud's requests have no nonce: the same again is the same call, and sends nothing.
func TestTencentRequestRepeatedIsOne(t *testing.T) {
	everywhere(t, func(n *node) {
		k, otp := n.signing("send"), n.storyTemplate(sms.OTP)
		send := n.captured(func(endpoint string) {
			in := tcsms.NewSendSmsRequest()
			in.PhoneNumberSet, in.TemplateId, in.SignName, in.TemplateParamSet = common.StringPtrs([]string{member}), common.StringPtr(short(otp.ID)), common.StringPtr(storySignature), common.StringPtrs([]string{"246810"})
			_, _ = n.tencent(k, func(p *tcprofile.ClientProfile) { p.HttpProfile.Endpoint = endpoint }).SendSms(in)
		})
		_, first := n.resend(send)
		_, second := n.resend(send)
		serial := regexp.MustCompile(`"SerialNo":"([0-9]+)"`)
		if a, b := serial.FindString(first), serial.FindString(second); a == "" || a != b {
			n.t.Errorf("%s\n%s", first, second)
		}
	})
}

// What the official SDKs sent days ago is too old, however right its signature is.
func TestOldRequestsOfOfficialSDKsAreRefused(t *testing.T) {
	n := start(t, config.Default())
	app := n.application()
	n.insert(signingKey(n, app, "testId", "testSecret"), signingKey(n, app, "tcSecretId", "tcSecretKey"))
	raw, err := os.ReadFile("../../protocol/websign/testdata/captured.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		var c struct {
			Name, Method, URI, Body string
			Headers                 map[string]string
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequestWithContext(t.Context(), c.Method, n.base+c.URI, strings.NewReader(c.Body))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range c.Headers {
			r.Header.Set(k, v)
		}
		r.Host = c.Headers["host"]
		want := "InvalidTimeStamp.Expired"
		if strings.HasPrefix(c.Name, "tencent") {
			want = "AuthFailure.SignatureExpire"
		}
		if status, body := n.roundTrip(r); !strings.Contains(body, want) || (status == http.StatusOK) != strings.HasPrefix(want, "Auth") {
			t.Errorf("%s: %d %s", c.Name, status, body)
		}
	}
}

func signingKey(n *node, app sms.ID, id, secret string) registry.APIKey {
	hash := vault.HashAccessID(id)
	return registry.APIKey{ID: n.IDs.Next(), ApplicationID: app, Hash: hash[:], AccessID: id, Secret: n.Keys.Seal(vault.PurposeLogin, []byte(secret)), Scopes: "send,read", CreatedAt: 1}
}

// insert stores objects of the registry.
func (n *node) insert(objects ...any) {
	n.t.Helper()
	err := n.DB.Write(n.t.Context(), store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		for _, o := range objects {
			if err := tx.Put(ctx, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// captured is a request as an SDK makes it to some endpoint.
type captured struct {
	method, uri, host string
	header            http.Header
	body              []byte
}

func (n *node) captured(call func(endpoint string)) (c captured) {
	n.t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c = captured{r.Method, r.URL.RequestURI(), r.Host, r.Header.Clone(), body}
	}))
	defer srv.Close()
	call(strings.TrimPrefix(srv.URL, "http://"))
	return c
}

func (n *node) resend(c captured) (int, string) {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), c.method, n.base+c.uri, bytes.NewReader(c.body))
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header, r.Host = c.header.Clone(), c.host
	return n.roundTrip(r)
}

func (n *node) roundTrip(r *http.Request) (int, string) {
	n.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // it is only read
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// wait waits for something. Its bound only stops a test that hangs.
func (n *node) wait(what string, done func() bool) {
	n.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			n.t.Fatalf("not within 30 s: %s", what)
		}
		<-tick.C
	}
}

// A program written for Tencent Cloud's SDK: the same, in its words.
func TestTencentSDK(t *testing.T) {
	for name, set := range map[string]func(*tcprofile.ClientProfile){
		"TC3":        nil,
		"TC3 by GET": func(p *tcprofile.ClientProfile) { p.HttpProfile.ReqMethod = "GET" },
		"HmacSHA1":   func(p *tcprofile.ClientProfile) { p.SignMethod = "HmacSHA1" },
		"HmacSHA256": func(p *tcprofile.ClientProfile) { p.SignMethod = "HmacSHA256" },
	} {
		t.Run(name, func(t *testing.T) {
			n := start(t, config.Default())
			k := n.signing("send,read")
			client := n.tencent(k, set)
			n.agree(member)
			otp, mkt := n.storyTemplate(sms.OTP), n.storyTemplate(sms.MKT)
			send := func(template *registry.Template, params []string, to ...string) []*tcsms.SendStatus {
				t.Helper()
				in := tcsms.NewSendSmsRequest()
				in.PhoneNumberSet, in.SmsSdkAppId, in.TemplateId, in.SignName = common.StringPtrs(to), common.StringPtr(short(n.application())), common.StringPtr(short(template.ID)), common.StringPtr(storySignature)
				in.TemplateParamSet, in.SessionContext = common.StringPtrs(params), common.StringPtr("ctx 7")
				out, err := client.SendSms(in)
				if err != nil {
					t.Fatal(err)
				}
				return out.Response.SendStatusSet
			}
			got := send(otp, []string{"246810"}, "+86"+member)
			if *got[0].Code != "Ok" || *got[0].SerialNo == "" || *got[0].PhoneNumber != "+86"+member || *got[0].IsoCode != "CN" || *got[0].Fee != 1 || *got[0].SessionContext != "ctx 7" {
				t.Fatalf("%+v", got[0])
			}
			serial := *got[0].SerialNo
			if again := send(otp, []string{"135790"}, member); *again[0].Code != "LimitExceeded.PhoneNumberThirtySecondLimit" {
				t.Errorf("%s %s", *again[0].Code, *again[0].Message)
			}
			both := send(mkt, nil, member, "14200000077", "12")
			if *both[0].Code != "Ok" || *both[1].Code != "FailedOperation.PhoneNumberInBlacklist" || !strings.Contains(*both[1].Message, "CNS-01") || *both[2].Code != "InvalidParameterValue.IncorrectPhoneNumber" {
				t.Errorf("%s %s %s %s", *both[0].Code, *both[1].Code, *both[1].Message, *both[2].Code)
			}
			// Tencent Cloud tells of what is wrong with the text number by number, and of a bad number as that.
			unknown := *otp
			unknown.ID = 1
			for code, got := range map[string][]*tcsms.SendStatus{
				"FailedOperation.TemplateUnapprovedOrNotExist":             send(&unknown, []string{"246810"}, "14200000077", "12"),
				"FailedOperation.TemplateParamSetNotMatchApprovedTemplate": send(otp, nil, "14200000077", "12"),
				"InvalidParameterValue.TemplateParameterFormatError":       send(otp, []string{"1.5"}, "14200000077", "12"),
			} {
				if *got[0].Code != code || *got[0].SerialNo != "" || *got[0].Fee != 0 || *got[0].Message == "" || *got[1].Code != "InvalidParameterValue.IncorrectPhoneNumber" {
					t.Errorf("%s %s, not %s", *got[0].Code, *got[0].Message, code)
				}
			}
			in := tcsms.NewPullSmsSendStatusRequest()
			in.Limit, in.SmsSdkAppId = common.Uint64Ptr(10), common.StringPtr(short(n.application()))
			n.wait("the report is pulled", func() bool {
				out, err := client.PullSmsSendStatus(in)
				if n.tooSoon(err) {
					return false
				}
				for _, x := range out.Response.PullSmsSendStatusSet {
					if *x.SerialNo == serial {
						return *x.ReportStatus == "SUCCESS" && *x.PhoneNumber == "+86"+member && *x.SubscriberNumber == member && *x.SessionContext == "ctx 7"
					}
				}
				return false
			})
			wrong := k
			wrong.Secret = strings.Repeat("0", 32)
			bad := tcsms.NewSendSmsRequest()
			_, err := n.tencent(wrong, set).SendSms(bad)
			var fault *tcerrors.TencentCloudSDKError
			if !errors.As(err, &fault) || fault.Code != "AuthFailure.SignatureFailure" {
				t.Errorf("%v", err)
			}
			n.seesFailure(k)
		})
	}
}
