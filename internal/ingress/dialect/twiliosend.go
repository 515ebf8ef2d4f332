package dialect

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// twilioValidity is the longest ValidityPeriod in seconds.
const twilioValidity = 36000

// twilioCannot are parameters that ask for what does not happen here. Taking them in silence
// would promise it.
func twilioCannot(c *twilioCall) error {
	for _, name := range []string{"MediaUrl", "MaxPrice", "PersistentAction", "ApplicationSid"} {
		if c.form.Get(name) != "" {
			return sms.Errorf(sms.BadRequest, name, "it is not done here: leave it out")
		}
	}
	for name, harmless := range map[string]string{"ShortenUrls": "false", "SendAsMms": "false", "ContentRetention": "retain", "AddressRetention": "retain"} {
		if v := c.form.Get(name); v != "" && v != harmless {
			return sms.Errorf(sms.BadRequest, name, "only %s is possible here", harmless)
		}
	}
	return nil
}

// service finds the signature that a request is sent under.
func (c *twilioCall) service() (*registry.Signature, error) {
	given := c.form.Get("MessagingServiceSid")
	if c.form.Get("From") != "" || given == "" {
		return nil, sms.Errorf(sms.SignatureMismatch, "MessagingServiceSid", "no number is a sender here: leave From out, and give MG and the signature's id in 32 hexadecimal digits")
	}
	return c.signatureOf(given, "MessagingServiceSid")
}

func (c *twilioCall) signatureOf(given, field string) (*registry.Signature, error) {
	x := c.who.Snap.Signature[fromSID(sidService, given)]
	if x == nil || x.PartyID != c.who.App.PartyID {
		return nil, sms.Errorf(sms.SignatureMismatch, field, "you have no signature of this id")
	}
	return x, nil
}

// text makes the part of a call: of content, or of a body that an approved template fits, which
// the gate finds as for any other interface.
func (c *twilioCall) text(sig *registry.Signature, to []gate.Recipient) (gate.Part, error) {
	body, content := c.form.Get("Body"), c.form.Get("ContentSid")
	switch {
	case body != "" && content != "":
		return gate.Part{}, sms.Errorf(sms.BadRequest, "Body", "give Body or ContentSid, not both")
	case content != "":
		w := c.who.Snap.Wording(fromSID(sidContent, content))
		if w == nil || w.Template.PartyID != c.who.App.PartyID {
			return gate.Part{}, sms.Errorf(sms.TemplateNotApproved, "ContentSid", "you have no approved template of this id")
		}
		values, err := variables(c.form.Get("ContentVariables"), "ContentVariables")
		if err != nil {
			return gate.Part{}, err
		}
		return part(w, sig.Text, numbered(w, values), to)
	case body == "":
		return gate.Part{}, sms.Errorf(sms.BadText, "Body", "give Body or ContentSid")
	}
	head := "【" + sig.Text + "】"
	if !strings.HasPrefix(body, head) {
		if strings.HasPrefix(body, "【") {
			return gate.Part{}, sms.Errorf(sms.SignatureMismatch, "Body", "it begins with another signature than that of MessagingServiceSid")
		}
		body = head + body
	}
	return gate.Part{Text: body, Recipients: to}, nil
}

// numbered gives variables that are called 1, 2, … the names of the template's, in their order.
func numbered(w *registry.ApprovedWording, values map[string]string) map[string]string {
	names, out := w.Wording.Names(), make(map[string]string, len(values))
	for k, v := range values {
		if n, err := strconv.Atoi(k); err == nil && n >= 1 && n <= len(names) {
			k = names[n-1]
		}
		out[k] = v
	}
	return out
}

// times reads when it is to be sent.
func (c *twilioCall) times(now time.Time) (at, notAfter time.Time, err error) {
	given, kind := c.form.Get("SendAt"), c.form.Get("ScheduleType")
	if given != "" || kind != "" {
		if at, err = time.Parse(time.RFC3339, given); err != nil || kind != "fixed" {
			return at, notAfter, sms.Errorf(sms.BadRequest, "SendAt", "it is a time like 2026-11-27T10:00:00Z, with ScheduleType=fixed")
		}
	}
	if v := c.form.Get("ValidityPeriod"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > twilioValidity {
			return at, notAfter, sms.Errorf(sms.BadRequest, "ValidityPeriod", "it is a number of seconds from 1 to %d", twilioValidity)
		}
		if notAfter = now; at.After(now) {
			notAfter = at
		}
		notAfter = notAfter.Add(time.Duration(n) * time.Second)
	}
	return at, notAfter, nil
}

