// Package callback posts events to customers' webhooks.
//
// A webhook is a cursor over its application's events: durable, in order, each
// batch repeated until the customer took it or a day has passed, and replayable by
// moving the cursor. Several nodes share the work by claims that end by themselves.
package callback

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// MaxWebhooks bounds those of an application.
const MaxWebhooks = 10

// Limits of calls.
const (
	batchEvents  = 100
	Timeout      = 5 * time.Second
	firstRetry   = 5 * time.Second
	longestRetry = time.Hour
	giveUpAfter  = 24 * time.Hour
	claimFor     = 30 * time.Second
	lookEvery    = time.Second
	maxParallel  = 16
	maxAnswer    = 64 << 10
)

// Tx is what the package needs of a transaction.
type Tx interface {
	DueWebhooks(ctx context.Context, at int64) ([]sms.Webhook, error)
	ClaimWebhook(ctx context.Context, id sms.ID, at, until int64) (bool, error)
	MoveWebhook(ctx context.Context, w sms.Webhook, replay sms.ID, d sms.WebhookDelivery) error
	Events(ctx context.Context, application, after sms.ID, limit int) ([]sms.Event, error)
	FormatTx
}

// Store runs the package's transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Caller posts.
type Caller struct {
	Store  Store
	Keys   *vault.Keys
	IDs    *sms.IDs
	Now    func() time.Time
	Logger *slog.Logger
	// Private lets webhooks reach addresses of the operator's own network.
	Private bool
	// Settle is how long an event may take from its id to its commit; 0 where
	// transactions follow one another, and ids with them.
	Settle time.Duration
	// Formats are the forms of other platforms, by their names.
	Formats map[string]Format

	once   sync.Once
	client *http.Client
}

// CheckURL tells what is wrong with an address. Private lets it be of the operator's own network;
// what a name leads to is looked at when it is called.
func CheckURL(s string, private bool) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || len(s) > 500:
		return sms.Errorf(sms.BadRequest, "body.url", "it is no absolute URL of at most 500 bytes").Chinese("应为至多 500 字节的完整网址")
	case u.Scheme != "https" && u.Scheme != "http":
		return sms.Errorf(sms.BadRequest, "body.url", "it begins with neither https nor http").Chinese("应以 https 或 http 开头")
	case u.User != nil:
		return sms.Errorf(sms.BadRequest, "body.url", "it holds a password; the signature proves who calls").Chinese("不得含密码，签名已能证明调用方")
	}
	if !private && !callable(u.Hostname()) {
		return sms.Errorf(sms.BadRequest, "body.url", "%s, or not in its usual form; give a public one", errPrivate).Chinese("是内网、本机或保留地址，或不是通常写法，请改用公网地址；运营商可在设置 webhook.private 中放行")
	}
	return nil
}

// callable tells whether a host is a name, or a public address in its usual form. What C programs
// read as an address too, such as 2130706433 or 0x7f.1, is neither: no name ends in a number.
func callable(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return reachable(ip)
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return last != "localhost" && !strings.HasPrefix(last, "0x") && strings.Trim(last, "0123456789") != "" // RFC 6761 §6.3
}

// reachable tells whether an address is one of the public network.
func reachable(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsGlobalUnicast() && !ip.IsPrivate()
}

var errPrivate = errors.New("the address is of a private network; the operator may allow it (webhook.private)")

