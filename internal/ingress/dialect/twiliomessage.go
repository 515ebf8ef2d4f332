package dialect

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// twilioStates are the statuses of messages. One that waits for a reviewer or for lawful hours
// is accepted; one in doubt, or whose report never came, was sent.
var twilioStates = map[sms.State]string{
	sms.Permitted: "accepted", sms.Held: "accepted", sms.Deferred: "accepted", sms.Scheduled: "scheduled", sms.Queued: "queued",
	sms.Submitting: "sending", sms.Submitted: "sent", sms.InDoubt: "sent", sms.Unknown: "sent",
	sms.Delivered: "delivered", sms.Failed: "undelivered", sms.Expired: "failed", sms.Refused: "failed", sms.Cancelled: "canceled",
}

// undelivered is the code of a message that its carrier did not deliver: unknown error.
const undelivered = 30008

// twilioMessage is a Message resource.
type twilioMessage struct {
	SID          *string        `json:"sid"`
	Status       string         `json:"status"`
	Body         string         `json:"body"`
	NumSegments  string         `json:"num_segments"`
	NumMedia     string         `json:"num_media"`
	Direction    string         `json:"direction"`
	From         *string        `json:"from"`
	To           string         `json:"to"`
	Price        *string        `json:"price"`
	PriceUnit    string         `json:"price_unit"`
	ErrorCode    *int           `json:"error_code"`
	ErrorMessage *string        `json:"error_message"`
	AccountSID   string         `json:"account_sid"`
	ServiceSID   string         `json:"messaging_service_sid"`
	APIVersion   string         `json:"api_version"`
	DateCreated  string         `json:"date_created"`
	DateUpdated  string         `json:"date_updated"`
	DateSent     *string        `json:"date_sent"`
	URI          string         `json:"uri"`
	Sub          map[string]any `json:"subresource_uris"`
}

func rfc2822(ms int64) string { return time.UnixMilli(ms).UTC().Format(time.RFC1123Z) }

// spelledE164 is a number as Twilio writes it; "" when its person was erased.
func spelledE164(n sms.MSISDN) string {
	_, _, whole := spelled(n)
	return whole
}

// errorOf is why a message did not arrive, as a code and in words; 0 when it did, or may yet.
func errorOf(x *sent) (int, string) {
	switch x.State {
	case sms.Failed:
		return undelivered, x.errCode()
	case sms.Refused, sms.Expired:
		code := sms.Code(x.errCode())
		if e := sms.Lookup(code); e.Code == code {
			return sms.TwilioOf(code), e.En
		}
		return sms.TwilioOther, x.errCode()
	}
	return 0, ""
}

// resources reads messages of the caller's application, in the order of their ids given; what
// was filled into a template stays hidden (PRV-16).
func (t *Twilio) resources(ctx context.Context, c *twilioCall, ids []sms.ID) (out []twilioMessage, err error) {
	err = t.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		out = nil
		messages, err := tx.Messages(ctx, ids, false)
		if err != nil {
			return err
		}
		messages = slices.DeleteFunc(messages, func(m *sms.Message) bool { return m.ApplicationID != c.who.App.ID })
		slices.SortFunc(messages, func(a, b *sms.Message) int { return slices.Index(ids, a.ID) - slices.Index(ids, b.ID) })
		list, begun := make([]sent, len(messages)), map[sms.ID]int64{}
		for i, m := range messages {
			list[i].Message = m
		}
		if err := reported(ctx, tx, list); err != nil {
			return err
		}
		if err := tx.SegmentsOf(ctx, ids, func(s sms.Segment) {
			if at := begun[s.MessageID]; at == 0 || s.SubmitAt < at {
				begun[s.MessageID] = s.SubmitAt
			}
		}); err != nil {
			return err
		}
		numbers, err := t.numbers(ctx, tx, messages)
		if err != nil {
			return err
		}
		for i := range list {
			out = append(out, twilioResource(c, &list[i], numbers[list[i].PhoneID], begun[list[i].ID]))
		}
		return nil
	})
	return out, err
}

