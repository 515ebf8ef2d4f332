package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// EventKeyIn registers a key by which the customer's server signs.
type EventKeyIn struct {
	Body struct {
		PublicKey []byte `json:"public_key" minLength:"44" maxLength:"44" doc:"Ed25519, 32 bytes in base64; keep the private half to yourself"`
	}
}

// EventKeyView is such a key.
type EventKeyView struct {
	ID        sms.ID `json:"id"`
	PublicKey []byte `json:"public_key"`
	CreatedAt int64  `json:"created_at"`
	RevokedAt int64  `json:"revoked_at,omitempty" doc:"what it signs since is refused"`
}

// EventKeyOut is one key; EventKeysOut is all.
type (
	EventKeyOut  struct{ Body EventKeyView }
	EventKeysOut struct {
		Body struct {
			Keys []EventKeyView `json:"keys"`
		}
	}
)

// EventIn is a signed consent event.
type EventIn struct {
	Body struct {
		KeyID     sms.ID `json:"key_id"`
		Statement string `json:"statement" minLength:"1" maxLength:"2048" doc:"the exact text that was signed"`
		Signature []byte `json:"signature" minLength:"88" maxLength:"88" doc:"Ed25519 of the statement's bytes, 64 bytes in base64"`
	}
}

// EventOut says what it became.
type EventOut struct {
	Body struct {
		ID       sms.ID   `json:"id" doc:"of the consent or the refusal"`
		Grade    int      `json:"grade,omitempty" doc:"2, of a consent"`
		Again    bool     `json:"again,omitempty" doc:"the event was taken before; nothing was changed"`
		InFlight []sms.ID `json:"in_flight" doc:"messages that had already left when a withdrawal was stored"`
	}
}

// EventProofIn asks for an event as it was signed, by the number that it is about.
type EventProofIn struct {
	Body struct {
		ID sms.ID `json:"id" doc:"of the consent or the refusal"`
		To string `json:"to" minLength:"1" maxLength:"32"`
	}
}

// EventProofOut is what a third party checks. zhunxin-verify --event takes it as a file.
type EventProofOut struct {
	Body struct {
		Statement string `json:"statement"`
		Signature []byte `json:"signature"`
		PublicKey []byte `json:"public_key"`
		Salt      string `json:"salt" doc:"hexadecimal: opens the commitment in the record consent-event"`
	}
}

func (a *API) consentEvents() {
	op := func(id, method, path, title, description string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: title, Description: description, Tags: []string{"people"}}
	}
	operation(a, ScopeConsent, op("put-consent-key", http.MethodPost, "/v1/consents/keys", "Register a key for signed events 登记事件签名公钥",
		"What your server signs with it proves later, also to somebody who does not trust the operator, that it was you who said it. The registration stands in the evidence log."), a.putEventKey)
	operation(a, ScopeConsent, op("consent-keys", http.MethodGet, "/v1/consents/keys", "Keys for signed events 事件签名公钥列表", ""), a.eventKeys)
	operation(a, ScopeConsent, op("revoke-consent-key", http.MethodPost, "/v1/consents/keys/{id}/revoke", "Revoke such a key 停用事件签名公钥", "What it signed before stays proved."), a.revokeEventKey)
	operation(a, ScopeConsent, op("consent-event", http.MethodPost, "/v1/consents/events", "A signed consent or withdrawal 签名同意事件",
		"A consent of grade 2, or a refusal of marketing in the same transaction. The statement is eleven lines, each with a line feed at its end: `zhunxin consent event v1`, then `application: `, `event: ` (a UUID), `type: ` (given or withdrawn), "+
			"`to: `, `at: ` (RFC 3339), `wording: `, `text: ` (the wording's text_hash), `method: `, `page: `, `transcript: ` (SHA-256 of what you keep); `-` stands for nothing. "+
			"A consent is taken within 24 h of its time, a withdrawal always. The same event again changes nothing."), a.consentEvent)
	operation(a, ScopeConsent, op("consent-event-proof", http.MethodPost, "/v1/consents/events/proof", "A signed event as it was signed 签名事件原文",
		"Statement, signature, key and salt, for a third party to check against the evidence pack; gone once the person is erased."), a.eventProof)
}

func viewEventKey(k *consent.EventKey) EventKeyView {
	return EventKeyView{k.ID, k.Public[:], k.CreatedAt, k.RevokedAt}
}

