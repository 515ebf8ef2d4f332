package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/utils"
	dysmsapi "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// longestWait bounds how long a cloud may have a channel rest.
const longestWait = time.Minute

// Aliyun is Aliyun SMS (短信服务, API of 2017-05-25) as an upstream, signed by
// ACS3-HMAC-SHA256.
type Aliyun struct {
	client     *dysmsapi.Client
	accessCode string
}

var _ API = (*Aliyun)(nil)

// NewAliyun makes the API of an account: Login is the AccessKey ID, Secret its secret.
func NewAliyun(a Account) (*Aliyun, error) {
	endpoint, err := Endpoint(registry.ByAliyun, a.Address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("aliyun: the channel's address: %w", err)
	case strings.Trim(endpoint.Path, "/") != "":
		return nil, errors.New("aliyun: the channel's address has a path; the API has none")
	case a.Login == "" || a.Secret == "":
		return nil, errors.New("aliyun: login is the AccessKey ID, secret its secret: none may be empty")
	case slices.Contains(strings.Split(os.Getenv("DEBUG"), ","), "dara"):
		return nil, errors.New("aliyun: by DEBUG=dara the SDK prints every number; take the variable out of the environment")
	}
	client, err := dysmsapi.NewClient(&openapi.Config{
		AccessKeyId: &a.Login, AccessKeySecret: &a.Secret, Endpoint: &endpoint.Host, Protocol: &endpoint.Scheme,
		// The SDK would sign on to the proxy of the environment with its password, to the cloud.
		NoProxy: &endpoint.Host, HttpClient: once{strict{a.Transport}},
	})
	if err != nil {
		return nil, errors.New("aliyun: the SDK does not take the login and its secret")
	}
	client.Client.DisableSDKError = dara.Bool(true) // else codes are texts only
	return &Aliyun{client, a.AccessCode}, nil
}

// once makes the SDK's requests by our transport, not by the SDK's own.
type once struct{ http.RoundTripper }

// Call implements dara.HttpClient.
func (o once) Call(r *http.Request, _ *http.Transport) (*http.Response, error) { return o.RoundTrip(r) }

// said is Aliyun's word on a request: OK, or why not.
type said struct {
	status        int
	code, request string
	wait          time.Duration
}

// ask makes one request. The error says why there is no code.
func (a *Aliyun) ask(ctx context.Context, do func(context.Context, *dysmsapi.Client) (code, request *string, err error)) (said, error) {
	client := *a.client // a call writes to it
	var code, request *string
	x, err := exchangeBy(ctx, func(ctx context.Context) (err error) {
		code, request, err = do(ctx, &client)
		return err
	})
	var failed dara.ResponseError
	if err != nil {
		if x.err != nil || x.status == 0 || !errors.As(err, &failed) {
			return said{}, x.unanswered("aliyun")
		}
		code, request = failed.GetCode(), nil
		if f, ok := failed.(interface{ GetRequestId() *string }); ok {
			request = f.GetRequestId()
		}
	}
	s := said{x.status, codeWord(dara.StringValue(code)), codeWord(dara.StringValue(request)), restOf(x.header)}
	if s.code == "" && s.status != http.StatusTooManyRequests {
		return said{}, x.unanswered("aliyun")
	}
	return s, nil
}

// restOf is how long the account is to rest, as the gateway's headers have it.
func restOf(h http.Header) time.Duration {
	headers := map[string]*string{}
	for _, name := range []string{"x-ratelimit-user-api", "x-ratelimit-user"} {
		if v := h.Get(name); v != "" {
			headers[name] = &v
		}
	}
	ms := dara.Int64Value(openapi.GetThrottlingTimeLeft(headers))
	return time.Duration(max(0, min(ms, longestWait.Milliseconds()))) * time.Millisecond
}

// aliyunAccount are codes that are about the account and not the message: the next one
// would get them, too.
var aliyunAccount = []string{
	"isv.AMOUNT_NOT_ENOUGH", "isv.OUT_OF_SERVICE", "isv.ACCOUNT_NOT_EXISTS", "isv.ACCOUNT_ABNORMAL", "isv.PRODUCT_UN", "isv.DENY_IP_RANGE",
	"isv.DAY_LIMIT_CONTROL", "isv.MONTH_LIMIT_CONTROL", "isp.RAM_PERMISSION_DENY", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidTimeStamp",
	"Forbidden",
}

// verdict reads a code. Aliyun's API error codes (API 错误码): isv.* are the caller's
// faults, isp.* Aliyun's own.
func (s *said) verdict() Verdict {
	switch {
	case s.code == "OK" && s.status == http.StatusOK:
		return Accepted
	case strings.HasPrefix(s.code, "Throttling"), s.status == http.StatusTooManyRequests:
		return NotNow
	case s.status >= http.StatusInternalServerError, s.status == http.StatusRequestTimeout, strings.Contains(s.code, "Timeout"),
		strings.HasPrefix(s.code, "isp.") && s.code != "isp.RAM_PERMISSION_DENY",
		strings.HasPrefix(s.code, "InternalError"), strings.HasPrefix(s.code, "ServiceUnavailable"), s.code == "OK",
		s.code == "SignatureNonceUsed": // it has seen this very request before
		return Unclear
	case begins(s.code, aliyunAccount):
		return NotNow
	}
	return Refused
}