func twilioResource(c *twilioCall, x *sent, n sms.MSISDN, begun int64) twilioMessage {
	id := sid(sidMessage, x.ID)
	r := twilioMessage{
		SID: &id, Status: twilioStates[x.State], Body: wordingOf(c.who.Snap, x.Message), NumSegments: strconv.Itoa(x.Segments), NumMedia: "0", Direction: "outbound-api",
		To: spelledE164(n), PriceUnit: "CNY", AccountSID: c.account, ServiceSID: sid(sidService, x.SignatureID), APIVersion: twilioVersion,
		DateCreated: rfc2822(x.CreatedAt), DateUpdated: rfc2822(x.UpdatedAt), URI: twilioPath(c.account, "Messages/"+id+".json"), Sub: map[string]any{},
	}
	if begun != 0 {
		at := rfc2822(begun)
		r.DateSent = &at
	}
	if code, text := errorOf(x); code != 0 {
		r.ErrorCode, r.ErrorMessage = &code, &text
	}
	return r
}

func twilioPath(account, rest string) string {
	return TwilioMessages + "Accounts/" + account + "/" + rest
}

// wordingOf is a message's template under its signature.
func wordingOf(snap *registry.Snapshot, m *sms.Message) string {
	sig, w := snap.Signature[m.SignatureID], snap.Wording(m.TemplateID)
	if sig == nil || w == nil {
		return ""
	}
	return "【" + sig.Text + "】" + w.Version.Body
}

func noMessage() error {
	return sms.Errorf(sms.NotFound, "Sid", "you have no message of this id")
}

func (t *Twilio) fetch(ctx context.Context, c *twilioCall, name string) (int, any, error) {
	id := fromSID(sidMessage, name)
	if id == 0 {
		return 0, nil, noMessage()
	}
	list, err := t.resources(ctx, c, []sms.ID{id})
	if err != nil {
		return 0, nil, err
	}
	if len(list) == 0 {
		return 0, nil, noMessage()
	}
	return http.StatusOK, list[0], nil
}

// change cancels a message that waits. Nothing of one is deleted: it must stay provable.
func (t *Twilio) change(ctx context.Context, c *twilioCall, name string) (int, any, error) {
	if c.form.Get("Status") != "canceled" || len(c.form) != 1 {
		return 0, nil, sms.Errorf(sms.BadRequest, "Status", "canceled is all that a message can be made; its text is kept as long as the law wants, and is not shown")
	}
	id := fromSID(sidMessage, name)
	var m *sms.Message
	err := t.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Messages(ctx, []sms.ID{id}, false)
		if len(list) == 1 && list[0].ApplicationID == c.who.App.ID {
			m = list[0]
		}
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	if m == nil {
		return 0, nil, noMessage()
	}
	if _, err := sms.Take(m.State, sms.Cancelled, sms.ActorCustomer); err != nil {
		return 0, nil, sms.Errorf(sms.MessageNotWaiting, "Status", "it is %s", twilioStates[m.State])
	}
	if err := t.End(ctx, m); err != nil {
		return 0, nil, err
	}
	return t.fetch(ctx, c, name)
}

// Limits of lists.
const (
	twilioPage     = 50
	twilioMostPage = 1000
)

type twilioList struct {
	Messages  []twilioMessage `json:"messages"`
	Page      int             `json:"page"`
	PageSize  int             `json:"page_size"`
	Start     int             `json:"start"`
	End       int             `json:"end"`
	URI       string          `json:"uri"`
	FirstPage string          `json:"first_page_uri"`
	NextPage  *string         `json:"next_page_uri"`
	Previous  *string         `json:"previous_page_uri"`
}

