package dialect

import (
	"context"
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// aliyunListed is what Aliyun calls a kind in QuerySmsTemplateList, by what it calls it
// everywhere else: 0 is a code in requests, and a notice there.
var aliyunListed = [...]int{0: 2, 1: 0, 2: 1}

func aliyunCodeOf(t *registry.Template) string {
	return aliyunTemplate + strconv.FormatInt(t.ID.Short(), 10)
}

// aliyunTemplated answers an application for a template.
type aliyunTemplated struct {
	aliyunReply
	TemplateCode string
	TemplateName string `json:",omitempty" xml:",omitempty"`
	OrderID      string `json:"OrderId,omitempty" xml:"OrderId,omitempty"`
}

// aliyunWording reads an application of the old and the new actions.
func aliyunWording(r *request) (*wording, error) {
	p := r.Params
	kind, err := one(p, "TemplateType", 0, 1, 2, 3)
	if err == nil && p["TemplateType"] == "" {
		err = sms.Errorf(sms.BadRequest, "TemplateType", "it is needed")
	}
	if err == nil && kind == 3 { // of other countries: a template here is for all of them
		kind, err = one(p, "IntlType", 0, 1, 2)
	}
	if err == nil {
		err = remarked(p)
	}
	var papers []paper
	if err == nil {
		papers, err = moreData(p)
	}
	if name := p["RelatedSignName"]; err == nil && name != "" {
		_, err = signatureBy(r.who.Snap, r.who.App.PartyID, name)
	}
	in := &wording{name: p["TemplateName"], content: p["TemplateContent"], kind: kind, papers: papers}
	in.body = func(c sms.Category) (string, error) { return aliyunBody(c, in.content, p["TemplateRule"]) }
	return in, err
}

func aliyunNewTemplate(ctx context.Context, s *Server, r *request) (any, error) {
	in, err := aliyunWording(r)
	if err != nil {
		return nil, err
	}
	return s.aliyunTemplated(ctx, r, in)
}

func aliyunChangeTemplate(ctx context.Context, s *Server, r *request) (any, error) {
	in, err := aliyunWording(r)
	if err != nil {
		return nil, err
	}
	if in.number = aliyunTemplateNumber(r.Params["TemplateCode"]); in.number == 0 {
		return nil, noTemplate()
	}
	return s.aliyunTemplated(ctx, r, in)
}

func (s *Server) aliyunTemplated(ctx context.Context, r *request, in *wording) (any, error) {
	out := &aliyunTemplated{}
	err := s.applyWording(ctx, r, r.aliyunKey(), in, out, func(t *registry.Template, c *review.Case) {
		out.TemplateCode, out.TemplateName, out.OrderID = aliyunCodeOf(t), t.Name, c.ID.String()
	})
	return out, err
}

func aliyunDeleteTemplate(ctx context.Context, s *Server, r *request) (any, error) {
	out := &aliyunTemplated{}
	err := s.dropTemplate(ctx, r, r.aliyunKey(), aliyunTemplateNumber(r.Params["TemplateCode"]), out, func() { out.TemplateCode = r.Params["TemplateCode"] })
	return out, err
}

// lookTemplate is one of the caller's templates with the newest review of its wording.
func (s *Server) lookTemplate(ctx context.Context, r *request) (template, *review.Case, error) {
	if err := s.once(ctx, r); err != nil {
		return template{}, nil, err
	}
	x, err := templateBy(r.who.Snap, r.who.App.PartyID, aliyunTemplateNumber(r.Params["TemplateCode"]))
	if err != nil {
		return x, nil, err
	}
	o := registryObject{x.ID, x.version.Version}
	cases, err := s.reviewsOf(ctx, rulebook.ObjectTemplate, []registryObject{o})
	return x, cases[o], err
}

type aliyunTemplateState struct {
	aliyunReply
	TemplateCode    string
	TemplateName    string
	TemplateContent string
	TemplateType    int
	TemplateStatus  int
	Reason          string
	CreateDate      string
}

func aliyunTemplateStatus(ctx context.Context, s *Server, r *request) (any, error) {
	x, c, err := s.lookTemplate(ctx, r)
	if err != nil {
		return nil, err
	}
	content, _ := aliyunContent(x.version.Body)
	return &aliyunTemplateState{
		TemplateCode: aliyunCodeOf(x.Template), TemplateName: x.Name, TemplateContent: content, TemplateType: kindOf(x.Category), TemplateStatus: aliyunStatus[x.standing],
		Reason: orNoRemark(x.told(c)), CreateDate: wall(x.CreatedAt),
	}, nil
}

// vendorStatus is how a wording's filings with carriers stand: 0 the carrier has it, 1 approved,
// 2 refused, 15 ended. A carrier with whom it is not filed is left out.
type vendorStatus map[string]int

// MarshalXML implements xml.Marshaler, for which a map is nothing.
func (v vendorStatus) MarshalXML(e *xml.Encoder, start xml.StartElement) error {
	if err := e.EncodeToken(start); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(v)) {
		if err := e.EncodeElement(v[name], xml.StartElement{Name: xml.Name{Local: name}}); err != nil {
			return err
		}
	}
	return e.EncodeToken(start.End())
}

