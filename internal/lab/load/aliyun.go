package load

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"time"
)

// Aliyun sends as programs of Aliyun's SDK do: SendSms to one number, signed with
// ACS3-HMAC-SHA256. Ends are read from the event feed, by the BizId.
type Aliyun struct {
	HTTP
	ID, Secret string
	SignName   string
	Templates  [numKinds]string
	Params     [numKinds]string
}

// Batch implements Sender.
func (a *Aliyun) Batch() int { return 1 }

// Send implements Sender.
func (a *Aliyun) Send(ctx context.Context, list []Message) {
	for i := range list {
		m := &list[i]
		code, biz, err := a.request(ctx, m)
		switch {
		case err == nil && code == "OK":
			a.Recorder.Accept(biz, m, time.Now())
		case err == nil && m.Kind == Refused && code == "isv.BUSINESS_LIMIT_CONTROL":
			a.Recorder.Refuse(m, time.Now())
		default:
			a.Recorder.Fail()
		}
	}
}

const (
	acs3       = "ACS3-HMAC-SHA256"
	acs3Signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
)

func (a *Aliyun) request(ctx context.Context, m *Message) (code, biz string, err error) {
	query := strings.ReplaceAll(url.Values{
		"PhoneNumbers": {m.Number}, "SignName": {a.SignName}, "TemplateCode": {a.Templates[m.Kind]}, "TemplateParam": {a.Params[m.Kind]},
	}.Encode(), "+", "%20")
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	empty := sha256.Sum256(nil)
	content, once, date := hex.EncodeToString(empty[:]), hex.EncodeToString(nonce[:]), time.Now().UTC().Format("2006-01-02T15:04:05Z")
	canonical := sha256.Sum256([]byte("POST\n/\n" + query + "\nhost:" + a.Pipes.address + "\nx-acs-action:SendSms\nx-acs-content-sha256:" + content +
		"\nx-acs-date:" + date + "\nx-acs-signature-nonce:" + once + "\nx-acs-version:2017-05-25\n\n" + acs3Signed + "\n" + content))
	mac := hmac.New(sha256.New, []byte(a.Secret))
	mac.Write([]byte(acs3 + "\n" + hex.EncodeToString(canonical[:])))
	header := [][2]string{
		{"x-acs-action", "SendSms"},
		{"x-acs-version", "2017-05-25"},
		{"x-acs-date", date},
		{"x-acs-signature-nonce", once},
		{"x-acs-content-sha256", content},
		{"Authorization", acs3 + " Credential=" + a.ID + ",SignedHeaders=" + acs3Signed + ",Signature=" + hex.EncodeToString(mac.Sum(nil))},
	}
	var out struct{ Code, BizID string }
	var bad error
	err = a.Pipes.do(ctx, "/?"+query, header, nil, func(_ int, body []byte) { bad = json.Unmarshal(body, &out) })
	return out.Code, out.BizID, errors.Join(err, bad)
}
