package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// SignatureBody is a signature that a customer applies for.
type SignatureBody struct {
	Text         string `json:"text" minLength:"2" maxLength:"20" doc:"without the brackets"`
	Source       string `json:"source" enum:"company_full,company_short,trademark,app"`
	Mark         string `json:"mark,omitempty" maxLength:"50" doc:"name of the trademark or app, as registered"`
	Registration string `json:"registration,omitempty" maxLength:"64" doc:"number of the trademark, or of the app's ICP record"`
	Holder       string `json:"holder,omitempty" maxLength:"200" doc:"whom that is registered to, when not you"`
}

// SignatureIn applies for a new signature; SignatureChangeIn for a change of one.
type (
	SignatureIn       struct{ Body SignatureBody }
	SignatureChangeIn struct {
		ID   string `path:"id" maxLength:"20"`
		Body SignatureBody
	}
)

// SignatureView is a signature, how far it has come, and who acts next.
type SignatureView struct {
	registry.Signature
	Review  *CaseView    `json:"review,omitempty" doc:"the newest"`
	Filings []FilingView `json:"filings" doc:"报备 at each carrier"`
	Next    NextStep     `json:"next" doc:"of the review; each filing has its own"`
}

// TemplateIn applies for a template with its first wording.
type TemplateIn struct {
	Body struct {
		Category sms.Category `json:"category" enum:"OTP,NOTICE,MKT,PUBLIC"`
		Name     string       `json:"name" minLength:"1" maxLength:"100"`
		Kind     string       `json:"kind,omitempty" enum:",promotion,membership,event,finance,health,education,property,survey" doc:"of marketing: the kind of content, empty is promotion; consents must be to this kind"`
		Body     string       `json:"body" minLength:"1" maxLength:"1000" doc:"without the signature; variables are written ${name:type}"`
		SensitiveIn
	}
}

// SensitiveIn says what of a wording's variables is sensitive personal information (PRV-06).
type SensitiveIn struct {
	Sensitive []string `json:"sensitive,omitempty" maxItems:"7" enum:"health,finance,location,biometric,minor,belief,identity" doc:"classes of sensitive personal information that the variables hold"`
	Basis     string   `json:"basis,omitempty" enum:",separate_consent,contract,statutory,emergency" doc:"what that rests on; by separate_consent each recipient's is asked for"`
}

// VersionIn applies for another wording.
type VersionIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Body string `json:"body" minLength:"1" maxLength:"1000"`
		SensitiveIn
	}
}

// TemplateView is a template with its wordings; the newest approved one is in use.
type TemplateView struct {
	registry.Template
	Number   int64         `json:"sdk_number" doc:"by which the clouds' SDKs name it: SMS_ and this for Aliyun's, this for Tencent Cloud's"`
	Version  int64         `json:"version,omitempty" doc:"in use"`
	Body     string        `json:"body,omitempty" doc:"the wording in use, with ${name:type} variables"`
	Versions []VersionView `json:"versions"`
}

// VersionView is a wording and its review.
type VersionView struct {
	registry.TemplateVersion
	Review *CaseView `json:"review,omitempty"`
	Next   NextStep  `json:"next"`
}

// What the operations answer.
type (
	SignatureOut  struct{ Body SignatureView }
	SignaturesOut struct {
		Body struct {
			Signatures []SignatureView `json:"signatures"`
		}
	}
	TemplateOut  struct{ Body TemplateView }
	TemplatesOut struct {
		Body struct {
			Templates []TemplateView `json:"templates"`
		}
	}
)

// PartyIn asks for what one party has; the operator names the party.
type PartyIn struct {
	Party string `query:"party" maxLength:"20" doc:"only the operator's staff may name another than its own"`
}

// applying registers what customers apply for by their own keys.
func (a *API) applying() {
	op := func(id, method, path, title, description string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: title, Description: description, Tags: []string{"applications"}}
	}
	const judged = "It is judged by the rules at once (`review.findings`) and then reviewed by the operator's staff. It is not in use before it is approved."
	operation(a, ScopeApply, op("apply-signature", http.MethodPost, "/v1/signatures", "Apply for a signature 申请签名", judged), a.applySignature)
	operation(a, ScopeApply, op("change-signature", http.MethodPut, "/v1/signatures/{id}", "Apply for a change of a signature 变更签名",
		judged+" What is approved goes on until then. A new text has to be filed with the carriers anew."), a.changeSignature)
	operation(a, ScopeRead, op("signatures", http.MethodGet, "/v1/signatures", "Signatures 签名列表", ""), a.listSignatures)
	operation(a, ScopeRead, op("signature", http.MethodGet, "/v1/signatures/{id}", "A signature, where it is stuck, and who acts next 签名进度", ""), a.signature)
	operation(a, ScopeApply, op("apply-template", http.MethodPost, "/v1/templates", "Apply for a template 申请模板", judged), a.applyTemplate)
	operation(a, ScopeApply, op("apply-version", http.MethodPost, "/v1/templates/{id}/versions", "Apply for another wording 申请模板新版本",
		judged+" The version that is approved goes on until then."), a.applyVersion)
	operation(a, ScopeRead, op("templates", http.MethodGet, "/v1/templates", "Templates 模板列表", ""), a.listTemplates)
	operation(a, ScopeRead, op("template", http.MethodGet, "/v1/templates/{id}", "A template and its reviews 模板进度", ""), a.template)
}