func (a *API) putEventKey(ctx context.Context, in *EventKeyIn) (*EventKeyOut, error) {
	c, out := callerOf(ctx), &EventKeyOut{}
	k := consent.EventKey{ID: a.IDs.Next(), ApplicationID: c.app.ID}
	if copy(k.Public[:], in.Body.PublicKey) != len(k.Public) || len(in.Body.PublicKey) != len(k.Public) {
		return nil, sms.Errorf(sms.BadRequest, "body.public_key", "it has %d bytes in base64", len(k.Public))
	}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		list, err := tx.EventKeys(ctx, c.app.ID)
		if err != nil {
			return err
		}
		good := 0
		for i := range list {
			if list[i].RevokedAt == 0 {
				good++
			}
		}
		if good >= consent.MaxEventKeys {
			return sms.Errorf(sms.BadRequest, "body.public_key", "an application has at most %d keys that are good: revoke one", consent.MaxEventKeys)
		}
		k.CreatedAt = now.UnixMilli()
		out.Body = viewEventKey(&k)
		if err := a.record(ctx, tx, c.key, "register consent key", k.ID, out.Body); err != nil {
			return err
		}
		return tx.InsertEventKey(ctx, k)
	})
	return out, err
}

func (a *API) eventKeys(ctx context.Context, _ *struct{}) (*EventKeysOut, error) {
	out := &EventKeysOut{}
	out.Body.Keys = []EventKeyView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.EventKeys(ctx, callerOf(ctx).app.ID)
		for i := range list {
			out.Body.Keys = append(out.Body.Keys, viewEventKey(&list[i]))
		}
		return err
	})
	return out, err
}

func (a *API) revokeEventKey(ctx context.Context, in *MessageIn) (*EventKeyOut, error) {
	c, out := callerOf(ctx), &EventKeyOut{}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		list, err := tx.EventKeys(ctx, c.app.ID)
		if err != nil {
			return err
		}
		for i := range list {
			if k := &list[i]; k.ID == id {
				if k.RevokedAt == 0 {
					k.RevokedAt = now.UnixMilli()
				}
				out.Body = viewEventKey(k)
				if err := a.record(ctx, tx, c.key, "revoke consent key", id, out.Body); err != nil {
					return err
				}
				return tx.RevokeEventKey(ctx, id, k.RevokedAt)
			}
		}
		return sms.Errorf(sms.NotFound, "path.id", "you have no key with this id")
	})
	return out, err
}

func (a *API) consentEvent(ctx context.Context, in *EventIn) (*EventOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &EventOut{}
	e, err := consent.ReadEvent(b.Statement)
	if err != nil {
		return nil, err
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	write := a.Store.Write
	if e.Type == consent.Withdrawn {
		write = a.Store.WriteFirst
	}
	d := &consent.Delivery{Event: e, Statement: b.Statement, Signature: b.Signature, Key: b.KeyID, Application: c.app.ID, Group: c.snap.Party[c.app.PartyID].GroupID}
	out.Body.InFlight = []sms.ID{}
	err = write(ctx, func(ctx context.Context, tx Tx) error {
		if d.Now, err = tx.Now(ctx); err != nil {
			return err
		}
		var t consent.Taken
		var found []rulebook.Finding
		if t, found, err = consent.Take(ctx, tx, a.Keys, a.IDs, evlog.Recorder(tx, a.IDs), book, d); err != nil {
			return err
		}
		if len(found) > 0 {
			return refused("body.statement", found)
		}
		out.Body.ID, out.Body.Again, out.Body.InFlight = t.ID, t.Again, append([]sms.ID{}, t.InFlight...)
		return nil
	})
	if e.Type == consent.Given {
		out.Body.Grade = int(consent.SignedEvent)
	}
	return out, named(err)
}

func (a *API) eventProof(ctx context.Context, in *EventProofIn) (*EventProofOut, error) {
	n, err := sms.ParseMSISDN(in.Body.To)
	if err != nil {
		return nil, sms.NumberFault("body.to", err)
	}
	c, out := callerOf(ctx), &EventProofOut{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		row, err := tx.SignedByID(ctx, in.Body.ID)
		if err != nil {
			return err
		}
		if row == nil || row.ApplicationID != c.app.ID {
			return sms.Errorf(sms.NotFound, "body.id", "no consent or refusal of yours with this id came by a signed event")
		}
		keys, err := tx.EventKeys(ctx, row.ApplicationID)
		if err != nil {
			return err
		}
		for i := range keys {
			if keys[i].ID == row.KeyID {
				out.Body.PublicKey = keys[i].Public[:]
			}
		}
		var salt [32]byte
		out.Body.Statement, out.Body.Signature, salt, err = consent.Proof(ctx, tx, a.Keys, row, c.snap.Party[c.app.PartyID].GroupID, n)
		out.Body.Salt = hex.EncodeToString(salt[:])
		return err
	})
	return out, err
}