// public refuses to connect into the operator's own network on a customer's word.
func (c *Caller) public(_, address string, _ syscall.RawConn) error {
	if c.Private {
		return nil
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	if !reachable(ip) {
		return errPrivate
	}
	return nil
}

func (c *Caller) init() {
	c.once.Do(func() {
		c.client = &http.Client{
			Timeout:       Timeout,
			Transport:     &http.Transport{DialContext: (&net.Dialer{Timeout: Timeout, Control: c.public}).DialContext, MaxIdleConnsPerHost: 2, ForceAttemptHTTP2: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	})
}

// Run calls what is due until ctx ends.
func (c *Caller) Run(ctx context.Context) {
	c.init()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := c.round(ctx); err != nil && ctx.Err() == nil {
			c.Logger.Error("webhooks", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// round calls each webhook that has something to be told.
func (c *Caller) round(ctx context.Context) error {
	var due []sms.Webhook
	err := c.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		due, err = tx.DueWebhooks(ctx, c.Now().UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	slots := make(chan struct{}, maxParallel)
	var calls sync.WaitGroup
	for _, w := range due {
		slots <- struct{}{}
		calls.Go(func() {
			defer func() { <-slots }()
			for c.serve(ctx, &w) && ctx.Err() == nil {
			}
		})
	}
	calls.Wait()
	return nil
}

// serve sends one batch; more says that another may follow at once.
func (c *Caller) serve(ctx context.Context, w *sms.Webhook) (more bool) {
	list, post, last, err := c.events(ctx, w)
	if err == nil && last == 0 {
		return false
	}
	now := c.Now().UnixMilli()
	claimed := false
	if err == nil {
		err = c.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			claimed, err = tx.ClaimWebhook(ctx, w.ID, now, now+claimFor.Milliseconds())
			return err
		})
	}
	if err != nil {
		c.Logger.Error("webhook", "id", w.ID, "err", err)
		return false
	}
	if !claimed {
		return false
	}
	d := sms.WebhookDelivery{WebhookID: w.ID, Last: last, Count: len(list), Attempt: w.Attempts + 1, State: "delivered"}
	if post != nil { // else none of them is of its kinds
		d.ID, d.First = c.IDs.Next(), list[0].ID
		begin := time.Now()
		d.Status, err = c.post(context.WithoutCancel(ctx), w, list, post)
		d.Millis = time.Since(begin).Milliseconds()
	}
	d.At = c.Now().UnixMilli()
	replay := w.ReplayFrom
	more = c.settle(w, &d, last, err)
	err = c.Store.Write(context.WithoutCancel(ctx), func(ctx context.Context, tx Tx) error { return tx.MoveWebhook(ctx, *w, replay, d) })
	if err != nil {
		c.Logger.Error("webhook", "id", w.ID, "err", err)
		return false
	}
	return more
}

// settle moves the cursor, or says when to try again.
func (c *Caller) settle(w *sms.Webhook, d *sms.WebhookDelivery, last sms.ID, failed error) (more bool) {
	if failed != nil {
		d.State, d.Error = "failed", failed.Error()
		if w.FailingSince == 0 {
			w.FailingSince = d.At
		}
		if d.At-w.FailingSince < giveUpAfter.Milliseconds() {
			wait := min(firstRetry<<min(w.Attempts, 12), longestRetry)
			w.Attempts, w.NextAt = w.Attempts+1, d.At+wait.Milliseconds()
			return false
		}
		d.State = "dead" // it can be sent again by a replay
	}
	w.Attempts, w.FailingSince, w.NextAt = 0, 0, 0
	if w.ReplayFrom < w.ReplayTo {
		w.ReplayFrom = last
	} else {
		w.SentTo = last
	}
	return true
}

// Event is what a webhook gets of one event; the feed shows the same.
type Event struct {
	ID   sms.ID          `json:"id"`
	Kind string          `json:"kind" enum:"report,mo,optout,signature,template,access_code,subcode,contract,authorisation,measure,campaign,part,duty"`
	At   int64           `json:"at"`
	Body json.RawMessage `json:"body"`
	Text string          `json:"text,omitempty" doc:"of an MO"`
}

// events reads the next batch with the request that tells it, nil when the webhook gets none
// of them, and the id up to which it reaches: 0 when there is nothing.
func (c *Caller) events(ctx context.Context, w *sms.Webhook) (kept []sms.Event, post *Post, last sms.ID, err error) {
	f, err := c.format(w)
	if err != nil {
		return nil, nil, 0, err
	}
	after, upTo := w.SentTo, sms.ID(1<<63-1)
	if w.ReplayFrom < w.ReplayTo {
		after, upTo = w.ReplayFrom, w.ReplayTo
	}
	settled := c.Now().Add(-c.Settle)
	err = c.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Events(ctx, w.ApplicationID, after, batchEvents)
		if err != nil {
			return err
		}
		kept, last = nil, 0
		for _, e := range list {
			if e.ID > upTo || c.Settle > 0 && e.ID.Time().After(settled) {
				break
			}
			if (w.Kinds == "" || strings.Contains(","+w.Kinds+",", ","+e.Kind+",")) && f.Tells(w, &e) {
				if len(kept) > 0 && !f.Joins(&kept[0], &e) {
					break // it is told by the next request
				}
				kept = append(kept, e)
			}
			last = e.ID
		}
		if last == 0 && upTo < 1<<62 {
			last = upTo // the replay ends
		}
		if len(kept) > 0 {
			post, err = f.Write(ctx, tx, w, kept)
		}
		return err
	})
	return kept, post, last, err
}

// Texts reads the texts of MOs.
type Texts interface {
	MOs(ctx context.Context, ids []sms.ID, each func(sms.MO)) error
}

// Views makes events what customers get, with the texts of MOs opened.
func Views(ctx context.Context, tx Texts, keys *vault.Keys, list []sms.Event) ([]Event, error) {
	out := make([]Event, len(list))
	var mos []sms.ID
	for i, e := range list {
		out[i] = Event{ID: e.ID, Kind: e.Kind, At: e.At, Body: e.Body}
		if e.Kind == "mo" {
			mos = append(mos, e.ObjectID)
		}
	}
	texts := map[sms.ID]string{}
	err := tx.MOs(ctx, mos, func(m sms.MO) {
		if plain, err := keys.Open(vault.PurposeMO, m.Text); err == nil {
			texts[m.ID] = string(plain)
		}
	})
	for i, e := range list {
		if e.Kind == "mo" {
			out[i].Text = texts[e.ObjectID]
		}
	}
	return out, err
}

// Sign is the value of X-Signature: the receiver recomputes it over the time, a
// dot and the body.
func Sign(secret string, at int64, body []byte) string {
	m := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(m, "%d.", at)
	m.Write(body)
	return fmt.Sprintf("t=%d,v1=%s", at, hex.EncodeToString(m.Sum(nil)))
}

// post sends a batch; an answer that is not 2xx, or does not say what the format wants to hear,
// is an error.
func (c *Caller) post(ctx context.Context, w *sms.Webhook, list []sms.Event, p *Post) (status int, err error) {
	if p.Err != nil {
		return 0, p.Err
	}
	c.init()
	secret, err := c.Keys.Open(vault.PurposeLogin, w.Secret)
	if err != nil {
		return 0, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL, bytes.NewReader(p.Body))
	if err != nil {
		return 0, err
	}
	for name, value := range p.Header {
		req.Header.Set(name, value)
	}
	req.Header.Set("X-Event-Id", list[0].ID.String()+"-"+list[len(list)-1].ID.String())
	req.Header.Set("X-Signature", Sign(string(secret), c.Now().Unix(), p.Body))
	resp, err := c.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) { // without the address, which the log has already
			err = u.Err
		}
		return 0, err
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode/100 != 2 {
		err = fmt.Errorf("answered %s", resp.Status)
	}
	if err == nil && p.Took != nil {
		err = p.Took(answer)
	}
	return resp.StatusCode, err
}
