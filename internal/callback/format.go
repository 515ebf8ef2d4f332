package callback

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// FormatTx is what writing down events needs of a transaction.
type FormatTx interface {
	Texts
	Messages(ctx context.Context, ids []sms.ID, lock bool) ([]*sms.Message, error)
	SegmentsOf(ctx context.Context, ids []sms.ID, each func(sms.Segment)) error
	Numbers(ctx context.Context, ids [][16]byte, each func(id [16]byte, sealed []byte) error) error
}

// Format is how events are told in the form of another platform. What it changes is the
// request; order, repetition, replay, log and limits are the same for all.
type Format interface {
	// Tells tells whether an event has a form there at all.
	Tells(w *sms.Webhook, e *sms.Event) bool
	// Joins tells whether an event stands in the same request as the first one.
	Joins(first, e *sms.Event) bool
	// Write makes the request, or nil when nothing is known any more of what the events are about.
	Write(ctx context.Context, tx FormatTx, w *sms.Webhook, list []sms.Event) (*Post, error)
}

// Post is a request, and what its receiver must answer.
type Post struct {
	Body   []byte
	Header map[string]string
	Took   func(answer []byte) error // nil: any answer with 2xx will do
	// Err is why there is no request, which the webhook's owner must mend: the batch is repeated
	// and logged like one that was not taken.
	Err error
}

func (c *Caller) format(w *sms.Webhook) (Format, error) {
	if w.Format == "" {
		return own{c.Keys}, nil
	}
	if f := c.Formats[w.Format]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("this node knows no format %q", w.Format)
}

// own is our own format: whatever there is, as the feed shows it.
type own struct{ keys *vault.Keys }

func (own) Tells(*sms.Webhook, *sms.Event) bool { return true }
func (own) Joins(_, _ *sms.Event) bool          { return true }

func (f own) Write(ctx context.Context, tx FormatTx, w *sms.Webhook, list []sms.Event) (*Post, error) {
	views, err := Views(ctx, tx, f.keys, list)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(struct {
		Webhook sms.ID  `json:"webhook_id"`
		Events  []Event `json:"events"`
	}{w.ID, views})
	return &Post{Body: body, Header: map[string]string{"Content-Type": "application/json"}}, err
}