// span reads the days that a list is of.
func (c *twilioCall) span(now time.Time) (from, to time.Time, err error) {
	from, to = time.UnixMilli(1), now.Add(time.Hour)
	day := func(name string) (time.Time, bool) {
		v := c.form.Get(name)
		if v == "" {
			return time.Time{}, false
		}
		d, failed := time.Parse(time.DateOnly, v)
		if failed != nil {
			d, failed = time.Parse(time.RFC3339, v)
		}
		if failed != nil && err == nil {
			err = sms.Errorf(sms.BadRequest, name, "it is a day like 2026-11-27")
		}
		return d.UTC(), true
	}
	if d, ok := day("DateSent"); ok {
		from = d.Truncate(24 * time.Hour)
		to = from.AddDate(0, 0, 1)
	}
	if d, ok := day("DateSent>"); ok {
		from = d
	}
	if d, ok := day("DateSent<"); ok {
		to = d
	}
	return from, to, err
}

// list pages through messages, newest first. Days are those on which messages came in.
func (t *Twilio) list(ctx context.Context, c *twilioCall) (int, any, error) {
	size, number := twilioPage, 0
	for _, x := range []struct {
		name        string
		into        *int
		least, most int
	}{{"PageSize", &size, 1, twilioMostPage}, {"Page", &number, 0, 1 << 30}} {
		if v := c.form.Get(x.name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < x.least || n > x.most {
				return 0, nil, sms.Errorf(sms.BadRequest, x.name, "it is a number of %d to %d", x.least, x.most)
			}
			*x.into = n
		}
	}
	from, to, err := c.span(t.Now())
	if err != nil {
		return 0, nil, err
	}
	if c.form.Get("From") != "" {
		return 0, nil, sms.Errorf(sms.BadRequest, "From", "messages that were sent have none here, and those from handsets are in GET /v1/events")
	}
	before := sms.FirstID(to)
	if v := c.form.Get("PageToken"); v != "" {
		if before = fromSID("PA"+sidMessage, v); before == 0 {
			return 0, nil, sms.Errorf(sms.BadRequest, "PageToken", "it is none of a next_page_uri")
		}
	}
	ids, err := t.newest(ctx, c, before, from, to, size)
	if err != nil {
		return 0, nil, err
	}
	out := twilioList{Messages: []twilioMessage{}, Page: number, PageSize: size, Start: number * size, End: number*size + max(0, len(ids)-1)}
	if len(ids) > 0 {
		if out.Messages, err = t.resources(ctx, c, ids); err != nil {
			return 0, nil, err
		}
	}
	path := func(token string, page int) string {
		q := url.Values{}
		for _, name := range []string{"To", "DateSent", "DateSent<", "DateSent>"} {
			if v := c.form.Get(name); v != "" {
				q.Set(name, v)
			}
		}
		q.Set("PageSize", strconv.Itoa(size))
		q.Set("Page", strconv.Itoa(page))
		if token != "" {
			q.Set("PageToken", token)
		}
		return twilioPath(c.account, "Messages.json?"+q.Encode())
	}
	out.URI, out.FirstPage = path(c.form.Get("PageToken"), number), path("", 0)
	if len(ids) == size {
		next := path(sid("PA"+sidMessage, ids[size-1]), number+1)
		out.NextPage = &next
	}
	return http.StatusOK, out, nil
}

// newest are the ids of a page.
func (t *Twilio) newest(ctx context.Context, c *twilioCall, before sms.ID, from, to time.Time, size int) (ids []sms.ID, err error) {
	if v := c.form.Get("To"); v != "" {
		n, err := sms.ParseMSISDN(v)
		if err != nil {
			return nil, sms.Errorf(sms.BadNumber, "To", "%s", err)
		}
		list, err := t.sentTo(ctx, &c.request, n, from, to)
		for _, x := range list {
			if x.ID < before && len(ids) < size {
				ids = append(ids, x.ID)
			}
		}
		return ids, err
	}
	err = t.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.ListMessages(ctx, c.who.App.ID, before, size)
		ids = nil
		for _, m := range list {
			if m.CreatedAt >= from.UnixMilli() {
				ids = append(ids, m.ID)
			}
		}
		return err
	})
	return ids, err
}
