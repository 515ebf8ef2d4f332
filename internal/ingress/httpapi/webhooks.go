package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// WebhookIn stores a webhook.
type WebhookIn struct {
	ID   string `path:"id" maxLength:"20" doc:"id, or new"`
	Body struct {
		URL    string `json:"url" minLength:"1" maxLength:"500"`
		Format string `json:"format,omitempty" enum:",aliyun,tencent,twilio" doc:"empty is our own; aliyun: SmsReport, SmsUp, SignSmsReport, TemplateSmsReport; tencent: status and reply callbacks; twilio: status callbacks and incoming messages. Kinds that a format does not have are not posted"`
		KeyID  sms.ID `json:"key_id,omitempty" doc:"with twilio: the key that signs whose secret makes X-Twilio-Signature"`
		Kinds  string `json:"kinds,omitempty" pattern:"^(|(report|mo|optout|signature|template|access_code|subcode|contract|authorisation|measure|campaign|duty)(,(report|mo|optout|signature|template|access_code|subcode|contract|authorisation|measure|campaign|duty))*)$" doc:"comma-separated: report, mo, optout, signature, template, access_code, subcode, contract, authorisation, measure, campaign, and of the operator's applications duty; empty is all"`
		State  string `json:"state,omitempty" enum:"active,paused" default:"active"`
		Rotate bool   `json:"rotate_secret,omitempty" doc:"make a new secret"`
	}
}

// WebhookView is a webhook as its owner sees it.
type WebhookView struct {
	ID           sms.ID `json:"id"`
	URL          string `json:"url"`
	Format       string `json:"format,omitempty"`
	KeyID        sms.ID `json:"key_id,omitempty"`
	Named        bool   `json:"status_callback,omitempty" doc:"made by a StatusCallback: only messages that named this address"`
	Kinds        string `json:"kinds,omitempty"`
	State        string `json:"state"`
	Secret       string `json:"secret,omitempty" doc:"shown once, when it was made"`
	SentTo       sms.ID `json:"sent_to" doc:"last event that was delivered or given up"`
	FailingSince int64  `json:"failing_since,omitempty"`
	Attempts     int    `json:"attempts,omitempty" doc:"of the batch that is due"`
	NextAt       int64  `json:"next_at,omitempty"`
}

// WebhookOut is one webhook; WebhooksOut is all.
type (
	WebhookOut  struct{ Body WebhookView }
	WebhooksOut struct {
		Body struct {
			Webhooks []WebhookView `json:"webhooks"`
		}
	}
)

