package dialect

import (
	"context"
	"slices"
	"strconv"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Limits of Tencent Cloud's own.
const tencentSet = 100

// tencentBad is a parameter with a value that it can't have.
func tencentBad(field, code, format string, args ...any) error {
	return as(sms.Errorf(sms.BadRequest, field, format, args...), "isv.INVALID_PARAMETERS", "InvalidParameterValue."+code)
}

// international checks whether a request is about the mainland, 0, or other places, 1: what is
// registered here is for both.
func (n number) international() error {
	if n != 0 && n != 1 {
		return tencentBad("International", "InvalidInternational", "it is 0 or 1")
	}
	return nil
}

// tencentStanding is Tencent Cloud's number of a standing: 0 in effect, 1 in review, 2 approved but
// not filed with any carrier yet, -1 not approved.
func tencentStanding(st standing, filed bool) int {
	switch {
	case st == usable && filed:
		return 0
	case st == usable:
		return 2
	case st == waits:
		return 1
	}
	return -1
}

func (r *request) tencentKey() string { return r.http.Header.Get("X-Tc-Idempotency-Key") }

// numbered finds the signature with a number.
func (r *request) numbered(n number) func(*registry.Snapshot) (*registry.Signature, error) {
	return func(snap *registry.Snapshot) (*registry.Signature, error) {
		for _, x := range signatures(snap, r.who.App.PartyID) {
			if x.ID.Short() == int64(n) {
				return x, nil
			}
		}
		return nil, noSignature()
	}
}

type tencentSignIn struct {
	SignID          number `json:"SignId"`
	SignName        string
	SignType        *number
	DocumentType    *number
	International   number
	SignPurpose     number
	ProofImage      string
	CommissionImage string
	Remark          string
	QualificationID number `json:"QualificationId"`
}

// tencentPapers are the papers that each type of a signature is proved by, and what they are.
var tencentPapers = map[number]map[number]string{
	0: {0: document.BusinessLicence, 1: document.BusinessLicence},
	1: {0: document.BusinessLicence, 1: document.BusinessLicence, 2: "other", 3: document.BusinessLicence, 4: "app_record"},
	4: {7: "trademark"},
	5: {2: "other", 3: document.BusinessLicence},
}

func (in *tencentSignIn) read(r *request) (*signing, error) {
	if err := r.take(in); err != nil {
		return nil, err
	}
	if in.SignType == nil || in.DocumentType == nil {
		return nil, sms.Errorf(sms.BadRequest, "SignType, DocumentType", "each is needed")
	}
	out := &signing{text: in.SignName, third: in.SignPurpose == 1}
	switch *in.SignType {
	case 0:
		out.source = companyName
	case 1:
		out.source = registry.App
	case 4:
		out.source = registry.Trademark
	case 5:
		if kind := r.who.Snap.Party[r.who.App.PartyID].EntityType; kind == "company" || kind == "individual" {
			return nil, sms.Errorf(sms.BadRequest, "SignType", "your party is registered as %s, which has the type 0", kind)
		}
		out.source = companyName
	case 2, 3, 6:
		return nil, withdrawnSource("SignType")
	default:
		return nil, sms.Errorf(sms.BadRequest, "SignType", "it is 0, 1, 4 or 5")
	}
	kind, ok := tencentPapers[*in.SignType][*in.DocumentType]
	switch {
	case !ok:
		return nil, tencentBad("DocumentType", "InvalidDocumentType", "a signature of this type is not proved by it")
	case in.SignPurpose != 0 && in.SignPurpose != 1:
		return nil, tencentBad("SignPurpose", "InvalidSignPurpose", "it is 0 or 1")
	}
	if err := in.International.international(); err != nil {
		return nil, err
	}
	if err := remarked(map[string]string{"Remark": in.Remark}); err != nil {
		return nil, err
	}
	if err := r.qualified(int64(in.QualificationID)); err != nil {
		return nil, err
	}
	var err error
	if out.scans, err = scanOf(nil, "ProofImage", kind, in.ProofImage); err == nil && out.third {
		out.scans, err = scanOf(out.scans, "CommissionImage", document.Authorisation, in.CommissionImage)
	}
	return out, err
}

type (
	tencentSignID struct {
		SignID int64 `json:"SignId"`
	}
	tencentAdded struct {
		AddSignStatus tencentSignID
		tencentMeta
	}
	tencentModified struct {
		ModifySignStatus tencentSignID
		tencentMeta
	}
)

func tencentNewSign(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentSignIn
	x, err := in.read(r)
	if err != nil {
		return nil, err
	}
	out := &tencentAdded{}
	err = s.applySign(ctx, r, r.tencentKey(), x, out, func(x *registry.Signature, _ *review.Case) { out.AddSignStatus.SignID = x.ID.Short() })
	return out, err
}

func tencentChangeSign(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentSignIn
	x, err := in.read(r)
	if err != nil {
		return nil, err
	}
	x.old = r.numbered(in.SignID)
	out := &tencentModified{}
	err = s.applySign(ctx, r, r.tencentKey(), x, out, func(x *registry.Signature, _ *review.Case) { out.ModifySignStatus.SignID = x.ID.Short() })
	return out, err
}

type tencentGone struct {
	DeleteStatus string
	DeleteTime   int64
}

func tencentDeleteSign(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentSignIn
	if err := r.take(&in); err != nil {
		return nil, err
	}
	out := &struct {
		DeleteSignStatus tencentGone
		tencentMeta
	}{}
	err := s.dropSign(ctx, r, r.tencentKey(), r.numbered(in.SignID), out, func(*registry.Signature) {
		out.DeleteSignStatus = tencentGone{"return successfully!", s.Now().Unix()}
	})
	return out, err
}

type tencentSign struct {
	SignID                  int64 `json:"SignId"`
	International           number
	StatusCode              int
	ReviewReply             string
	SignName                string
	CreateTime              int64
	QualificationID         int64 `json:"QualificationId"`
	QualificationName       string
	QualificationStatusCode int
}

func tencentSigns(ctx context.Context, s *Server, r *request) (any, error) {
	var in struct {
		SignIDSet     []number `json:"SignIdSet"`
		International number
	}
	if err := r.take(&in); err != nil {
		return nil, err
	}
	if err := in.International.international(); err != nil {
		return nil, err
	}
	if len(in.SignIDSet) > tencentSet {
		return nil, sms.Errorf(sms.BadRequest, "SignIdSet", "there are %d, the most is %d", len(in.SignIDSet), tencentSet)
	}
	snap, party, now := r.who.Snap, r.who.Snap.Party[r.who.App.PartyID], s.Now().UnixMilli()
	list := slices.DeleteFunc(signatures(snap, party.ID), func(x *registry.Signature) bool {
		return len(in.SignIDSet) > 0 && !slices.Contains(in.SignIDSet, number(x.ID.Short()))
	})
	objects := make([]registryObject, len(list))
	for i, x := range list {
		objects[i].id = x.ID
	}
	cases, err := s.reviewsOf(ctx, rulebook.ObjectSignature, objects)
	if err != nil {
		return nil, err
	}
	out := &struct {
		DescribeSignListStatusSet []tencentSign
		tencentMeta
	}{DescribeSignListStatusSet: []tencentSign{}}
	q, err := s.qualificationOf(ctx, party.ID)
	if err != nil {
		return nil, err
	}
	for i, x := range list {
		st := standingOf(x.State)
		filed, words := filedAnywhere(snap, x, now)
		reply := st.told(cases[objects[i]])
		if st == usable {
			reply = words
		}
		out.DescribeSignListStatusSet = append(out.DescribeSignListStatusSet, tencentSign{
			SignID: x.ID.Short(), International: in.International, StatusCode: tencentStanding(st, filed), ReviewReply: reply, SignName: x.Text, CreateTime: x.CreatedAt / 1000,
			QualificationID: party.ID.Short(), QualificationName: party.Name, QualificationStatusCode: q.tencent(),
		})
	}
	return out, nil
}

type tencentTemplateIn struct {
	TemplateID      number `json:"TemplateId"`
	TemplateName    string
	TemplateContent string
	SmsType         number
	International   number
	Remark          string
}

// tencentKinds are the kinds as Aliyun counts them, by Tencent Cloud's: 1 marketing, 2 notice,
// 3 code.
var tencentKinds = map[number]int{1: 2, 2: 1, 3: 0}

func (in *tencentTemplateIn) read(r *request) (*wording, error) {
	if err := r.take(in); err != nil {
		return nil, err
	}
	kind, ok := tencentKinds[in.SmsType]
	if !ok {
		return nil, tencentBad("SmsType", "InvalidSmsType", "it is 1 for marketing, 2 for a notice, 3 for a code")
	}
	if err := in.International.international(); err != nil {
		return nil, err
	}
	out := &wording{name: in.TemplateName, content: in.TemplateContent, kind: kind}
	out.body = func(c sms.Category) (string, error) { return tencentBody(c, in.TemplateContent) }
	return out, remarked(map[string]string{"Remark": in.Remark})
}

func tencentNewTemplate(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentTemplateIn
	x, err := in.read(r)
	if err != nil {
		return nil, err
	}
	out := &struct {
		AddTemplateStatus struct {
			TemplateID string `json:"TemplateId"`
		}
		tencentMeta
	}{}
	err = s.applyWording(ctx, r, r.tencentKey(), x, out, func(t *registry.Template, _ *review.Case) {
		out.AddTemplateStatus.TemplateID = strconv.FormatInt(t.ID.Short(), 10)
	})
	return out, err
}

func tencentChangeTemplate(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentTemplateIn
	x, err := in.read(r)
	if err != nil {
		return nil, err
	}
	if x.number = int64(in.TemplateID); x.number == 0 {
		return nil, sms.Errorf(sms.BadRequest, "TemplateId", "it is needed")
	}
	out := &struct {
		ModifyTemplateStatus struct {
			TemplateID int64 `json:"TemplateId"`
		}
		tencentMeta
	}{}
	err = s.applyWording(ctx, r, r.tencentKey(), x, out, func(t *registry.Template, _ *review.Case) { out.ModifyTemplateStatus.TemplateID = t.ID.Short() })
	return out, err
}

func tencentDeleteTemplate(ctx context.Context, s *Server, r *request) (any, error) {
	var in tencentTemplateIn
	if err := r.take(&in); err != nil {
		return nil, err
	}
	out := &struct {
		DeleteTemplateStatus tencentGone
		tencentMeta
	}{}
	err := s.dropTemplate(ctx, r, r.tencentKey(), int64(in.TemplateID), out, func() {
		out.DeleteTemplateStatus = tencentGone{"return successfully!", s.Now().Unix()}
	})
	return out, err
}

type tencentTemplate struct {
	TemplateID      int64 `json:"TemplateId"`
	International   int   // 3: for the mainland and other places
	StatusCode      int
	ReviewReply     string
	TemplateName    string
	CreateTime      int64
	TemplateContent string
}

func tencentTemplates(ctx context.Context, s *Server, r *request) (any, error) {
	var in struct {
		International number
		TemplateIDSet []number `json:"TemplateIdSet"`
		Limit, Offset number
	}
	if err := r.take(&in); err != nil {
		return nil, err
	}
	if err := in.International.international(); err != nil {
		return nil, err
	}
	snap, now := r.who.Snap, s.Now().UnixMilli()
	list := templates(snap, r.who.App.PartyID)
	switch {
	case len(in.TemplateIDSet) > tencentSet:
		return nil, sms.Errorf(sms.BadRequest, "TemplateIdSet", "there are %d, the most is %d", len(in.TemplateIDSet), tencentSet)
	case len(in.TemplateIDSet) > 0:
		list = slices.DeleteFunc(list, func(x template) bool { return !slices.Contains(in.TemplateIDSet, number(x.ID.Short())) })
	case in.Limit < 0 || in.Limit > tencentSet:
		return nil, tencentBad("Limit", "LimitVerifyFail", "it is 0 to %d", tencentSet)
	case in.Offset < 0:
		return nil, tencentBad("Offset", "OffsetVerifyFail", "it is 0 or more")
	default:
		list = cut(list, int(min(in.Offset, number(len(list)))), int(in.Limit))
	}
	cases, err := s.reviewsOfTemplates(ctx, list)
	if err != nil {
		return nil, err
	}
	out := &struct {
		DescribeTemplateStatusSet []tencentTemplate
		tencentMeta
	}{DescribeTemplateStatusSet: []tencentTemplate{}}
	for _, x := range list {
		filed := x.standing == usable && templateFiled(snap, snap.Wording(x.ID), now)
		out.DescribeTemplateStatusSet = append(out.DescribeTemplateStatusSet, tencentTemplate{
			TemplateID: x.ID.Short(), International: 3, StatusCode: tencentStanding(x.standing, filed), ReviewReply: x.told(cases[registryObject{x.ID, x.version.Version}]),
			TemplateName: x.Name, CreateTime: x.CreatedAt / 1000, TemplateContent: tencentContent(x.version.Body),
		})
	}
	return out, nil
}