// Send implements API: SendSms. What it can't ask for is refused, with an error.
func (a *Aliyun) Send(ctx context.Context, m *Message) (Answer, error) {
	request, err := aliyunRequest(m)
	if err != nil {
		return Answer{Verdict: Refused}, err
	}
	id := ""
	s, err := a.ask(ctx, func(ctx context.Context, client *dysmsapi.Client) (code, name *string, err error) {
		resp, err := client.SendSmsWithContext(ctx, request, &dara.RuntimeOptions{})
		if err != nil || resp.Body == nil {
			return nil, nil, err
		}
		id = dara.StringValue(resp.Body.BizId)
		return resp.Body.Code, resp.Body.RequestId, nil
	})
	if err != nil {
		return Answer{}, err
	}
	switch v := s.verdict(); v {
	case Accepted:
		return accepted("aliyun", s.code, id)
	case NotNow:
		return Answer{Verdict: v, Code: s.code, Wait: s.wait}, nil
	default:
		return Answer{Verdict: v, Code: s.code}, nil
	}
}

func aliyunRequest(m *Message) (*dysmsapi.SendSmsRequest, error) {
	signature, err := signatureOf("aliyun", m)
	if err != nil {
		return nil, err
	}
	r := &dysmsapi.SendSmsRequest{
		PhoneNumbers: optional(m.Number.National()), SignName: &signature, TemplateCode: &m.Template,
		SmsUpExtendCode: optional(m.Extension), OutId: optional(m.Ref),
	}
	if len(m.Names) == 0 {
		return r, nil
	}
	values := make(map[string]string, len(m.Names))
	for i, name := range m.Names {
		values[name] = m.Values[i]
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(values); err != nil {
		return nil, fmt.Errorf("aliyun: write the variables: %w", err)
	}
	r.TemplateParam = optional(strings.TrimSpace(b.String()))
	return r, nil
}

// aliyunStates are those of TemplateStatus, by number and by the name that lists have.
var aliyunStates = map[string]string{
	"0": Reviewing, "AUDIT_STATE_INIT": Reviewing,
	"1": Approved, "AUDIT_STATE_PASS": Approved,
	"2": Rejected, "AUDIT_STATE_NOT_PASS": Rejected,
	"10": Cancelled, "AUDIT_STATE_CANCEL": Cancelled, "AUDIT_SATE_CANCEL": Cancelled,
}

// Wordings asks for the texts of templates, one by one: GetSmsTemplate. Those that the
// account does not have are left out. With an error come those that it had told by then.
func (a *Aliyun) Wordings(ctx context.Context, codes []string) (map[string]Wording, error) {
	out := map[string]Wording{}
	for _, c := range codes {
		w := Wording{}
		s, err := a.ask(ctx, func(ctx context.Context, client *dysmsapi.Client) (code, name *string, err error) {
			resp, err := client.GetSmsTemplateWithContext(ctx, &dysmsapi.GetSmsTemplateRequest{TemplateCode: &c}, &dara.RuntimeOptions{})
			if err != nil || resp.Body == nil {
				return nil, nil, err
			}
			state := dara.StringValue(resp.Body.TemplateStatus)
			w = Wording{Body: dara.StringValue(resp.Body.TemplateContent), State: codeWord(state)}
			if known, ok := aliyunStates[state]; ok {
				w.State = known
			}
			return resp.Body.Code, resp.Body.RequestId, nil
		})
		switch {
		case err != nil:
			return out, err
		case s.verdict() == Accepted:
			w.Usable = w.State == Approved
			out[c] = w
		case strings.HasPrefix(s.code, "isv.") && strings.Contains(s.code, "TEMPLATE"):
		default:
			return out, turnedDown("aliyun", s.code, s.request)
		}
	}
	return out, nil
}

// Reports implements API: SmsReport.
func (a *Aliyun) Reports(c *Callback) ([]Report, error) {
	type entry struct {
		Number  anyText `json:"phone_number"`
		Success anyText `json:"success"`
		Code    anyText `json:"err_code"`
		ID      anyText `json:"biz_id"`
		Ref     anyText `json:"out_id"`
	}
	return readEach(c, func(e *entry) (Report, error) {
		if e.Success != "true" && e.Success != "false" {
			return Report{}, errors.New("success is neither true nor false")
		}
		r, err := reportOf(string(e.ID), string(e.Ref), string(e.Number), e.Success == "true", string(e.Code))
		r.Foreign = r.Ref == ""
		return r, err
	})
}

// Replies implements API: SmsUp.
func (a *Aliyun) Replies(c *Callback) ([]session.MO, error) {
	type entry struct {
		Number anyText `json:"phone_number"`
		Text   anyText `json:"content"`
		Dest   anyText `json:"dest_code"`
		ID     anyText `json:"sequence_id"`
	}
	return readEach(c, func(e *entry) (session.MO, error) {
		return moOf(string(e.ID), string(e.Number), a.written(string(e.Dest)), string(e.Text))
	})
}

// written is the number that was written to. The documentation has dest_code as the
// extension alone (扩展号码, 1234); whole numbers begin with the access code, or with 106.
func (a *Aliyun) written(dest string) string {
	if strings.HasPrefix(dest, a.accessCode) || strings.HasPrefix(dest, "106") && len(dest) >= 8 {
		return dest
	}
	return a.accessCode + dest
}

// Received implements API.
func (a *Aliyun) Received(w http.ResponseWriter, ok bool) {
	answerCallback(w, ok, `{"code":0,"msg":"ok"}`, `{"code":1,"msg":"not stored, send it again"}`)
}