// author is who applies.
func author(c caller) (review.Author, error) { return review.AuthorOf(c.snap, c.key) }

func (b *SignatureBody) signature(id, party sms.ID, now int64) registry.Signature {
	return registry.Signature{
		ID: id, PartyID: party, Text: b.Text, Source: b.Source, Mark: b.Mark, Registration: b.Registration, Holder: b.Holder, QualificationID: id,
		CreatedAt: now, UpdatedAt: now,
	}
}

func (a *API) applySignature(ctx context.Context, in *SignatureIn) (*SignatureOut, error) {
	c := callerOf(ctx)
	s := in.Body.signature(a.IDs.Next(), c.app.PartyID, a.Now().UnixMilli())
	return a.submitSignature(ctx, c, s)
}

func (a *API) changeSignature(ctx context.Context, in *SignatureChangeIn) (*SignatureOut, error) {
	c := callerOf(ctx)
	old, err := ownSignature(c, in.ID)
	if err != nil {
		return nil, err
	}
	s := in.Body.signature(old.ID, old.PartyID, a.Now().UnixMilli())
	s.QualificationID, s.CreatedAt = old.QualificationID, old.CreatedAt
	return a.submitSignature(ctx, c, s)
}

func (a *API) submitSignature(ctx context.Context, c caller, s registry.Signature) (*SignatureOut, error) {
	out := &SignatureOut{}
	by, err := author(c)
	if err != nil {
		return nil, err
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := a.desk.ApplySignature(ctx, tx, s, by); err != nil {
			return err
		}
		snap, err := tx.Registry(ctx)
		if err == nil {
			out.Body, err = a.viewSignature(ctx, tx, snap, s.ID, operatorAdmin(c))
		}
		return err
	})
	return out, named(err)
}

// ownSignature finds one of the caller's; the operator sees all.
func ownSignature(c caller, text string) (*registry.Signature, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	s := c.snap.Signature[id]
	if s == nil || s.PartyID != c.app.PartyID && !operatorAdmin(c) {
		return nil, sms.Errorf(sms.NotFound, "path.id", "you have no signature with this id")
	}
	return s, nil
}

func (a *API) viewSignature(ctx context.Context, tx Tx, snap *registry.Snapshot, id sms.ID, staff bool) (SignatureView, error) {
	v := SignatureView{Signature: *snap.Signature[id], Filings: a.viewFilings(snap, snap.Signature[id])}
	last, err := tx.LastCase(ctx, rulebook.ObjectSignature, id, 0)
	if err == nil {
		v.Review, err = a.viewCase(last, staff)
	}
	v.Next = nextOf(v.State, v.Review)
	return v, err
}

// nextOf says who acts next about an object in a state.
func nextOf(state string, c *CaseView) NextStep {
	switch {
	case state == registry.Frozen || state == registry.Retired:
		return NextStep{"operator", "已停用，恢复须重新审核", "It is stopped: the operator submits it for a review to have it back"}
	case c != nil && (c.State == review.Waiting || state != registry.Approved):
		return c.Next
	}
	return NextStep{"nobody", "", ""}
}

func (a *API) signature(ctx context.Context, in *MessageIn) (*SignatureOut, error) {
	c, out := callerOf(ctx), &SignatureOut{}
	s, err := ownSignature(c, in.ID)
	if err != nil {
		return nil, err
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		out.Body, err = a.viewSignature(ctx, tx, c.snap, s.ID, operatorAdmin(c))
		return err
	})
	return out, err
}

// partyOf is whose objects are asked for.
func partyOf(c caller, text string) (sms.ID, error) {
	if text == "" {
		return c.app.PartyID, nil
	}
	id, err := sms.ParseID(text)
	switch {
	case err != nil:
		return 0, sms.Errorf(sms.BadRequest, "query.party", "%s", err)
	case id != c.app.PartyID && !operatorAdmin(c):
		return 0, errOperator()
	}
	return id, nil
}