func (t *Twilio) send(ctx context.Context, c *twilioCall) (int, any, error) {
	if c.form.Get("To") == "" {
		return 0, nil, sms.Errorf(sms.BadNumber, "To", "it is missing")
	}
	number, err := sms.ParseMSISDN(c.form.Get("To"))
	if err != nil {
		return 0, nil, sms.Errorf(sms.BadNumber, "To", "%s", err)
	}
	if err := twilioCannot(c); err != nil {
		return 0, nil, err
	}
	sig, err := c.service()
	if err != nil {
		return 0, nil, err
	}
	to := []gate.Recipient{{Number: number}}
	p, err := c.text(sig, to)
	if err != nil {
		return 0, nil, err
	}
	call := &gate.Call{Application: c.who.App.ID, Key: c.http.Header.Get("Idempotency-Key"), Payload: []byte(c.form.Encode()), Parts: []gate.Part{p}}
	if call.SendAt, call.NotAfter, err = c.times(t.Now()); err != nil {
		return 0, nil, err
	}
	if to[0].Ref, err = t.callbackOf(ctx, c); err != nil {
		return 0, nil, err
	}
	answer, err := t.decide(ctx, &c.request, call)
	if err != nil {
		return 0, nil, err
	}
	res := &answer.Results[0]
	if res.State == sms.Refused {
		return 0, nil, &refusal{res.Code, res.Rule, explain(res, true)}
	}
	if res.MessageID == 0 { // a dry run
		return http.StatusOK, twilioMessage{Status: twilioStates[res.State], Direction: "outbound-api", To: spelledE164(number), AccountSID: c.account, ServiceSID: sid(sidService, sig.ID), APIVersion: twilioVersion}, nil
	}
	list, err := t.resources(ctx, c, []sms.ID{res.MessageID})
	if err != nil {
		return 0, nil, err
	}
	if len(list) == 0 {
		return 0, nil, sms.Errorf(sms.Internal, "", "the message is gone")
	}
	list[0].Body = p.Text
	return http.StatusCreated, list[0], nil
}

// twilioRef is what a message of Twilio's interface is known by: the webhook that its
// StatusCallback named, if any.
const twilioRef = "twilio"

func refOfCallback(hook sms.ID) string {
	if hook == 0 {
		return twilioRef
	}
	return twilioRef + " " + hook.String()
}

// callbackNamed is the webhook that a message's reference names, 0 for none.
func callbackNamed(ref string) sms.ID {
	rest, ok := strings.CutPrefix(ref, twilioRef+" ")
	if !ok {
		return 0
	}
	id, err := sms.ParseID(rest)
	if err != nil {
		return 0
	}
	return id
}

var longNumber = regexp.MustCompile(`[0-9]{11}`)

// callbackOf finds the webhook of the address in StatusCallback, or makes it: each address is a
// webhook of its own, with its retries, its log and its place among those that an application
// may have.
func (t *Twilio) callbackOf(ctx context.Context, c *twilioCall) (string, error) {
	address := c.form.Get("StatusCallback")
	if address == "" {
		return refOfCallback(0), nil
	}
	if err := callback.CheckURL(address, t.PrivateWebhooks); err != nil {
		return "", sms.Errorf(sms.BadRequest, "StatusCallback", "it is no http or https address of the public network without a password")
	}
	if longNumber.MatchString(address) {
		return "", sms.Errorf(sms.BadRequest, "StatusCallback", "it holds a number that may be somebody's: MessageSid tells which message it is about")
	}
	if c.http.Header.Get("X-Dry-Run") == "true" {
		return refOfCallback(0), nil
	}
	var hook sms.ID
	err := t.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Webhooks(ctx, c.who.App.ID)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(list, func(w sms.Webhook) bool {
			return w.Named && w.Format == "twilio" && w.URL == address && w.KeyID == c.who.Key.ID
		}); i >= 0 {
			hook = list[i].ID
			return nil
		}
		if len(list) >= callback.MaxWebhooks {
			return sms.Errorf(sms.BadRequest, "StatusCallback", "an application has at most %d addresses for callbacks, and each new one is one more: use one address; MessageSid tells which message it is about", callback.MaxWebhooks)
		}
		hook = t.IDs.Next()
		return tx.PutWebhook(ctx, sms.Webhook{
			ID: hook, ApplicationID: c.who.App.ID, URL: address, Secret: t.Keys.Seal(vault.PurposeLogin, []byte(vault.NewPassword()+vault.NewPassword())),
			Format: "twilio", KeyID: c.who.Key.ID, Named: true, Kinds: kindReport, State: registry.Active, SentTo: hook, CreatedAt: t.Now().UnixMilli(),
		})
	})
	return refOfCallback(hook), err
}
