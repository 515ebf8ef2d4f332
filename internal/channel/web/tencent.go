package web

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	tcerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// tencentRegion is where Tencent Cloud SMS is asked unless the channel says otherwise.
const tencentRegion = "ap-guangzhou"

// templatesAtOnce is how many templates DescribeSmsTemplateList takes.
const templatesAtOnce = 100

// Tencent is Tencent Cloud SMS (API of 2021-01-11) as an upstream, signed by
// TC3-HMAC-SHA256.
type Tencent struct {
	client     *tcsms.Client
	appID      string
	accessCode string
	secret     string
}

var _ API = (*Tencent)(nil)

// NewTencent makes the API of an account: Login is the SecretId, Secret the SecretKey.
func NewTencent(a Account) (*Tencent, error) {
	endpoint, err := Endpoint(registry.ByTencent, a.Address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("tencent: the channel's address: %w", err)
	case strings.Trim(endpoint.Path, "/") != "":
		return nil, errors.New("tencent: the channel's address has a path; the API has none")
	case a.Login == "" || a.Secret == "":
		return nil, errors.New("tencent: login is the SecretId, secret the SecretKey: none may be empty")
	case a.Cloud == nil || a.Cloud.AppID == "":
		return nil, errors.New("tencent: options.cloud.app_id is empty; write the SDK AppID of the application there, as the console of SMS shows it")
	}
	region := a.Cloud.Region
	if region == "" {
		region = tencentRegion
	}
	p := profile.NewClientProfile() // it repeats nothing, and debugs nothing
	p.DisableRegionBreaker = true
	p.HttpProfile.Endpoint, p.HttpProfile.Scheme = endpoint.Host, endpoint.Scheme
	p.HttpProfile.ReqTimeout = 0 // the context's time counts
	client, err := tcsms.NewClient(common.NewCredential(a.Login, a.Secret), region, p)
	if err != nil {
		return nil, errors.New("tencent: the SDK does not take the login and its secret")
	}
	client.WithHttpTransport(strict{a.Transport})
	return &Tencent{client, a.Cloud.AppID, a.AccessCode, a.Secret}, nil
}

// ask makes one request; code is why the whole of it was turned down, "" if it was not.
// The error says why there is no answer.
func (t *Tencent) ask(ctx context.Context, do func(context.Context) error) (status int, code, request string, err error) {
	x, err := exchangeBy(ctx, do)
	if err == nil {
		return x.status, "", "", nil
	}
	var failed *tcerrors.TencentCloudSDKError
	if x.err == nil && errors.As(err, &failed) && !strings.HasPrefix(failed.Code, "ClientError.") {
		code, request = codeWord(failed.Code), codeWord(failed.RequestId)
	}
	if code == "" || request == "" { // the cloud names every request that reached it
		return x.status, "", "", x.unanswered("tencent")
	}
	return x.status, code, request, nil
}

// tencentAccount are codes that are about the account and not the message: the next one
// would get them, too.
var tencentAccount = []string{
	"AuthFailure", "UnauthorizedOperation", "FailedOperation.InsufficientBalanceInSmsPackage", "LimitExceeded.App",
}

// tencentVerdict reads a code, of a request or of a number. Tencent Cloud's error codes
// of SMS (错误码).
func tencentVerdict(status int, code string) Verdict {
	switch {
	case code == "Ok" && status == http.StatusOK:
		return Accepted
	case code == "RequestLimitExceeded", strings.HasPrefix(code, "RequestLimitExceeded."):
		return NotNow
	case status >= http.StatusInternalServerError, strings.HasPrefix(code, "InternalError"), strings.Contains(code, "Timeout"),
		strings.HasPrefix(code, "ServiceUnavailable"), code == "Ok",
		slices.Contains([]string{"FailedOperation", "FailedOperation.OtherError", "FailedOperation.ParametersOtherError"}, code): // anything
		return Unclear
	case begins(code, tencentAccount) && code != "UnauthorizedOperation.IndividualUserMarketingSmsPermissionDeny": // nothing else is
		return NotNow
	}
	return Refused
}

// Send implements API: SendSms. What it can't ask for is refused, with an error.
func (t *Tencent) Send(ctx context.Context, m *Message) (Answer, error) {
	request, err := t.request(m)
	if err != nil {
		return Answer{Verdict: Refused}, err
	}
	id, number := "", "" // the number's own code
	status, code, _, err := t.ask(ctx, func(ctx context.Context) error {
		resp, err := t.client.SendSmsWithContext(ctx, request)
		if err != nil {
			return err
		}
		if resp.Response == nil || len(resp.Response.SendStatusSet) != 1 || resp.Response.SendStatusSet[0] == nil {
			return errNoObject
		}
		s := resp.Response.SendStatusSet[0]
		if id, number = valueOf(s.SerialNo), codeWord(valueOf(s.Code)); number == "" {
			return errNoObject
		}
		return nil
	})
	if err != nil {
		return Answer{}, err
	}
	if code == "" {
		code = number
	}
	v := tencentVerdict(status, code)
	if v == Accepted {
		return accepted("tencent", code, id)
	}
	return Answer{Verdict: v, Code: code}, nil
}

