package dialect

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// twilioItems is the most consents of one request.
const twilioItems = 25

// Twilio's bulk consents name no words that the person saw; ours say so.
const twilioWording = "not named (Twilio Consents)"

var twilioWays = []string{"website", "offline", "opt-in-message", "opt-out-message", "others"}

type twilioItem struct {
	Contact     string `json:"contact_id"`
	Correlation string `json:"correlation_id"`
	Sender      string `json:"sender_id"`
	Status      string `json:"status"`
	Source      string `json:"source"`
	Date        string `json:"date_of_consent"`
}

type twilioItemOut struct {
	Contact     string   `json:"contact_id"`
	Correlation string   `json:"correlation_id"`
	Code        int      `json:"error_code"`
	Messages    []string `json:"error_messages"`
}

// consents takes up to 25 consents and refusals. Each is told apart: a consent is the customer's
// own statement (grade 1), a refusal holds from the moment of the answer.
func (t *Twilio) consents(ctx context.Context, c *twilioCall) (int, any, error) {
	given := c.form["Items"]
	if len(given) == 0 || len(given) > twilioItems {
		return 0, nil, sms.Errorf(sms.BadRequest, "Items", "there are 1 to %d", twilioItems)
	}
	out := struct {
		Items []twilioItemOut `json:"items"`
	}{}
	for _, text := range given {
		var item twilioItem
		err := error(sms.Errorf(sms.BadRequest, "Items", "it is no JSON object"))
		if json.Unmarshal([]byte(text), &item) == nil {
			err = t.consent(ctx, c, &item)
		}
		told := twilioItemOut{Contact: clip(item.Contact, 64), Correlation: clip(item.Correlation, 64), Messages: []string{}}
		if err != nil {
			var known *sms.Error
			if !errors.As(err, &known) || sms.Lookup(known.Code).HTTP >= 500 {
				return 0, nil, err
			}
			told.Code, told.Messages = sms.TwilioOf(known.Code), append(told.Messages, message(known, true))
		}
		out.Items = append(out.Items, told)
	}
	return http.StatusCreated, out, nil
}

func (t *Twilio) consent(ctx context.Context, c *twilioCall, item *twilioItem) error {
	n, err := sms.ParseMSISDN(item.Contact)
	if err != nil {
		return sms.Errorf(sms.BadNumber, "contact_id", "%s", err)
	}
	if _, err := c.signatureOf(item.Sender, "sender_id"); err != nil {
		return err
	}
	switch {
	case len(item.Correlation) != 32 || strings.ContainsFunc(item.Correlation, func(r rune) bool { return r < '!' || r > '~' }):
		return sms.Errorf(sms.BadRequest, "correlation_id", "it has 32 characters")
	case !slices.Contains(twilioWays, item.Source):
		return sms.Errorf(sms.BadRequest, "source", "it is one of %s", strings.Join(twilioWays, ", "))
	case item.Status == "opt-out":
		return t.Store.WriteFirst(ctx, func(ctx context.Context, tx Tx) error { return t.optOut(ctx, tx, c, n, item) })
	case item.Status != "opt-in":
		return sms.Errorf(sms.BadRequest, "status", "it is opt-in or opt-out")
	}
	at, err := time.Parse(time.RFC3339, item.Date)
	if err != nil {
		return sms.Errorf(sms.BadRequest, "date_of_consent", "it is a time like 2026-11-27T10:00:00Z")
	}
	return t.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return t.optIn(ctx, tx, c, n, item, at) })
}

func (t *Twilio) optOut(ctx context.Context, tx Tx, c *twilioCall, n sms.MSISDN, item *twilioItem) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	group := c.who.Snap.Party[c.who.App.PartyID].GroupID
	if err := consent.Know(ctx, tx, t.Keys, group, []sms.MSISDN{n}, now.UnixMilli()); err != nil {
		return err
	}
	_, err = consent.Refuse(ctx, tx, evlog.Recorder(tx, t.IDs), consent.Suppression{
		ID: t.IDs.Next(), PhoneID: t.Keys.PhoneID(n), GroupID: group, Scope: string(sms.MKT), Source: "api", Reference: item.Correlation, CreatedAt: now.UnixMilli(),
	})
	return err
}

func (t *Twilio) optIn(ctx context.Context, tx Tx, c *twilioCall, n sms.MSISDN, item *twilioItem, at time.Time) error {
	now, err := tx.Now(ctx)
	if err != nil {
		return err
	}
	book, err := t.Gate.RulesInForce(ctx)
	if err != nil {
		return err
	}
	said := &consent.Statement{Method: item.Source, Source: "Consents/Bulk " + item.Correlation, GivenAt: at.UnixMilli()}
	if found := said.Judge(book, now); len(found) > 0 {
		return sms.Errorf(found[0].Code, "date_of_consent", "%s: %s. %s", found[0].Rule, found[0].Reason.En, found[0].Remedy.En)
	}
	group := c.who.Snap.Party[c.who.App.PartyID].GroupID
	if err := consent.Know(ctx, tx, t.Keys, group, []sms.MSISDN{n}, now.UnixMilli()); err != nil {
		return err
	}
	g := said.Grant(t.IDs.Next(), t.Keys.PhoneID(n), group, consent.Import)
	g.Wording, g.ProofHash = twilioWording, sha256.Sum256(nil)
	return consent.Add(ctx, tx, evlog.Recorder(tx, t.IDs), []consent.Grant{g}, now.UnixMilli())
}