// DeliveriesIn pages through the delivery log.
type DeliveriesIn struct {
	ID     string `path:"id" maxLength:"20"`
	Before string `query:"before" maxLength:"20" doc:"only calls older than this id"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
}

// DeliveriesOut is a page of the delivery log, newest first.
type DeliveriesOut struct {
	Body struct {
		Deliveries []sms.WebhookDelivery `json:"deliveries"`
	}
}

// ReplayIn sends events again.
type ReplayIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		After Cursor `json:"after,omitempty" doc:"events above this id …; empty is from the oldest"`
		UpTo  Cursor `json:"up_to,omitempty" doc:"… up to this one; empty is the last that was delivered"`
	}
}

func (a *API) webhooks() {
	op := func(id, method, path, title string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: title, Tags: []string{"events"}}
	}
	set := op("put-webhook", http.MethodPut, "/v1/webhooks/{id}", "Webhook 回调")
	set.Description = "Events are posted in batches of at most 100, in order. A batch that gets no 2xx within 5 s is repeated with growing pauses for 24 h, then it is given up (dead) and can be replayed. " +
		"`X-Signature: t=<unix>,v1=<hex>` is HMAC-SHA256 of `t.body` under the secret. With a `format` the bodies are a cloud's, and so is what the receiver must answer: `{\"code\":0}` for aliyun, `{\"result\":0}` for tencent, anything for twilio."
	operation(a, ScopeSend, set, a.putWebhook)
	operation(a, ScopeRead, op("webhooks", http.MethodGet, "/v1/webhooks", "Webhooks 回调列表"), a.listWebhooks)
	operation(a, ScopeRead, op("webhook-deliveries", http.MethodGet, "/v1/webhooks/{id}/deliveries", "Delivery log 回调日志"), a.deliveries)
	operation(a, ScopeSend, op("webhook-replay", http.MethodPost, "/v1/webhooks/{id}/replay", "Send events again 重发"), a.replay)
}

func viewWebhook(w *sms.Webhook) WebhookView {
	return WebhookView{ID: w.ID, URL: w.URL, Format: w.Format, KeyID: w.KeyID, Named: w.Named, Kinds: w.Kinds, State: w.State, SentTo: w.SentTo, FailingSince: w.FailingSince, Attempts: w.Attempts, NextAt: w.NextAt}
}

// webhook reads one of the caller's.
func (a *API) webhook(ctx context.Context, tx Tx, text string) (*sms.Webhook, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	list, err := tx.Webhooks(ctx, callerOf(ctx).app.ID)
	for i := range list {
		if list[i].ID == id {
			return &list[i], err
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, sms.Errorf(sms.NotFound, "path.id", "you have no webhook with this id")
}

func (a *API) putWebhook(ctx context.Context, in *WebhookIn) (*WebhookOut, error) {
	b, out := &in.Body, &WebhookOut{}
	if err := callback.CheckURL(b.URL, a.PrivateWebhooks); err != nil {
		return nil, err
	}
	if key := callerOf(ctx).snap.KeyByID(b.KeyID); (b.Format == "twilio") != (key != nil && key.AccessID != "" && key.ApplicationID == callerOf(ctx).app.ID) {
		return nil, sms.Errorf(sms.BadRequest, "body.key_id", "with the format twilio, and only then, name a key of your application that signs").Chinese("仅当格式为 twilio 时须填本应用用于签名的密钥")
	}
	secret := ""
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		var w *sms.Webhook
		if in.ID == "new" {
			list, err := tx.Webhooks(ctx, callerOf(ctx).app.ID)
			if err != nil {
				return err
			}
			if len(list) >= callback.MaxWebhooks {
				return sms.Errorf(sms.BadRequest, "path.id", "an application has at most %d webhooks", callback.MaxWebhooks).Chinese("一个应用至多 %d 个回调", callback.MaxWebhooks)
			}
			id := a.IDs.Next() // it begins with what happens from now on
			w = &sms.Webhook{ID: id, SentTo: id, ApplicationID: callerOf(ctx).app.ID, CreatedAt: a.Now().UnixMilli()}
		} else {
			var err error
			if w, err = a.webhook(ctx, tx, in.ID); err != nil {
				return err
			}
		}
		if secret = ""; len(w.Secret) == 0 || b.Rotate {
			secret = vault.NewPassword() + vault.NewPassword()
			w.Secret = a.Keys.Seal(vault.PurposeLogin, []byte(secret))
		}
		w.URL, w.Format, w.KeyID, w.Kinds, w.State = b.URL, b.Format, b.KeyID, b.Kinds, b.State
		w.Named = w.Named && w.Format == "twilio"
		if w.State == "" {
			w.State = registry.Active
		}
		out.Body = viewWebhook(w)
		return tx.PutWebhook(ctx, *w)
	})
	out.Body.Secret = secret
	return out, err
}

func (a *API) listWebhooks(ctx context.Context, _ *struct{}) (*WebhooksOut, error) {
	out := &WebhooksOut{}
	out.Body.Webhooks = []WebhookView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Webhooks(ctx, callerOf(ctx).app.ID)
		for i := range list {
			out.Body.Webhooks = append(out.Body.Webhooks, viewWebhook(&list[i]))
		}
		return err
	})
	return out, err
}

func (a *API) deliveries(ctx context.Context, in *DeliveriesIn) (*DeliveriesOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	out := &DeliveriesOut{}
	out.Body.Deliveries = []sms.WebhookDelivery{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		w, err := a.webhook(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		list, err := tx.WebhookDeliveries(ctx, w.ID, before, in.Limit)
		out.Body.Deliveries = append(out.Body.Deliveries, list...)
		return err
	})
	return out, err
}

func (a *API) replay(ctx context.Context, in *ReplayIn) (*WebhookOut, error) {
	if b := in.Body; b.UpTo != 0 && b.UpTo <= b.After {
		return nil, sms.Errorf(sms.BadRequest, "body.up_to", "no event is above %d and up to %d: give a larger id, or none", b.After, b.UpTo).Chinese("没有编号大于 %d 且不大于 %d 的事件，请填更大的编号或不填", b.After, b.UpTo)
	}
	out := &WebhookOut{}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		w, err := a.webhook(ctx, tx, in.ID)
		if err != nil {
			return err
		}
		w.ReplayFrom, w.ReplayTo = sms.ID(in.Body.After), sms.ID(in.Body.UpTo)
		if w.ReplayTo == 0 || w.ReplayTo > w.SentTo {
			w.ReplayTo = w.SentTo
		}
		out.Body = viewWebhook(w)
		return tx.PutWebhook(ctx, *w)
	})
	return out, err
}