func (t *Tencent) request(m *Message) (*tcsms.SendSmsRequest, error) {
	signature, err := signatureOf("tencent", m)
	if err != nil {
		return nil, err
	}
	places, err := registry.Positions(m.Names)
	if err != nil {
		return nil, fmt.Errorf("tencent: not asked: %w", err)
	}
	r := tcsms.NewSendSmsRequest()
	r.PhoneNumberSet = common.StringPtrs([]string{"+" + m.Number.Reveal()})
	r.SmsSdkAppId, r.TemplateId, r.SignName = &t.appID, &m.Template, &signature
	for _, i := range places {
		r.TemplateParamSet = append(r.TemplateParamSet, &m.Values[i])
	}
	r.ExtendCode, r.SessionContext = optional(m.Extension), optional(m.Ref)
	return r, nil
}

func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// tencentStates are those of StatusCode.
var tencentStates = map[int64]string{0: Approved, 1: Reviewing, 2: Pending, -1: Rejected}

// Wordings asks for the texts of templates, a hundred at once: DescribeSmsTemplateList.
// Those that the account does not have are left out. With an error come those that it had
// told by then.
func (t *Tencent) Wordings(ctx context.Context, codes []string) (map[string]Wording, error) {
	var ids []*uint64
	for _, c := range codes {
		if n, err := strconv.ParseUint(c, 10, 64); err == nil && strconv.FormatUint(n, 10) == c {
			ids = append(ids, &n)
		}
	}
	out := map[string]Wording{}
	for chunk := range slices.Chunk(ids, templatesAtOnce) {
		if err := t.wordings(ctx, chunk, out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// wordings asks for some. If one of them is not there the cloud may say so of all: it is
// found by halves.
func (t *Tencent) wordings(ctx context.Context, ids []*uint64, out map[string]Wording) error {
	request := tcsms.NewDescribeSmsTemplateListRequest()
	request.International = common.Uint64Ptr(0)
	request.TemplateIdSet = ids
	status, code, name, err := t.ask(ctx, func(ctx context.Context) error {
		resp, err := t.client.DescribeSmsTemplateListWithContext(ctx, request)
		if err != nil {
			return err
		}
		if resp.Response == nil || resp.Response.RequestId == nil {
			return errNoObject
		}
		for _, s := range resp.Response.DescribeTemplateStatusSet {
			if s == nil || s.TemplateId == nil || s.StatusCode == nil {
				continue
			}
			state, known := tencentStates[*s.StatusCode]
			if !known {
				state = strconv.FormatInt(*s.StatusCode, 10)
			}
			out[strconv.FormatUint(*s.TemplateId, 10)] = Wording{valueOf(s.TemplateContent), state == Approved, state}
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case code == "" && status == http.StatusOK:
		return nil
	case code != "FailedOperation.TemplateIdNotExist" && code != "FailedOperation.MissingTemplateList":
		return turnedDown("tencent", code, name)
	case len(ids) == 1:
		return nil
	}
	half := len(ids) / 2
	if err := t.wordings(ctx, ids[:half], out); err != nil {
		return err
	}
	return t.wordings(ctx, ids[half:], out)
}

// Reports implements API: the callback of status reports (短信下发状态通知).
func (t *Tencent) Reports(c *Callback) ([]Report, error) {
	type entry struct {
		Country anyText `json:"nationcode"`
		Number  anyText `json:"mobile"`
		Status  anyText `json:"report_status"`
		Code    anyText `json:"errmsg"`
		ID      anyText `json:"sid"`
		Ref     anyText `json:"ext"`
	}
	return readEach(c, func(e *entry) (Report, error) {
		if e.Status != "SUCCESS" && e.Status != "FAIL" {
			return Report{}, errors.New("report_status is neither SUCCESS nor FAIL")
		}
		return reportOf(string(e.ID), string(e.Ref), abroad(string(e.Country), string(e.Number)), e.Status == "SUCCESS", string(e.Code))
	})
}

// Replies implements API: the callback of replies (短信回复通知).
func (t *Tencent) Replies(c *Callback) ([]session.MO, error) {
	type entry struct {
		Country   anyText `json:"nationcode"`
		Number    anyText `json:"mobile"`
		Text      anyText `json:"text"`
		Extension anyText `json:"extend"`
		Time      anyText `json:"time"`
	}
	return readEach(c, func(e *entry) (session.MO, error) {
		id := ""
		if e.Time != "" {
			id = t.replyID(string(e.Time), string(e.Country), string(e.Number), string(e.Extension), string(e.Text))
		}
		return moOf(id, abroad(string(e.Country), string(e.Number)), t.accessCode+string(e.Extension), string(e.Text))
	})
}

// replyID is the same for a reply that comes again. Tencent gives them no ids; under the
// account's secret nobody finds out by it who wrote.
func (t *Tencent) replyID(of ...string) string {
	b, err := json.Marshal(of)
	if err != nil { // texts alone can't fail
		return ""
	}
	m := hmac.New(sha256.New, []byte(t.secret))
	m.Write(b)
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// abroad puts the country's code before a number that is not the mainland's.
func abroad(country, number string) string {
	country = strings.TrimPrefix(country, "+")
	if country == "" || country == "86" {
		return number
	}
	return "+" + country + number
}

// Received implements API.
func (t *Tencent) Received(w http.ResponseWriter, ok bool) {
	answerCallback(w, ok, `{"result":0,"errmsg":"OK"}`, `{"result":1,"errmsg":"not stored, send it again"}`)
}
