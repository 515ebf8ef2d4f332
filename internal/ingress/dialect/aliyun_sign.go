package dialect

import (
	"context"
	"slices"
	"strconv"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// aliyunStatus are Aliyun's numbers of a standing, and aliyunAudit its words in lists.
var (
	aliyunStatus = [...]int{waits: 0, usable: 1, refused: 2, stopped: 10}
	aliyunAudit  = [...]string{waits: "AUDIT_STATE_INIT", usable: "AUDIT_STATE_PASS", refused: "AUDIT_STATE_NOT_PASS", stopped: "AUDIT_STATE_CANCEL"}
)

const (
	maxRemark  = 200
	noRemark   = "无审批备注"
	generalUse = "通用类型" // of a signature: every one is for codes, notices and marketing alike
	ownMade    = "2"    // a signature that its user applied for
	aliyunPage = 50     // entries of a page
)

// one reads a parameter that is one of some numbers; "" is the first of them.
func one(p map[string]string, name string, allowed ...int) (int, error) {
	if p[name] == "" {
		return allowed[0], nil
	}
	n, err := strconv.Atoi(p[name])
	if err != nil || !slices.Contains(allowed, n) {
		return 0, sms.Errorf(sms.BadRequest, name, "it is one of %v", allowed)
	}
	return n, nil
}

// lacking refuses what names objects of Aliyun's that have no like here.
func lacking(p map[string]string, instead string, names ...string) error {
	for _, name := range names {
		if v := p[name]; v != "" && v != "0" && v != "[]" {
			return sms.Errorf(sms.BadRequest, name, "there is nothing of this kind here: %s", instead)
		}
	}
	return nil
}

// remarked checks a remark. It is for a reviewer's eyes at Aliyun, and is not kept here.
func remarked(p map[string]string) error {
	if p["Remark"] == "" {
		return nil
	}
	if bad := words("Remark", p["Remark"], 1, maxRemark); bad != nil {
		return bad
	}
	return nil
}

// aliyunSigned answers an application for a signature.
type aliyunSigned struct {
	aliyunReply
	SignName string
	OrderID  string `json:"OrderId,omitempty" xml:"OrderId,omitempty"`
}

// aliyunSigning reads an application of the old and the new actions.
func aliyunSigning(r *request) (*signing, error) {
	p := r.Params
	source, err := one(p, "SignSource", 0, 1, 2, 3, 4, 5)
	if err != nil {
		return nil, err
	}
	if _, err := one(p, "SignType", 1, 0); err != nil {
		return nil, err
	}
	if err := remarked(p); err != nil {
		return nil, err
	}
	if err := lacking(p, "POST /v1/signatures takes the holder, and the operator registers the letter", "AuthorizationLetterId"); err != nil {
		return nil, err
	}
	qualification, err := strconv.ParseInt("0"+p["QualificationId"], 10, 64)
	if err != nil {
		return nil, sms.Errorf(sms.BadRequest, "QualificationId", "it is a number")
	}
	in := &signing{text: p["SignName"], third: p["ThirdParty"] == "true"}
	switch source {
	case 0:
		in.source = companyName
	case 2:
		in.source = registry.App
	case 5:
		in.source = registry.Trademark
	default:
		return nil, withdrawnSource("SignSource")
	}
	if in.number, err = marked(p, in.source); err != nil {
		return nil, err
	}
	if in.papers, err = moreData(p); err != nil {
		return nil, err
	}
	for i := 1; p["SignFileList."+strconv.Itoa(i)+".FileContents"] != ""; i++ {
		field := "SignFileList." + strconv.Itoa(i) + ".FileContents"
		if in.scans, err = scanOf(in.scans, field, "other", p[field]); err != nil { // what paper it is, nobody says
			return nil, err
		}
	}
	return in, r.qualified(qualification)
}

// moreData reads the names of files that came before.
func moreData(p map[string]string) (out []paper, err error) {
	if p["MoreData"] == "" {
		return nil, nil
	}
	var names []string
	if err := decodeJSON([]byte(p["MoreData"]), &names); err != nil || len(names) > maxScans {
		return nil, sms.Errorf(sms.BadRequest, "MoreData", "it is a JSON list of at most %d names of files", maxScans)
	}
	for _, name := range names {
		out = append(out, paper{field: "MoreData", name: name, kind: "other"})
	}
	return out, nil
}

func aliyunNewSign(ctx context.Context, s *Server, r *request) (any, error) {
	in, err := aliyunSigning(r)
	if err != nil {
		return nil, err
	}
	return s.aliyunSigned(ctx, r, in)
}

func aliyunChangeSign(ctx context.Context, s *Server, r *request) (any, error) {
	in, err := aliyunSigning(r)
	if err != nil {
		return nil, err
	}
	in.old = r.named()
	return s.aliyunSigned(ctx, r, in)
}

// named finds the signature that SignName names.
func (r *request) named() func(*registry.Snapshot) (*registry.Signature, error) {
	return func(snap *registry.Snapshot) (*registry.Signature, error) {
		return signatureBy(snap, r.who.App.PartyID, r.Params["SignName"])
	}
}

func (r *request) aliyunKey() string { return r.http.Header.Get("X-Acs-Idempotency-Key") }

func (s *Server) aliyunSigned(ctx context.Context, r *request, in *signing) (any, error) {
	out := &aliyunSigned{}
	err := s.applySign(ctx, r, r.aliyunKey(), in, out, func(x *registry.Signature, c *review.Case) { out.SignName, out.OrderID = x.Text, c.ID.String() })
	return out, err
}

func aliyunDeleteSign(ctx context.Context, s *Server, r *request) (any, error) {
	out := &aliyunSigned{}
	err := s.dropSign(ctx, r, r.aliyunKey(), r.named(), out, func(x *registry.Signature) { out.SignName = x.Text })
	return out, err
}

// lookSign is one of the caller's signatures with its newest review.
func (s *Server) lookSign(ctx context.Context, r *request) (*registry.Signature, *review.Case, error) {
	if err := s.once(ctx, r); err != nil {
		return nil, nil, err
	}
	x, err := r.named()(r.who.Snap)
	if err != nil {
		return nil, nil, err
	}
	o := registryObject{id: x.ID}
	cases, err := s.reviewsOf(ctx, rulebook.ObjectSignature, []registryObject{o})
	return x, cases[o], err
}

type aliyunSignStatus struct {
	aliyunReply
	SignName   string
	SignStatus int
	Reason     string
	CreateDate string
}

func aliyunSign(ctx context.Context, s *Server, r *request) (any, error) {
	x, c, err := s.lookSign(ctx, r)
	if err != nil {
		return nil, err
	}
	st := standingOf(x.State)
	return &aliyunSignStatus{SignName: x.Text, SignStatus: aliyunStatus[st], Reason: orNoRemark(st.told(c)), CreateDate: wall(x.CreatedAt)}, nil
}

func orNoRemark(text string) string {
	if text == "" {
		return noRemark
	}
	return text
}

// aliyunAuditInfo is a reviewer's decision.
type aliyunAuditInfo struct {
	AuditDate  string `json:",omitempty" xml:",omitempty"`
	RejectInfo string `json:",omitempty" xml:",omitempty"`
}

// audited is the newest decision, nil when there is none.
func audited(st standing, c *review.Case) *aliyunAuditInfo {
	if c == nil || c.ReviewedAt == 0 {
		return nil
	}
	return &aliyunAuditInfo{wall(c.ReviewedAt), st.told(c)}
}

type aliyunRegisterReason struct {
	ReasonCode     string
	ReasonDescList []string `json:",omitempty" xml:",omitempty"`
}

type aliyunRegister struct {
	OperatorCode          string
	RegisterStatus        int
	OperatorCompleteTime  string `json:",omitempty" xml:",omitempty"`
	RegisterStatusReasons []aliyunRegisterReason
}

type aliyunSignDetail struct {
	aliyunReply
	SignName                     string
	SignCode                     string
	SignStatus                   int
	SignTag                      string
	CreateDate                   string
	OrderID                      string `json:"OrderId,omitempty" xml:"OrderId,omitempty"`
	QualificationID              int64  `json:"QualificationId" xml:"QualificationId"`
	TrademarkID                  int64  `json:"TrademarkId,omitempty" xml:"TrademarkId,omitempty"`
	AppIcpRecordID               int64  `json:"AppIcpRecordId,omitempty" xml:"AppIcpRecordId,omitempty"`
	ThirdParty                   bool
	AuthorizationLetterAuditPass bool
	RegisterResult               int
	SignIspRegisterDetailList    []aliyunRegister
	AuditInfo                    *aliyunAuditInfo `json:",omitempty" xml:",omitempty"`
}

func aliyunSignDetails(ctx context.Context, s *Server, r *request) (any, error) {
	x, c, err := s.lookSign(ctx, r)
	if err != nil {
		return nil, err
	}
	st, snap, now := standingOf(x.State), r.who.Snap, s.Now().UnixMilli()
	out := &aliyunSignDetail{
		SignName: x.Text, SignCode: "SIGN_" + strconv.FormatInt(x.ID.Short(), 10), SignStatus: aliyunStatus[st], SignTag: ownMade, CreateDate: wall(x.CreatedAt),
		QualificationID: x.PartyID.Short(), ThirdParty: x.Foreign(snap.Party[x.PartyID].Name), SignIspRegisterDetailList: []aliyunRegister{}, AuditInfo: audited(st, c),
	}
	out.AuthorizationLetterAuditPass = out.ThirdParty && snap.Authorisation(x, now) != nil
	if c != nil {
		out.OrderID = c.ID.String()
	}
	if out.TrademarkID, out.AppIcpRecordID, err = s.markOf(ctx, x); err != nil {
		return nil, err
	}
	var all []int
	for _, carrier := range snap.FiledWith(x.ID) {
		f := snap.Filing(x.ID, carrier)
		status, code, why := filingStatus(f, snap.BoundAt(x.ID, carrier), now)
		line := aliyunRegister{OperatorCode: string(carrier), RegisterStatus: status, RegisterStatusReasons: []aliyunRegisterReason{{ReasonCode: code}}}
		if why != "" {
			line.RegisterStatusReasons[0].ReasonDescList = []string{why}
		}
		if status >= 0 { // the carrier answered
			line.OperatorCompleteTime = wall(f.UpdatedAt)
		}
		out.SignIspRegisterDetailList, all = append(out.SignIspRegisterDetailList, line), append(all, status)
	}
	out.RegisterResult = -1
	for _, status := range []int{0, 2, 1} { // the last of these that a carrier said
		if slices.Contains(all, status) {
			out.RegisterResult = status
		}
	}
	return out, nil
}

// aliyunReason is why something in a list was refused.
type aliyunReason struct {
	RejectDate    string `json:",omitempty" xml:",omitempty"`
	RejectInfo    string
	RejectSubInfo string `json:",omitempty" xml:",omitempty"`
}

func reasonOf(st standing, c *review.Case) (out aliyunReason) {
	out.RejectInfo = orNoRemark(st.told(c))
	if st == refused && c != nil {
		out.RejectDate = wall(c.ReviewedAt)
	}
	return out
}

type aliyunSignLine struct {
	SignName                     string
	AuditStatus                  string
	BusinessType                 string
	CreateDate                   string
	OrderID                      string `json:"OrderId,omitempty" xml:"OrderId,omitempty"`
	Reason                       aliyunReason
	AuthorizationLetterAuditPass bool `json:"authorizationLetterAuditPass" xml:"authorizationLetterAuditPass"`
}

type aliyunSignList struct {
	aliyunReply
	CurrentPage int
	PageSize    int
	TotalCount  int
	SmsSignList []aliyunSignLine
}

func aliyunSigns(ctx context.Context, s *Server, r *request) (any, error) {
	from, n, err := page(r.Params, "PageSize", "PageIndex", aliyunPage)
	if err != nil {
		return nil, err
	}
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	all := signatures(r.who.Snap, r.who.App.PartyID)
	out := &aliyunSignList{CurrentPage: from/n + 1, PageSize: n, TotalCount: len(all), SmsSignList: []aliyunSignLine{}}
	shown := cut(all, from, n)
	objects := make([]registryObject, len(shown))
	for i, x := range shown {
		objects[i].id = x.ID
	}
	cases, err := s.reviewsOf(ctx, rulebook.ObjectSignature, objects)
	if err != nil {
		return nil, err
	}
	for i, x := range shown {
		st, c := standingOf(x.State), cases[objects[i]]
		line := aliyunSignLine{SignName: x.Text, AuditStatus: aliyunAudit[st], BusinessType: generalUse, CreateDate: wall(x.CreatedAt), Reason: reasonOf(st, c)}
		line.AuthorizationLetterAuditPass = x.Foreign(r.who.Snap.Party[x.PartyID].Name) && r.who.Snap.Authorisation(x, s.Now().UnixMilli()) != nil
		if c != nil {
			line.OrderID = c.ID.String()
		}
		out.SmsSignList = append(out.SmsSignList, line)
	}
	return out, nil
}
