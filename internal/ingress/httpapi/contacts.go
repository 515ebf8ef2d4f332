package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// ContactIn is one step of the filing of a link or telephone.
type ContactIn struct {
	ID   string `path:"id" maxLength:"20" doc:"id, or new"`
	Body registry.ContactFiling
}

// ContactOut is the filing as stored.
type ContactOut struct{ Body registry.ContactFiling }

// ContactApplyIn asks for a contact of the caller's own to be filed with all carriers.
type ContactApplyIn struct {
	Body struct {
		Kind  string `json:"kind" enum:"link,telephone"`
		Value string `json:"value" minLength:"4" maxLength:"200" doc:"of a link its host, which stands for those below it, or host and beginning of its path; of a telephone its digits"`
	}
}

// ContactsOut lists filings of contacts.
type ContactsOut struct {
	Body struct {
		Contacts []*registry.ContactFiling `json:"contacts"`
	}
}

// contacts registers the filing of links and telephones with carriers (TPL-12).
func (a *API) contacts() {
	operation(a, ScopeApply, huma.Operation{
		OperationID: "apply-contact", Method: http.MethodPost, Path: "/v1/contacts", Summary: "Have a link or telephone filed 申请引流信息报备", Tags: []string{"applications"},
		Description: "A draft for each carrier that the operator has codes of. A text with a link or telephone reaches a carrier's numbers once it is filed there.",
	}, a.applyContact)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "contacts", Method: http.MethodGet, Path: "/v1/contacts", Summary: "Filings of links and telephones 引流信息列表", Tags: []string{"applications"},
	}, func(ctx context.Context, in *PartyIn) (*ContactsOut, error) {
		c, out := callerOf(ctx), &ContactsOut{}
		party, err := partyOf(c, in.Party)
		if err != nil {
			return nil, err
		}
		out.Body.Contacts = append([]*registry.ContactFiling{}, c.snap.ContactsOf(party)...)
		return out, nil
	})
	step := adminOp("put-contacts", http.MethodPut, "/v1/admin/contacts/{id}", "A step of the filing of a link or telephone 引流信息报备")
	step.Description = "The same steps as of a signature's filing. What was filed is not changed: another contact is filed anew."
	operation(a, ScopeAdmin, step, a.putContact)
	sheet := adminOp("contact-sheet", http.MethodGet, "/v1/admin/contacts/sheet", "Look at a sheet of links and telephones 引流信息报备表预览")
	operation(a, ScopeAdmin, sheet, func(ctx context.Context, in *ContactSheetIn) (*SheetOut, error) {
		c := callerOf(ctx)
		if _, err := anyone(c); err != nil {
			return nil, err
		}
		batch, err := cursor(in.Batch, "query.batch")
		if err != nil {
			return nil, err
		}
		return contactSheetOut(c.snap, in.Carrier, batch, c.snap.ContactSheet(in.Carrier, batch))
	})
	submit := adminOp("submit-contacts", http.MethodPost, "/v1/admin/contacts/sheet", "Export a sheet of links and telephones 导出引流信息报备表")
	submit.Description = "CSV of the drafts for a carrier, which are marked as submitted, under the batch in `X-Batch`. Needs a person of the staff."
	operation(a, ScopeAdmin, submit, a.submitContacts)
}

// ContactSheetIn asks for a sheet. It holds nothing about persons, and needs no reason.
type ContactSheetIn struct {
	Carrier sms.Carrier `query:"carrier" required:"true" enum:"mobile,unicom,telecom,broadnet,international"`
	Batch   string      `query:"batch" maxLength:"20" doc:"one that was submitted, once more; empty is what has not been submitted"`
}

// ContactSheetNewIn submits one.
type ContactSheetNewIn struct {
	Body struct {
		Carrier sms.Carrier `json:"carrier" enum:"mobile,unicom,telecom,broadnet,international"`
	}
}

func (a *API) applyContact(ctx context.Context, in *ContactApplyIn) (*ContactsOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &ContactsOut{}
	if _, err := author(c); err != nil {
		return nil, err
	}
	var carriers []sms.Carrier
	for _, x := range c.snap.AccessCode {
		if x.State == registry.Active && !slices.Contains(carriers, x.Carrier) {
			carriers = append(carriers, x.Carrier)
		}
	}
	slices.Sort(carriers)
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		out.Body.Contacts = []*registry.ContactFiling{}
		if err := a.record(ctx, tx, c.key, "apply for contact", c.app.PartyID, b); err != nil {
			return err
		}
		for _, carrier := range carriers {
			f := registry.ContactFiling{ID: a.IDs.Next(), PartyID: c.app.PartyID, Carrier: carrier, Kind: b.Kind, Value: b.Value}
			f, err := a.desk.FileContact(ctx, tx, f, registry.FilingMove{To: registry.Draft, By: c.key.StaffID})
			if err != nil {
				return err
			}
			out.Body.Contacts = append(out.Body.Contacts, &f)
		}
		return nil
	})
	return out, named(err)
}

func (a *API) putContact(ctx context.Context, in *ContactIn) (*ContactOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &ContactOut{}
	by, err := anyone(c)
	if err == nil && b.State == registry.Approved {
		by, err = person(c, registry.RoleReviewer)
	}
	if err != nil {
		return nil, err
	}
	if b.ID, err = objectID(a, in.ID); err != nil {
		return nil, err
	}
	m := registry.FilingMove{To: b.State, By: by.ID, Reference: b.Reference, Reason: b.Reason, Note: b.Note, Period: b.Period}
	if m.To == registry.Submitted {
		m.Batch = a.IDs.Next()
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := a.record(ctx, tx, c.key, "put contacts", b.ID, b); err != nil {
			return err
		}
		out.Body, err = a.desk.FileContact(ctx, tx, *b, m)
		return err
	})
	return out, named(err)
}

func (a *API) submitContacts(ctx context.Context, in *ContactSheetNewIn) (*SheetOut, error) {
	c := callerOf(ctx)
	by, err := anyone(c)
	if err != nil {
		return nil, err
	}
	batch := a.IDs.Next()
	var list []*registry.ContactFiling
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if list, err = a.desk.SubmitContacts(ctx, tx, in.Body.Carrier, batch, by.ID); err != nil {
			return err
		}
		return a.record(ctx, tx, c.key, "submit contact sheet", batch, in.Body)
	})
	if err != nil {
		return nil, err
	}
	return contactSheetOut(c.snap, in.Body.Carrier, batch, list)
}

func contactSheetOut(snap *registry.Snapshot, c sms.Carrier, batch sms.ID, list []*registry.ContactFiling) (*SheetOut, error) {
	var b bytes.Buffer
	if err := snap.WriteContactSheet(&b, batch, list); err != nil {
		return nil, err
	}
	return &SheetOut{
		ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="contacts-` + string(c) + "-" + batch.String() + `.csv"`,
		Batch: batch.String(), Rows: len(list), Body: b.Bytes(),
	}, nil
}