func vendorsOf(snap *registry.Snapshot, x *template, at int64) vendorStatus {
	out := vendorStatus{}
	w := &registry.ApprovedWording{Template: x.Template, Version: x.version}
	for c := range carrierNames {
		name := strings.ToUpper(string(c)) + "_VENDOR"
		switch snap.TemplateFiling(w, c).At(at) {
		case registry.Submitted:
			out[name] = 0
		case registry.Approved:
			out[name] = 1
		case registry.Rejected:
			out[name] = 2
		case registry.Expired, registry.Revoked:
			out[name] = 15
		}
	}
	return out
}

type aliyunTemplateDetail struct {
	aliyunReply
	TemplateCode      string
	TemplateName      string
	TemplateContent   string
	TemplateType      string
	TemplateStatus    string
	TemplateTag       int
	CreateDate        string
	OrderID           string `json:"OrderId,omitempty" xml:"OrderId,omitempty"`
	VariableAttribute string `json:",omitempty" xml:",omitempty"`
	VendorAuditStatus vendorStatus
	AuditInfo         *aliyunAuditInfo `json:",omitempty" xml:",omitempty"`
}

func aliyunTemplateDetails(ctx context.Context, s *Server, r *request) (any, error) {
	x, c, err := s.lookTemplate(ctx, r)
	if err != nil {
		return nil, err
	}
	content, attribute := aliyunContent(x.version.Body)
	out := &aliyunTemplateDetail{
		TemplateCode: aliyunCodeOf(x.Template), TemplateName: x.Name, TemplateContent: content, VariableAttribute: attribute, TemplateTag: 2, CreateDate: wall(x.CreatedAt),
		TemplateType: strconv.Itoa(kindOf(x.Category)), TemplateStatus: strconv.Itoa(aliyunStatus[x.standing]),
		VendorAuditStatus: vendorsOf(r.who.Snap, &x, s.Now().UnixMilli()), AuditInfo: audited(x.standing, c),
	}
	if c != nil {
		out.OrderID = c.ID.String()
	}
	return out, nil
}

type aliyunTemplateLine struct {
	TemplateCode      string
	TemplateName      string
	TemplateContent   string
	TemplateType      int
	OuterTemplateType int
	AuditStatus       string
	CreateDate        string
	OrderID           string `json:"OrderId,omitempty" xml:"OrderId,omitempty"`
	Reason            aliyunReason
}

type aliyunTemplateList struct {
	aliyunReply
	CurrentPage     int
	PageSize        int
	TotalCount      int
	SmsTemplateList []aliyunTemplateLine
}

