package web

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// callback is one with a payload.
func callback(payload string) *Callback { return &Callback{Payload: []byte(payload)} }

// textOf reads an MO's content.
func textOf(t *testing.T, m session.MO) string {
	t.Helper()
	if m.Coding != 8 || len(m.Content)%2 != 0 {
		t.Errorf("the content is of coding %d, %d bytes", m.Coding, len(m.Content))
		return ""
	}
	units := make([]uint16, len(m.Content)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(m.Content[2*i:])
	}
	return string(utf16.Decode(units))
}

// What is no callback of the cloud's gives nothing, and too much of one is bounded.
func TestCloudCallbacksThatAreNone(t *testing.T) {
	t.Parallel()
	for _, c := range clouds {
		api, err := c.make(c.account(t, "http://127.0.0.1:1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, payload := range []string{"", "null", cloudNumber, `"` + cloudNumber + `"`, "<xml>", `[{"phone_number":"` + cloudNumber + `"`, "[}", `[{}]`, `[17000000001]`, `[[]]`, `[{"phone_number":{"a":17000000001}}]`} {
			reports, err := api.Reports(callback(payload))
			if len(reports) != 0 || err == nil {
				t.Errorf("%s: %q: %d reports, %v", c.name, payload, len(reports), err)
			}
			discreet(t, err)
			replies, err := api.Replies(callback(payload))
			if len(replies) != 0 || err == nil {
				t.Errorf("%s: %q: %d replies, %v", c.name, payload, len(replies), err)
			}
			discreet(t, err)
		}
		if list, err := api.Reports(callback("[]")); len(list) != 0 || err != nil {
			t.Errorf("%s: an empty list: %v, %v", c.name, list, err)
		}
		one := `{"phone_number":"17000000001","success":true,"err_code":"DELIVERED","biz_id":"1^0","mobile":"17000000001","report_status":"SUCCESS","sid":"1:a"},`
		list, err := api.Reports(callback("[" + strings.TrimSuffix(strings.Repeat(one, 1001), ",") + "]"))
		if len(list) != 1000 || err == nil || !strings.Contains(err.Error(), "1000th") {
			t.Errorf("%s: %d reports, %v", c.name, len(list), err)
		}
	}
}

func FuzzCloudCallbacks(f *testing.F) {
	for _, payload := range []string{
		`[{"phone_number":"17000000001","success":true,"err_code":"DELIVERED","biz_id":"12345","out_id":"67890"}]`,
		`[{"phone_number":"17000000001","content":"退订","dest_code":"0042","sequence_id":1234567890}]`,
		`[{"nationcode":"86","mobile":"17000000001","report_status":"FAIL","errmsg":"MK:0001","sid":"2028:f825e7","ext":"1"}]`,
		`{"extend":"0042","mobile":"17000000001","nationcode":"86","sign":"准信","text":"退订","time":1457336869}`,
		`[{"phone_number":8.5e10,"success":"false"},null,[],"",1]`, "\ufeff[]",
	} {
		f.Add([]byte(payload))
	}
	apis := []API{&Aliyun{accessCode: "10690001"}, &Tencent{accessCode: "10690001", secret: cloudSecret}}
	f.Fuzz(func(t *testing.T, payload []byte) {
		for _, api := range apis {
			c := &Callback{Payload: payload}
			reports, _ := api.Reports(c) // what it could not read is of no interest
			for _, r := range reports {
				if _, err := sms.ParseMSISDN(r.Dest); err != nil || r.ID+r.Ref == "" || r.ID != "" && !isID(r.ID) || len(r.Ref) > maxID || r.Stat == "" || len(r.Stat+r.Err) > 2*maxID {
					t.Errorf("%+v: %v", r, err)
				}
			}
			replies, _ := api.Replies(c)
			for _, m := range replies {
				if _, err := sms.ParseMSISDN(m.Source); err != nil || m.ID != "" && !isID(m.ID) || len(m.Dest) > maxDest || len(m.Content) > 2*maxReply || len(m.Content)%2 != 0 {
					t.Errorf("%+v: %v", m, err)
				}
			}
			if len(reports) > maxEntries || len(replies) > maxEntries {
				t.Errorf("%d reports and %d replies", len(reports), len(replies))
			}
		}
	})
}

// fixed answers every request alike, without a network.
type fixed struct {
	status int
	body   []byte
}

func (x fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: x.status, Status: fmt.Sprint(x.status), Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(x.body)), Request: r}, nil
}

// Whatever comes back, an SDK does not fall over it, and nothing but its word for taken
// is taken for that.
func FuzzCloudAnswers(f *testing.F) {
	for _, body := range []string{
		`{"Code":"OK","BizId":"1^0","RequestId":"R1"}`, `{"Code":"Throttling","AccessDeniedDetail":{"a":"b"},"Message":1}`, `{"Code":null}`,
		`{"Response":{"SendStatusSet":[{"Code":"Ok","SerialNo":"1","Fee":1}],"RequestId":"R1"}}`, `{"Response":{"Error":{"Code":"InternalError"},"RequestId":"R1"}}`,
		`{"code":1,"codeDesc":"x"}`, `{"Response":null}`, `[]`,
	} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	m := cloudMessage(f)
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		for _, c := range clouds {
			api, err := c.make(Account{Login: cloudLogin, Secret: cloudSecret, Cloud: &registry.CloudUpstream{AppID: "1400006666"}, Transport: fixed{status, body}})
			if err != nil {
				t.Fatal(err)
			}
			answer, err := api.Send(t.Context(), m)
			if answer.Verdict == Accepted && (status != 200 || !bytes.Contains(body, []byte(answer.Code)) && !bytes.Contains(body, []byte(`\u`)) || !isID(answer.ID) || err != nil) {
				t.Errorf("%+v, %v", answer, err)
			}
			if answer.Code == "" && err == nil && answer.Verdict != NotNow || len(answer.Code) > maxID {
				t.Errorf("%+v without an error", answer)
			}
		}
	})
}
