package httpapi

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// IdentityIn says who stands behind a party; what is left out stays.
type IdentityIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Representative string `json:"representative,omitempty" maxLength:"100" doc:"legal representative 法定代表人"`
		Handler        string `json:"handler,omitempty" maxLength:"100" doc:"who handles the account 经办人"`
		HandlerID      string `json:"handler_id,omitempty" pattern:"^([0-9A-Z]{6,20})?$" doc:"number of the handler's identity document; only its keyed hash is kept"`
		Address        string `json:"address,omitempty" maxLength:"300"`
		Contact        string `json:"contact,omitempty" maxLength:"50" doc:"telephone"`
		Checked        bool   `json:"register_checked,omitempty" doc:"somebody has just looked at the public register 工商登记 and found it so"`
	}
}

// IdentityOut says what is on file, and shows none of it.
type IdentityOut struct {
	Body struct {
		Representative bool      `json:"representative"`
		Handler        bool      `json:"handler"`
		Address        bool      `json:"address"`
		Contact        bool      `json:"contact"`
		CheckedAt      int64     `json:"checked_at,omitempty"`
		Review         *CaseView `json:"review,omitempty" doc:"of a party that is active: it is reviewed anew"`
	}
}

func (a *API) putIdentity(ctx context.Context, in *IdentityIn) (*IdentityOut, error) {
	c, out := callerOf(ctx), &IdentityOut{}
	by, err := anyone(c)
	if err != nil {
		return nil, err
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := a.record(ctx, tx, c.key, "put identity", id, id); err != nil {
			return err
		}
		i, x, err := a.desk.Identify(ctx, tx, id, func(i *review.Identity) error { return a.sayWho(i, in) }, review.Author{Key: c.key.ID, Staff: by.ID})
		if err != nil {
			return err
		}
		b := &out.Body
		b.Representative, b.Handler, b.Address, b.Contact, b.CheckedAt = len(i.Representative) > 0, len(i.Handler) > 0 && i.HandlerHash != [16]byte{}, len(i.Address) > 0, len(i.Contact) > 0, i.CheckedAt
		b.Review, err = a.viewCase(x, true)
		return err
	})
	return out, err
}

// sayWho changes what was given.
func (a *API) sayWho(i *review.Identity, in *IdentityIn) error {
	b := &in.Body
	if b.Checked {
		i.CheckedAt = a.Now().UnixMilli()
	}
	return i.Name(a.Keys, &review.People{Representative: b.Representative, Handler: b.Handler, HandlerID: b.HandlerID, Address: b.Address, Contact: b.Contact})
}

// openPerson opens a sealed name; nothing is nothing.
func (a *API) openPerson(sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	b, err := a.Keys.Open(vault.PurposePerson, sealed)
	return string(b), err
}

// namePeople puts the names of parties' people into a sheet's rows.
func (a *API) namePeople(ctx context.Context, tx Tx, rows []registry.SheetRow) error {
	var last registry.SheetRow
	for i := range rows {
		if last.Party != nil && last.Party.ID == rows[i].Party.ID {
			rows[i].Representative, rows[i].Handler = last.Representative, last.Handler
			continue
		}
		identity, err := tx.Identity(ctx, rows[i].Party.ID, false)
		if err != nil {
			return err
		}
		if identity != nil {
			if rows[i].Representative, err = a.openPerson(identity.Representative); err != nil {
				return err
			}
			if rows[i].Handler, err = a.openPerson(identity.Handler); err != nil {
				return err
			}
		}
		last = rows[i]
	}
	return nil
}
