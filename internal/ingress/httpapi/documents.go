package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// UploadIn is a scan; its bytes are the request's body, read as they come.
type UploadIn struct {
	Kind    string `query:"kind" required:"true" enum:"business_licence,representative_id,handler_id,contract,processing_agreement,impact_assessment,authorisation,telecom_licence,code_approval,industry_permit,consent_form,trademark,app_record,other"`
	Party   string `query:"party" maxLength:"20" doc:"only the operator's staff may name another than its own"`
	ValidTo int64  `query:"valid_to" minimum:"0" doc:"epoch milliseconds at which it expires, 0 is never"`

	ctx huma.Context
}

// Resolve implements huma.Resolver: the body is not read before the caller is known.
func (in *UploadIn) Resolve(ctx huma.Context) []error {
	in.ctx = ctx
	return nil
}

// arriving is a body of at most some bytes that may take longer to come than others. The time to
// write the answer begins once it is there.
func arriving(ctx huma.Context, within time.Duration, most int64) (io.Reader, error) {
	r, w := humago.Unwrap(ctx)
	c, until := http.NewResponseController(w), time.Now().Add(within)
	if err := errors.Join(c.SetReadDeadline(until), c.SetWriteDeadline(until.Add(time.Minute))); err != nil {
		return nil, err
	}
	return io.LimitReader(r.Body, most+1), nil
}

// DocumentView is a document without its content.
type DocumentView struct {
	ID         sms.ID `json:"id"`
	PartyID    sms.ID `json:"party_id"`
	Kind       string `json:"kind"`
	Media      string `json:"media"`
	Size       int64  `json:"size"`
	SHA256     string `json:"sha256"`
	ValidTo    int64  `json:"valid_to,omitempty"`
	Expired    bool   `json:"expired,omitempty"`
	UploadedBy sms.ID `json:"uploaded_by,omitempty" doc:"of the staff; nothing when the customer did"`
	UploadedAt int64  `json:"uploaded_at"`
}

// What the operations take and answer.
type (
	DocumentOut  struct{ Body DocumentView }
	DocumentsOut struct {
		Body struct {
			Documents []DocumentView `json:"documents"`
		}
	}
	ExpiringIn struct {
		Days int `query:"days" minimum:"0" maximum:"3650" default:"30"`
	}
	LookIn struct {
		ID   string `path:"id" maxLength:"20"`
		Body struct {
			Reason string `json:"reason" minLength:"4" maxLength:"500"`
		}
	}
	ViewsOut struct {
		Body struct {
			Views []document.View `json:"views"`
		}
	}
)

// maxListed bounds lists that are looked at by a person.
const maxListed = 500

// documents registers the scans of papers.
func (a *API) documents() {
	up := huma.Operation{
		OperationID: "upload-document", Method: http.MethodPost, Path: "/v1/documents", Summary: "Upload a scan 上传材料", Tags: []string{"applications"},
		Description: "The request's body is the file: PDF, PNG or JPEG, at most 10 MiB. It is sealed as it comes. What rests on it ends when it expires.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}},
	}
	operation(a, ScopeApply, up, a.upload)
	operation(a, ScopeRead, huma.Operation{
		OperationID: "documents", Method: http.MethodGet, Path: "/v1/documents", Summary: "Scans on file 材料列表", Tags: []string{"applications"},
	}, a.listDocuments)
	operation(a, ScopeAdmin, adminOp("expiring-documents", http.MethodGet, "/v1/admin/documents/expiring", "Scans that expire soon, or have 即将到期的材料"), a.expiring)
	look := adminOp("view-document", http.MethodPost, "/v1/admin/documents/{id}/view", "Look at a scan 查看材料")
	look.Description = "The answer is the file. Who looked, when and why is recorded before. Needs a person of the staff."
	operation(a, ScopeReveal, look, a.look)
	operation(a, ScopeAdmin, adminOp("document-views", http.MethodGet, "/v1/admin/documents/{id}/views", "Who looked at a scan 查看记录"), a.views)
}

// documentStore is the store as documents see it.
type documentStore struct{ Store }

func (s documentStore) Write(ctx context.Context, fn func(context.Context, document.Tx) error) error {
	return s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return fn(ctx, tx) })
}

func (s documentStore) Read(ctx context.Context, fn func(context.Context, document.Tx) error) error {
	return s.Store.Read(ctx, func(ctx context.Context, tx Tx) error { return fn(ctx, tx) })
}

func (a *API) viewDocument(d *document.Document, staff bool) DocumentView {
	v := DocumentView{
		ID: d.ID, PartyID: d.PartyID, Kind: d.Kind, Media: d.Media, Size: d.Size, SHA256: hex.EncodeToString(d.SHA256[:]), ValidTo: d.ValidTo,
		Expired: !d.Holds(a.Now().UnixMilli()), UploadedAt: d.CreatedAt,
	}
	if staff {
		v.UploadedBy = d.StaffID
	}
	return v
}

