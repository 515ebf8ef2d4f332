package dialect

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // Twilio's signature is HMAC-SHA1
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// twilioPush is status callbacks and the webhook of incoming messages.
type twilioPush struct{ *Push }

func (twilioPush) Tells(w *sms.Webhook, e *sms.Event) bool {
	switch e.Kind {
	case kindMO:
		return !w.Named
	case kindReport:
		var b struct {
			Ref   string
			State sms.State
		}
		if json.Unmarshal(e.Body, &b) != nil || twilioStates[b.State] == "" {
			return false
		}
		if named := callbackNamed(b.Ref); w.Named || named != 0 {
			return w.Named && named == w.ID
		}
		return true
	}
	return false
}

func (twilioPush) Joins(_, _ *sms.Event) bool { return false }

func (p twilioPush) Write(ctx context.Context, tx callback.FormatTx, w *sms.Webhook, list []sms.Event) (*callback.Post, error) {
	snap, err := p.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	key := snap.KeyByID(w.KeyID)
	if key == nil || key.RevokedAt != 0 {
		return &callback.Post{Err: errors.New("the key that signs was revoked: put the webhook with the key_id of another")}, nil
	}
	form, err := p.form(ctx, tx, snap, &list[0])
	if err != nil || form == nil {
		return nil, err
	}
	form.Set("AccountSid", key.AccessID)
	form.Set("ApiVersion", twilioVersion)
	secret, err := p.Keys.Open(vault.PurposeLogin, key.Secret)
	if err != nil {
		return nil, err
	}
	return &callback.Post{Body: []byte(form.Encode()), Header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8", "X-Twilio-Signature": twilioSignature(string(secret), w.URL, form),
	}}, nil
}

// form is what is told of an event, nil when nothing is known of it any more.
func (p twilioPush) form(ctx context.Context, tx callback.FormatTx, snap *registry.Snapshot, e *sms.Event) (url.Values, error) {
	form := url.Values{}
	id := sid(sidMessage, e.ObjectID)
	form.Set("MessageSid", id)
	form.Set("SmsSid", id)
	if e.Kind == kindMO {
		replies, err := p.replies(ctx, tx, snap, []sms.Event{*e})
		if err != nil || len(replies) == 0 {
			return nil, err
		}
		x := &replies[0]
		form.Set("From", spelledE164(x.number))
		form.Set("To", x.Dest)
		form.Set("Body", x.text)
		form.Set("NumMedia", "0")
		form.Set("NumSegments", "1")
		if app := snap.Application[x.ApplicationID]; app != nil {
			if sig := snap.SignatureOf(app.PartyID, x.signature); sig != nil {
				form.Set("MessagingServiceSid", sid(sidService, sig.ID))
			}
		}
		if x.OptOut != "" {
			form.Set("OptOutType", "STOP")
		}
		return form, nil
	}
	reports, err := p.reports(ctx, tx, snap, []sms.Event{*e}, "")
	if err != nil || len(reports) == 0 {
		return nil, err
	}
	x := &reports[0]
	source := ""
	if err := tx.SegmentsOf(ctx, []sms.ID{x.ID}, func(s sms.Segment) { source = s.Source }); err != nil {
		return nil, err
	}
	form.Set("MessageStatus", twilioStates[x.State])
	form.Set("SmsStatus", twilioStates[x.State])
	form.Set("To", spelledE164(x.number))
	form.Set("From", source)
	form.Set("MessagingServiceSid", sid(sidService, x.SignatureID))
	if x.stat != "" {
		form.Set("RawDlrDoneDate", time.UnixMilli(x.reported).In(rulebook.Shanghai).Format("0601021504"))
	}
	if code, _ := errorOf(&x.sent); code != 0 {
		form.Set("ErrorCode", strconv.Itoa(code))
	}
	return form, nil
}

// twilioSignature is X-Twilio-Signature: of the address as it was registered and of the sorted
// names with their values.
func twilioSignature(secret, address string, form url.Values) string {
	var b strings.Builder
	b.WriteString(address)
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b.WriteString(name + form.Get(name))
	}
	m := hmac.New(sha1.New, []byte(secret))
	m.Write([]byte(b.String()))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}