// reviewsOfTemplates are the newest reviews of the wordings that are shown.
func (s *Server) reviewsOfTemplates(ctx context.Context, list []template) (map[registryObject]*review.Case, error) {
	objects := make([]registryObject, len(list))
	for i, x := range list {
		objects[i] = registryObject{x.ID, x.version.Version}
	}
	return s.reviewsOf(ctx, rulebook.ObjectTemplate, objects)
}

func aliyunTemplates(ctx context.Context, s *Server, r *request) (any, error) {
	from, n, err := page(r.Params, "PageSize", "PageIndex", aliyunPage)
	if err != nil {
		return nil, err
	}
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	all := templates(r.who.Snap, r.who.App.PartyID)
	shown := cut(all, from, n)
	cases, err := s.reviewsOfTemplates(ctx, shown)
	if err != nil {
		return nil, err
	}
	out := &aliyunTemplateList{CurrentPage: from/n + 1, PageSize: n, TotalCount: len(all), SmsTemplateList: []aliyunTemplateLine{}}
	for _, x := range shown {
		c, kind := cases[registryObject{x.ID, x.version.Version}], kindOf(x.Category)
		content, _ := aliyunContent(x.version.Body)
		line := aliyunTemplateLine{
			TemplateCode: aliyunCodeOf(x.Template), TemplateName: x.Name, TemplateContent: content, TemplateType: aliyunListed[kind], OuterTemplateType: kind,
			AuditStatus: aliyunAudit[x.standing], CreateDate: wall(x.CreatedAt), Reason: reasonOf(x.standing, c),
		}
		if c != nil {
			line.OrderID = c.ID.String()
		}
		out.SmsTemplateList = append(out.SmsTemplateList, line)
	}
	return out, nil
}

type aliyunFound struct {
	TemplateCode string
	TemplateName string
	TemplateType int
	AuditStatus  int
	GmtCreate    string
	WorkOrderID  string `json:"WorkOrderId,omitempty" xml:"WorkOrderId,omitempty"`
}

type aliyunFoundList struct {
	aliyunReply
	Success bool
	Data    struct {
		List     []aliyunFound
		PageNo   int
		PageSize int
		Total    int
	}
}

// aliyunTemplatesFound searches the caller's templates.
func aliyunTemplatesFound(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	from, n, err := page(p, "PageSize", "PageIndex", aliyunPage)
	if err == nil {
		err = lacking(p, "templates have no tags and no states of their use", "TemplateTag", "UsableStateList")
	}
	kind, err2 := one(p, "TemplateType", 0, 1, 2, 3)
	status, err3 := one(p, "AuditStatus", 0, 1, 2, 10)
	for _, e := range []error{err2, err3} {
		if err == nil {
			err = e
		}
	}
	if name := p["SignName"]; err == nil && name != "" { // every template goes with every signature
		_, err = signatureBy(r.who.Snap, r.who.App.PartyID, name)
	}
	if err == nil {
		err = s.once(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(templates(r.who.Snap, r.who.App.PartyID), func(x template) bool {
		return p["TemplateType"] != "" && kindOf(x.Category) != kind || p["AuditStatus"] != "" && aliyunStatus[x.standing] != status ||
			p["TemplateCode"] != "" && aliyunCodeOf(x.Template) != p["TemplateCode"] || !strings.Contains(x.Name, p["TemplateName"])
	})
	shown := cut(all, from, n)
	cases, err := s.reviewsOfTemplates(ctx, shown)
	if err != nil {
		return nil, err
	}
	out := &aliyunFoundList{Success: true}
	out.Data.List, out.Data.PageNo, out.Data.PageSize, out.Data.Total = []aliyunFound{}, from/n+1, n, len(all)
	for _, x := range shown {
		line := aliyunFound{aliyunCodeOf(x.Template), x.Name, kindOf(x.Category), aliyunStatus[x.standing], wall(x.CreatedAt), ""}
		if c := cases[registryObject{x.ID, x.version.Version}]; c != nil {
			line.WorkOrderID = c.ID.String()
		}
		out.Data.List = append(out.Data.List, line)
	}
	return out, nil
}