func (a *API) listSignatures(ctx context.Context, in *PartyIn) (*SignaturesOut, error) {
	c, out := callerOf(ctx), &SignaturesOut{}
	party, err := partyOf(c, in.Party)
	if err != nil {
		return nil, err
	}
	out.Body.Signatures = []SignatureView{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		for _, s := range c.snap.SignaturesOf(party) {
			v, err := a.viewSignature(ctx, tx, c.snap, s.ID, operatorAdmin(c))
			if err != nil {
				return err
			}
			out.Body.Signatures = append(out.Body.Signatures, v)
		}
		return nil
	})
	return out, err
}

func (a *API) applyTemplate(ctx context.Context, in *TemplateIn) (*TemplateOut, error) {
	c, b := callerOf(ctx), &in.Body
	t := &registry.Template{ID: a.IDs.Next(), PartyID: c.app.PartyID, Category: b.Category, Name: b.Name, Kind: b.Kind, State: registry.Active, CreatedAt: a.Now().UnixMilli()}
	return a.submitWording(ctx, c, t, registry.TemplateVersion{TemplateID: t.ID, Body: b.Body, Sensitive: strings.Join(b.Sensitive, ","), Basis: b.Basis})
}

func (a *API) applyVersion(ctx context.Context, in *VersionIn) (*TemplateOut, error) {
	c := callerOf(ctx)
	t, err := ownTemplate(c, in.ID)
	if err != nil {
		return nil, err
	}
	return a.submitWording(ctx, c, nil, registry.TemplateVersion{TemplateID: t.ID, Body: in.Body.Body, Sensitive: strings.Join(in.Body.Sensitive, ","), Basis: in.Body.Basis})
}

// submitWording stores a template, if it is new, and has a wording of it reviewed.
func (a *API) submitWording(ctx context.Context, c caller, fresh *registry.Template, v registry.TemplateVersion) (*TemplateOut, error) {
	out := &TemplateOut{}
	by, err := author(c)
	if err != nil {
		return nil, err
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if _, err := a.desk.ApplyWording(ctx, tx, fresh, v, by); err != nil {
			return err
		}
		snap, err := tx.Registry(ctx)
		if err == nil {
			out.Body, err = a.viewTemplate(ctx, tx, snap, snap.Template[v.TemplateID], operatorAdmin(c))
		}
		return err
	})
	return out, named(err)
}

func ownTemplate(c caller, text string) (*registry.Template, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	t := c.snap.Template[id]
	if t == nil || t.PartyID != c.app.PartyID && !operatorAdmin(c) {
		return nil, sms.Errorf(sms.NotFound, "path.id", "you have no template with this id")
	}
	return t, nil
}

func (a *API) viewTemplate(ctx context.Context, tx Tx, snap *registry.Snapshot, t *registry.Template, staff bool) (TemplateView, error) {
	out := TemplateView{Template: *t, Number: t.ID.Short(), Versions: []VersionView{}}
	if w := snap.Wording(t.ID); w != nil {
		out.Version, out.Body = w.Version.Version, w.Version.Body
	}
	for _, x := range snap.Versions[t.ID] {
		v := VersionView{TemplateVersion: *x}
		last, err := tx.LastCase(ctx, rulebook.ObjectTemplate, t.ID, x.Version)
		if err == nil {
			v.Review, err = a.viewCase(last, staff)
		}
		if err != nil {
			return out, err
		}
		if v.Next = nextOf(v.State, v.Review); !staff {
			v.ReviewedBy = ""
		}
		out.Versions = append(out.Versions, v)
	}
	return out, nil
}

func (a *API) template(ctx context.Context, in *MessageIn) (*TemplateOut, error) {
	c, out := callerOf(ctx), &TemplateOut{}
	t, err := ownTemplate(c, in.ID)
	if err != nil {
		return nil, err
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		out.Body, err = a.viewTemplate(ctx, tx, c.snap, t, operatorAdmin(c))
		return err
	})
	return out, err
}

func (a *API) listTemplates(ctx context.Context, in *PartyIn) (*TemplatesOut, error) {
	c, out := callerOf(ctx), &TemplatesOut{}
	party, err := partyOf(c, in.Party)
	if err != nil {
		return nil, err
	}
	out.Body.Templates = []TemplateView{}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		for _, t := range c.snap.TemplatesOf(party) {
			v, err := a.viewTemplate(ctx, tx, c.snap, t, operatorAdmin(c))
			if err != nil {
				return err
			}
			out.Body.Templates = append(out.Body.Templates, v)
		}
		return nil
	})
	return out, err
}
