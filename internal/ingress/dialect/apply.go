package dialect

import (
	"context"
	"errors"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// companyName is the source of a signature that is the party's name, in full or in part.
const companyName = "company"

// signing is an application for a signature, in neither cloud's words.
type signing struct {
	text   string
	source string // companyName, registry.App, registry.Trademark
	third  bool   // it is somebody else's
	scans  []scan
	papers []paper
	number int64          // of the mark that it rests on, 0 when it names none
	mark   *registry.Mark // that
	// old finds the one that is to be changed; nil applies for a new one.
	old func(*registry.Snapshot) (*registry.Signature, error)
}

// applySign submits a signature of the caller's party. fill puts what is stored into the answer.
func (s *Server) applySign(ctx context.Context, r *request, key string, in *signing, out any, fill func(*registry.Signature, *review.Case)) error {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return err
	}
	if bad := words("SignName", in.text, 2, 20); bad != nil && bad.Code == sms.TextTooLong {
		return as(bad, "isv.SIGN_OVER_LIMIT", "InvalidParameterValue.SignNameLengthTooLong")
	} else if bad != nil {
		return bad
	}
	return s.change(ctx, r, key, in.scans, out, func(ctx context.Context, tx Tx) error {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		if err := in.rest(ctx, s, tx, r.who.App.PartyID); err != nil {
			return err
		}
		sig, err := in.signature(s, snap, r.who.App.PartyID)
		if err != nil {
			return err
		}
		if _, err := s.file(ctx, tx, r, in.papers); err != nil {
			return err
		}
		c, err := s.desk.ApplySignature(ctx, tx, *sig, by)
		if err != nil {
			return err
		}
		if err := blocked(r, c); err != nil {
			return err
		}
		fill(sig, c)
		return nil
	})
}

// signature is the object that is submitted. Of what it says nothing, name and number of a mark or
// app and whose that is, a change keeps.
func (in *signing) signature(s *Server, snap *registry.Snapshot, party sms.ID) (*registry.Signature, error) {
	now := s.Now().UnixMilli()
	same := snap.SignatureOf(party, in.text)
	var x registry.Signature
	switch {
	case in.old != nil:
		old, err := in.old(snap)
		if err != nil {
			return nil, err
		}
		if old.State == registry.Approved {
			return nil, as(sms.Errorf(sms.BadRequest, "SignName", "it is approved: PUT /v1/signatures/%s applies for a change while it stays in use", old.ID),
				"isv.ERROR_SIGN_NOT_MODIFY", "InvalidParameterValue.SignAlreadyPassedCheck")
		}
		x = *old
	case same == nil && len(snap.SignaturesOf(party)) >= review.MaxSignatures:
		return nil, as(sms.Errorf(sms.BadRequest, "SignName", "a party has at most %d signatures", review.MaxSignatures), "isv.SIGN_COUNT_OVER_LIMIT", "FailedOperation.SignNumberLimit")
	case same == nil:
		x = registry.Signature{ID: s.IDs.Next(), PartyID: party, CreatedAt: now}
		x.QualificationID = x.ID
	case same.State == registry.Retired:
		x = *same
		x.CreatedAt = now
	case same.State == registry.Approved:
		return nil, as(sms.Errorf(sms.BadRequest, "SignName", "you have it, and it is approved"), "isv.INVALID_PARAMETERS", "InvalidParameterValue.SignAlreadyPassedCheck")
	default:
		return nil, as(sms.Errorf(sms.BadRequest, "SignName", "you have applied for it already: modify that"), "isv.INVALID_PARAMETERS", "InvalidParameterValue.SignExistAndUnapproved")
	}
	if in.old != nil && same != nil && same.ID != x.ID {
		return nil, as(sms.Errorf(sms.BadRequest, "SignName", "another signature of yours is called so"), "isv.INVALID_PARAMETERS", "InvalidParameterValue.SignExistAndUnapproved")
	}
	x.Text, x.UpdatedAt = in.text, now
	return &x, in.rests(&x, snap.Party[party].Name)
}