func (a *API) upload(ctx context.Context, in *UploadIn) (*DocumentOut, error) {
	c := callerOf(ctx)
	by, err := author(c)
	if err != nil {
		return nil, err
	}
	party, err := partyOf(c, in.Party)
	switch {
	case err != nil:
		return nil, err
	case c.snap.Party[party] == nil:
		return nil, sms.Errorf(sms.BadRequest, "query.party", "no party has this id")
	}
	content, err := arriving(in.ctx, a.ScanTimeout, document.MaxBytes)
	if err != nil {
		return nil, err
	}
	d, err := a.shelf.Save(ctx, document.Document{PartyID: party, Kind: in.Kind, ValidTo: in.ValidTo, KeyID: by.Key, StaffID: by.Staff}, content)
	if err != nil {
		return nil, err
	}
	return &DocumentOut{a.viewDocument(&d, operatorAdmin(c))}, nil
}

func (a *API) listDocuments(ctx context.Context, in *PartyIn) (*DocumentsOut, error) {
	c := callerOf(ctx)
	party, err := partyOf(c, in.Party)
	if err != nil {
		return nil, err
	}
	return a.showDocuments(ctx, c, func(ctx context.Context, tx Tx) ([]*document.Document, error) { return tx.DocumentsOf(ctx, party) })
}

func (a *API) expiring(ctx context.Context, in *ExpiringIn) (*DocumentsOut, error) {
	c := callerOf(ctx)
	if !operatorAdmin(c) {
		return nil, errOperator()
	}
	before := a.Now().Add(time.Duration(in.Days) * 24 * time.Hour).UnixMilli()
	return a.showDocuments(ctx, c, func(ctx context.Context, tx Tx) ([]*document.Document, error) {
		return tx.ExpiringDocuments(ctx, before, maxListed)
	})
}

func (a *API) showDocuments(ctx context.Context, c caller, find func(context.Context, Tx) ([]*document.Document, error)) (*DocumentsOut, error) {
	out := &DocumentsOut{}
	out.Body.Documents = []DocumentView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := find(ctx, tx)
		for _, d := range list {
			out.Body.Documents = append(out.Body.Documents, a.viewDocument(d, operatorAdmin(c)))
		}
		return err
	})
	return out, err
}

func (a *API) look(ctx context.Context, in *LookIn) (*huma.StreamResponse, error) {
	c := callerOf(ctx)
	by, err := anyone(c)
	if err == nil {
		err = reasoned(in.Body.Reason)
	}
	if err != nil {
		return nil, err
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	d, content, err := a.shelf.Look(ctx, id, document.View{StaffID: by.ID, KeyID: c.key.ID, Reason: in.Body.Reason})
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(h huma.Context) {
		h.SetHeader("Content-Type", d.Media)
		h.SetHeader("Content-Length", strconv.FormatInt(d.Size, 10)) // a file that breaks off is seen to
		h.SetHeader("Content-Disposition", `attachment; filename="`+d.ID.String()+`"`)
		h.SetHeader("Cache-Control", "no-store")
		h.SetHeader("X-Content-Type-Options", "nosniff")
		if err := content(h.BodyWriter()); err != nil {
			a.Logger.Error("show a document", "document", d.ID, "err", err)
		}
	}}, nil
}

func (a *API) views(ctx context.Context, in *MessageIn) (*ViewsOut, error) {
	if !operatorAdmin(callerOf(ctx)) {
		return nil, errOperator()
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	out := &ViewsOut{}
	out.Body.Views = []document.View{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Views(ctx, id, maxListed)
		out.Body.Views = append(out.Body.Views, list...)
		return err
	})
	return out, err
}

// fits tells whether an object goes with what is on file: whose a template is, and for what,
// stays as its wordings were judged, and links stand on hosts of the party's own domain.
func fits(ctx context.Context, tx Tx, object any) error {
	switch o := object.(type) {
	case *registry.LinkHost:
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		return o.Fits(snap)
	case *registry.Template:
		if err := tx.LockReviews(ctx); err != nil { // else a wording is submitted meanwhile
			return err
		}
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		old := snap.Template[o.ID]
		if old != nil && len(snap.Versions[o.ID]) > 0 && (old.Category != o.Category || old.Kind != o.Kind || old.PartyID != o.PartyID) {
			return sms.Errorf(sms.BadRequest, "body.category, body.kind, body.party_id", "its wordings were submitted as %s %s of party %s: register another template", old.Category, old.Kind, old.PartyID)
		}
	}
	return nil
}