// rests puts down what a signature rests on.
func (in *signing) rests(x *registry.Signature, name string) error {
	source := in.source
	if source == companyName {
		if source = registry.CompanyShort; in.text == name {
			source = registry.CompanyFull
		}
	}
	if x.Source != source { // what proved the old source proves nothing of another
		x.Source, x.Mark, x.Registration, x.Holder = source, "", "", ""
	}
	if m := in.mark; m != nil {
		if x.Mark, x.Registration, x.Holder = m.Name, m.Registration, ""; m.Holder != name {
			x.Holder = m.Holder
		}
	}
	if in.mark != nil && in.third != x.Foreign(name) {
		return as(sms.Errorf(sms.BadRequest, "ThirdParty", "the mark or app is registered to %s, and your party is %s: ThirdParty says whether that is somebody else", in.mark.Holder, name), "isv.INVALID_PARAMETERS", "")
	}
	if in.third && !x.Foreign(name) {
		return as(sms.Errorf(sms.BadRequest, "ThirdParty, SignPurpose", "whose it is, this interface has no field for: POST /v1/signatures takes holder, and the operator registers the holder's letter of authorisation"),
			"isv.INVALID_PARAMETERS", "InvalidParameterValue.InvalidSignPurpose")
	}
	if in.source != companyName && x.Registration == "" {
		return as(sms.Errorf(sms.SignatureForm, "SignSource, SignType", "a trademark needs its number, an app that of its ICP record, which TrademarkId or AppIcpRecordId name, or mark and registration of POST /v1/signatures"),
			"isv.SIGN_SOURCE_ILLEGAL", "FailedOperation.SignatureIncorrectOrUnapproved")
	}
	return nil
}

// withdrawnSource refuses the names of sites, official accounts, mini programs and shops.
func withdrawnSource(field string) error {
	return as(sms.Errorf(sms.SignatureForm, field, "carriers take names of companies, recorded apps and registered trademarks only (SIG-03)"),
		"isv.SIGN_SOURCE_ILLEGAL", "FailedOperation.SignatureIncorrectOrUnapproved")
}

// qualified tells whether the qualification that is named is the caller's: here it is the party
// itself, as its papers and its approval prove it.
func (r *request) qualified(number int64) error {
	if id := r.who.App.PartyID.Short(); number != 0 && number != id {
		return as(sms.Errorf(sms.BadRequest, "QualificationId", "yours is %d: the party that the key belongs to; leave it out, or name this one", id),
			"isv.INVALID_PARAMETERS", "InvalidParameterValue.QualificationIdNotFound")
	}
	return nil
}

// dropSign takes one of the caller's signatures out of use.
func (s *Server) dropSign(ctx context.Context, r *request, key string, find func(*registry.Snapshot) (*registry.Signature, error), out any, fill func(*registry.Signature)) error {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return err
	}
	return s.change(ctx, r, key, nil, out, func(ctx context.Context, tx Tx) error {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		sig, err := find(snap)
		if err != nil {
			return err
		}
		fill(sig)
		return s.desk.GiveUpSignature(ctx, tx, *sig, by)
	})
}

// wording is an application for a template, in neither cloud's words.
type wording struct {
	name    string
	content string
	kind    int   // as Aliyun counts in requests: 0 code, 1 notice, 2 marketing
	number  int64 // of the template that is to be changed, 0 applies for a new one
	papers  []paper
	// body writes the content with our variables.
	body func(sms.Category) (string, error)
}

// Limits of Aliyun's, in characters.
const (
	maxName    = 30
	maxContent = 500
)

// kinds are the categories by what Aliyun calls them in requests.
var kinds = []sms.Category{sms.OTP, sms.Notice, sms.MKT}

// kindOf is what Aliyun calls a category in requests; what it has no word for is a notice.
func kindOf(c sms.Category) int {
	switch c {
	case sms.OTP:
		return 0
	case sms.MKT:
		return 2
	}
	return 1
}

func (in *wording) check() error {
	bad := words("TemplateName", in.name, 1, maxName)
	if bad == nil {
		bad = words("TemplateContent", in.content, 1, maxContent)
	}
	if bad == nil {
		return nil
	}
	return &told{err: bad, cloud: wordFor(bad.Code)}
}

// applyWording submits a wording of a template of the caller's party.
func (s *Server) applyWording(ctx context.Context, r *request, key string, in *wording, out any, fill func(*registry.Template, *review.Case)) error {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err == nil {
		err = in.check()
	}
	if err != nil {
		return err
	}
	return s.change(ctx, r, key, nil, out, func(ctx context.Context, tx Tx) error {
		if err := tx.LockReviews(ctx); err != nil { // what is found stays so
			return err
		}
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		t, v, err := in.template(s, snap, r.who.App.PartyID)
		if err != nil {
			return err
		}
		if v.Body, err = in.body(t.Category); err != nil {
			return err
		}
		if _, err := s.file(ctx, tx, r, in.papers); err != nil {
			return err
		}
		c, err := s.desk.ApplyWording(ctx, tx, t, v, by)
		if err != nil {
			var known *sms.Error
			if errors.As(err, &known) && known.Code == sms.BadText {
				err = as(known, "isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.InvalidTemplateFormat")
			}
			return err
		}
		if err := blocked(r, c); err != nil {
			return err
		}
		fill(t, c)
		return nil
	})
}

// template is the template of a wording, and the version that it will be: the one that waits is
// replaced, and any other stays what it was.
func (in *wording) template(s *Server, snap *registry.Snapshot, party sms.ID) (t *registry.Template, v registry.TemplateVersion, err error) {
	if in.number == 0 {
		if len(snap.TemplatesOf(party)) >= review.MaxTemplates {
			return nil, v, as(sms.Errorf(sms.BadRequest, "TemplateName", "a party has at most %d templates", review.MaxTemplates), "isv.TEMPLATE_COUNT_OVER_LIMIT", "FailedOperation.TemplateNumberLimit")
		}
		t = &registry.Template{ID: s.IDs.Next(), PartyID: party, Category: kinds[in.kind], Name: in.name, State: registry.Active, CreatedAt: s.Now().UnixMilli()}
		return t, registry.TemplateVersion{TemplateID: t.ID}, nil
	}
	x, err := templateBy(snap, party, in.number)
	switch {
	case err != nil:
		return nil, v, err
	case snap.Wording(x.ID) != nil:
		return nil, v, as(sms.Errorf(sms.BadRequest, "template", "it is approved: POST /v1/templates/%s/versions applies for another wording while it stays in use", x.ID),
			"isv.ERROR_TEMPLATE_NOT_MODIFY", "FailedOperation.TemplateAlreadyPassedCheck")
	case x.standing == stopped:
		return nil, v, as(sms.Errorf(sms.BadRequest, "template", "the operator stopped it"), "isv.ERROR_TEMPLATE_NOT_MODIFY", "FailedOperation.TemplateIncorrectOrUnapproved")
	case kindOf(x.Category) != in.kind:
		return nil, v, as(sms.Errorf(sms.BadRequest, "TemplateType, SmsType", "its wordings were submitted as %s: apply for another template", x.Category),
			"isv.INVALID_PARAMETERS", "InvalidParameterValue.InvalidSmsType")
	}
	t, v.TemplateID = &registry.Template{}, x.ID
	*t = *x.Template
	if t.Name = in.name; x.version.State == registry.Review {
		v.Version = x.version.Version
	}
	return t, v, nil
}

// dropTemplate takes one of the caller's templates out of use.
func (s *Server) dropTemplate(ctx context.Context, r *request, key string, number int64, out any, fill func()) error {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return err
	}
	return s.change(ctx, r, key, nil, out, func(ctx context.Context, tx Tx) error {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		x, err := templateBy(snap, r.who.App.PartyID, number)
		if err != nil {
			return err
		}
		fill()
		return s.desk.GiveUpTemplate(ctx, tx, *x.Template, by)
	})
}
