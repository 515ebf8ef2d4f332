package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// A qualification is the review of the party that the key belongs to: its number is the party's,
// its work order the newest application.

// aliyunData answers with one value.
type aliyunData[T any] struct {
	aliyunReply
	Data    T
	Success bool
}

func (x *aliyunData[T]) sign(id string) {
	x.aliyunReply.sign(id)
	x.Success = true // what is refused is answered otherwise
}

// Limits of Aliyun's own, in characters.
const (
	maxQualificationName = 100
	maxCompany           = 150
	maxPerson            = 100
)

// paper is a file that came by a form, and what an application says that it is.
type paper struct {
	field, name, kind string
	to                int64 // 0 is no end
}

// file makes papers documents of the caller's party.
func (s *Server) file(ctx context.Context, tx Tx, r *request, papers []paper) (last *document.Document, err error) {
	for _, x := range papers {
		last, err = s.shelf.File(ctx, tx, r.who.App.PartyID, x.name, x.kind, x.to)
		var known *sms.Error
		if errors.As(err, &known) && known.Field == "" {
			known.Field = x.field
			err = as(known, "isv.INVALID_PARAMETERS", "InvalidParameterValue.ImageInvalid")
		}
		if err != nil {
			return nil, err
		}
	}
	return last, nil
}

var aliyunPeriodForm = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})~(\d{4}-\d{2}-\d{2})$`)

// aliyunPeriod reads 2023-01-01~2033-01-01, both days included; "" is no end.
func aliyunPeriod(p map[string]string, field string) (out registry.Period, err error) {
	if p[field] == "" {
		return out, nil
	}
	bad := sms.Errorf(sms.BadRequest, field, "it is two days like 2023-01-01~2033-01-01, the first before the second")
	m := aliyunPeriodForm.FindStringSubmatch(p[field])
	if m == nil {
		return out, bad
	}
	from, err1 := time.ParseInLocation(time.DateOnly, m[1], rulebook.Shanghai)
	to, err2 := time.ParseInLocation(time.DateOnly, m[2], rulebook.Shanghai)
	if err1 != nil || err2 != nil || !from.Before(to) {
		return out, bad
	}
	return registry.Period{From: from.UnixMilli(), To: to.AddDate(0, 0, 1).UnixMilli()}, nil
}

// shown is such a period in Aliyun's form.
func shown(p registry.Period) string {
	day := func(ms int64) string { return time.UnixMilli(ms).In(rulebook.Shanghai).Format(time.DateOnly) }
	return day(p.From) + "~" + day(p.To-1)
}

// qualifying is what a party says of itself and of its people; "" is not said.
type qualifying struct {
	name   string
	people review.People
	papers []paper
}

var (
	identityNumber = regexp.MustCompile(`^[0-9A-Z]{6,20}$`)
	addressRemark  = regexp.MustCompile(`^(?:地址|[Aa]ddress)\s*[:：]\s*(.+)$`)
)

// aliyunQualifying reads an application, or a change of one, which may leave out what stays.
func aliyunQualifying(r *request, fresh bool) (*qualifying, error) {
	p, party := r.Params, r.who.Snap.Party[r.who.App.PartyID]
	in := &qualifying{
		name:   p["CompanyName"],
		people: review.People{Representative: p["LegalPersonName"], Handler: p["AdminName"], HandlerID: strings.ToUpper(p["AdminIDCardNo"]), Contact: p["AdminPhoneNo"]},
	}
	for _, x := range []struct {
		field string
		most  int
	}{{"CompanyName", maxCompany}, {"LegalPersonName", maxPerson}, {"AdminName", maxPerson}, {"QualificationName", maxQualificationName}} {
		if p[x.field] == "" && !fresh {
			continue
		}
		if bad := words(x.field, p[x.field], 1, x.most); bad != nil {
			return nil, bad
		}
	}
	if err := remarked(p); err != nil {
		return nil, err
	}
	if m := addressRemark.FindStringSubmatch(p["Remark"]); m != nil {
		in.people.Address = m[1]
	}
	organ := map[string]bool{"COMPANY": false, "NON_PROFIT_ORGANIZATION": true}
	isOrgan, known := organ[p["CompanyType"]]
	switch {
	case (fresh || p["AdminIDCardNo"] != "") && !identityNumber.MatchString(in.people.HandlerID):
		return nil, sms.Errorf(sms.BadRequest, "AdminIDCardNo", "it has 6 to 20 digits and letters")
	case fresh && p["UseBySelf"] != "true":
		return nil, as(sms.Errorf(sms.BadRequest, "UseBySelf", "a key's qualification is its own party: what is somebody else's is used by the holder of its mark and a letter of authorisation, and a customer of yours has a party and a key of its own"),
			"isv.INVALID_PARAMETERS", "")
	case (fresh || p["OrganizationCode"] != "") && !strings.EqualFold(p["OrganizationCode"], party.USCC):
		return nil, as(sms.Errorf(sms.BadRequest, "OrganizationCode", "your party is registered under another code, which no application changes"), "isv.INVALID_PARAMETERS", "")
	case (fresh || p["CompanyType"] != "") && (!known || isOrgan != (party.Organ() || party.EntityType == "social")):
		return nil, as(sms.Errorf(sms.BadRequest, "CompanyType", "your party is registered as %s", party.EntityType), "isv.INVALID_PARAMETERS", "")
	}
	if fresh || in.people.Contact != "" {
		if _, err := sms.ParseMSISDN(in.people.Contact); err != nil {
			return nil, sms.Errorf(sms.BadNumber, "AdminPhoneNo", "%s", err)
		}
	}
	return in, in.readPapers(p)
}

// readPapers reads what files prove.
func (in *qualifying) readPapers(p map[string]string) error {
	var ends [3]registry.Period
	for i, field := range []string{"BussinessLicenseExpDate", "LegalPersonIdCardEffTime", "AdminIDCardExpDate"} {
		var err error
		if ends[i], err = aliyunPeriod(p, field); err != nil {
			return err
		}
	}
	type picture struct{ LicensePic, Type string }
	for _, x := range []struct {
		field, kind string
		to          int64
	}{{"BusinessLicensePics", document.BusinessLicence, ends[0].To}, {"OtherFiles", "other", 0}} {
		if p[x.field] == "" {
			continue
		}
		var list []picture
		if err := decodeJSON([]byte(p[x.field]), &list); err != nil {
			return sms.Errorf(sms.BadRequest, x.field, "it is a JSON list of objects with LicensePic: %s", err)
		}
		if len(list) > maxScans {
			return sms.Errorf(sms.BadRequest, x.field, "there are at most %d files", maxScans)
		}
		for _, one := range list {
			in.papers = append(in.papers, paper{x.field, one.LicensePic, x.kind, x.to})
		}
	}
	for _, x := range []paper{
		{"LegalPersonIdCardFrontSide", "", document.Representative, ends[1].To},
		{"LegalPersonIdCardBackSide", "", document.Representative, ends[1].To},
		{"AdminIDCardFrontFace", "", document.Handler, ends[2].To},
		{"AdminIDCardPic", "", document.Handler, ends[2].To},
	} {
		if x.name = p[x.field]; x.name != "" {
			in.papers = append(in.papers, x)
		}
	}
	return nil
}

func noQualification() error {
	return fault(sms.Errorf(sms.NotFound, "QualificationGroupId, OrderId", "you have no such qualification"), "QualificationNotExist", http.StatusBadRequest)
}

// ordered demands that a request names the caller's qualification, and its newest application if
// any.
func (r *request) ordered(last *review.Case) error {
	number, err := strconv.ParseInt(r.Params["QualificationGroupId"], 10, 64)
	if err != nil || number != r.who.App.PartyID.Short() {
		return noQualification()
	}
	if text := r.Params["OrderId"]; text != "" {
		order, err := strconv.ParseInt(text, 10, 64)
		if err != nil || last == nil || order != last.ID.Short() {
			return noQualification()
		}
	}
	return nil
}

// partyNow is the caller's party and its newest application, as they are in a transaction.
func partyNow(ctx context.Context, tx Tx, r *request) (registry.Party, *review.Case, error) {
	if err := tx.LockReviews(ctx); err != nil { // what is found stays so
		return registry.Party{}, nil, err
	}
	snap, err := tx.Registry(ctx)
	if err != nil {
		return registry.Party{}, nil, err
	}
	last, err := tx.LastCase(ctx, rulebook.ObjectParty, r.who.App.PartyID, 0)
	return *snap.Party[r.who.App.PartyID], last, err
}

// qualify submits what a party says of itself.
func (s *Server) qualify(ctx context.Context, r *request, fresh bool) (any, error) {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return nil, err
	}
	in, err := aliyunQualifying(r, fresh)
	if err != nil {
		return nil, err
	}
	out := &aliyunData[string]{}
	return out, s.change(ctx, r, r.aliyunKey(), nil, out, func(ctx context.Context, tx Tx) error {
		p, last, err := partyNow(ctx, tx, r)
		if err != nil {
			return err
		}
		if !fresh {
			if err := r.ordered(last); err != nil {
				return err
			}
		}
		switch {
		case p.State != registry.Pending && p.State != registry.Active:
			return as(sms.Errorf(sms.BadRequest, "QualificationGroupId", "the operator stopped your party: talk to it"), "isv.ACCOUNT_ABNORMAL", "")
		case fresh && (p.State == registry.Active || last != nil && last.StaffID == 0 && last.State != review.Withdrawn):
			return as(sms.Errorf(sms.BadRequest, "QualificationName", "a party has one qualification, and yours is %d: UpdateSmsQualification changes it", p.ID.Short()), "isv.INVALID_PARAMETERS", "")
		}
		if _, err := s.file(ctx, tx, r, in.papers); err != nil {
			return err
		}
		renamed := in.name != "" && in.name != p.Name
		if renamed {
			p.Name = in.name
		}
		p.UpdatedAt = s.Now().UnixMilli()
		out.Data = strconv.FormatInt(p.ID.Short(), 10)
		_, err = s.desk.Qualify(ctx, tx, p, func(i *review.Identity) error {
			if renamed { // nobody looked the new name up
				i.CheckedAt = 0
			}
			return i.Name(s.Keys, &in.people)
		}, by)
		return err
	})
}

func aliyunSubmitQualification(ctx context.Context, s *Server, r *request) (any, error) {
	return s.qualify(ctx, r, true)
}

func aliyunUpdateQualification(ctx context.Context, s *Server, r *request) (any, error) {
	return s.qualify(ctx, r, false)
}

// aliyunDeleteQualification takes an application back that nobody has decided. A party itself is
// not taken out of the registry by its own key.
func aliyunDeleteQualification(ctx context.Context, s *Server, r *request) (any, error) {
	by, err := review.AuthorOf(r.who.Snap, r.who.Key)
	if err != nil {
		return nil, err
	}
	out := &aliyunData[bool]{}
	return out, s.change(ctx, r, r.aliyunKey(), nil, out, func(ctx context.Context, tx Tx) error {
		p, last, err := partyNow(ctx, tx, r)
		if err != nil {
			return err
		}
		if err := r.ordered(last); err != nil {
			return err
		}
		switch {
		case p.State != registry.Pending:
			return fault(sms.Errorf(sms.BadRequest, "QualificationGroupId", "it was approved, and all that you send rests on it: the operator ends it"), "BindSignDeleteFailed", http.StatusBadRequest)
		case last == nil || last.State != review.Waiting:
			return as(sms.Errorf(sms.BadRequest, "OrderId", "nothing of it waits: UpdateSmsQualification applies anew"), "isv.INVALID_PARAMETERS", "")
		}
		out.Data = true
		return s.desk.TakeBack(ctx, tx, p, by)
	})
}

// States of a qualification, and the other words that comments of Aliyun's SDK have for them.
const (
	qualWaits    = "INIT"
	qualLacks    = "NOT_FINISH" // and nobody can approve it before
	qualApproved = "PASS"
	qualRefused  = "NOT_PASS"
	qualStopped  = "CANCEL"
)

var qualSynonyms = map[string]string{"INT": qualWaits, "PASSED": qualApproved, "FAILED": qualRefused, "CANCELED": qualStopped}

// qualification is the caller's party as its reviews stand.
type qualification struct {
	registry.Party // as it was proposed
	last           *review.Case
	change         bool // of a party that goes on as it was approved
	state, remark  string
	pictures       []string // files of its business licence
	representative []byte   // sealed
}

// order is the newest application's number.
func (q *qualification) order() int64 {
	if q.last == nil {
		return 0
	}
	return q.last.ID.Short()
}

// submitted is when it was applied for.
func (q *qualification) submitted() string {
	if q.last == nil {
		return wall(q.CreatedAt)
	}
	return wall(q.last.SubmittedAt)
}

// decided is when somebody decided, "" when nobody has.
func (q *qualification) decided() string {
	if q.last == nil || q.last.State != review.Approved && q.last.State != review.Rejected {
		return ""
	}
	return wall(q.last.ReviewedAt)
}

// tencent is Tencent Cloud's number of the state.
func (q *qualification) tencent() int {
	switch {
	case q == nil:
		return 0
	case q.state == qualApproved:
		return 1
	case q.change && q.state == qualRefused:
		return 5
	case q.change && q.state == qualWaits:
		return 4
	case q.state == qualLacks:
		return 3
	case q.state == qualWaits:
		return 0
	}
	return 2
}

// qualificationOf reads it; nil is none yet.
func (s *Server) qualificationOf(ctx context.Context, party sms.ID) (q *qualification, err error) {
	book, err := s.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	err = s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		snap, err := tx.Registry(ctx)
		if err != nil {
			return err
		}
		last, err := tx.LastCase(ctx, rulebook.ObjectParty, party, 0)
		if err != nil {
			return err
		}
		x := &qualification{Party: *snap.Party[party], last: last}
		if last == nil && x.State == registry.Pending {
			return nil
		}
		if err := x.stands(ctx, tx, book); err != nil {
			return err
		}
		papers, err := tx.DocumentsOf(ctx, party)
		if err != nil {
			return err
		}
		for _, d := range papers {
			if d.Kind == document.BusinessLicence && d.Name != "" {
				x.pictures = append(x.pictures, d.Name)
			}
		}
		i, err := tx.Identity(ctx, party, false)
		if err == nil && i != nil {
			x.representative = i.Representative
		}
		q = x
		return err
	})
	return q, err
}

// stands tells how far it has come, and why no further.
func (q *qualification) stands(ctx context.Context, tx Tx, book *rulebook.Book) error {
	active := q.State == registry.Active
	var state string
	if q.last != nil {
		state = q.last.State
	}
	switch {
	case !active && q.State != registry.Pending:
		q.state, q.remark = qualStopped, stoppedWords
		return nil
	case state == review.Waiting, state == review.Rejected:
		if err := json.Unmarshal(q.last.Proposal, &q.Party); err != nil {
			return err
		}
	case active:
		q.state = qualApproved
		return nil
	default:
		q.state, q.remark = qualStopped, "已撤回"
		return nil
	}
	if q.change = active; active {
		q.remark = "变更尚未生效，已通过的资质继续有效。"
	}
	if state == review.Rejected {
		q.state = qualRefused
		q.remark += q.last.Reason
		return nil
	}
	found, err := review.Judged(ctx, tx, book, q.last)
	if err != nil {
		return err
	}
	q.state = qualWaits
	var lacks []string
	for i := range found {
		if f := &found[i]; f.Outcome == rulebook.Block {
			q.state = qualLacks
			lacks = append(lacks, f.Reason.Zh+"（"+f.Rule+"）："+f.Remedy.Zh)
		}
	}
	q.remark += strings.Join(lacks, "；")
	return nil
}

type aliyunQualificationLine struct {
	GroupID                int64  `json:"GroupId" xml:"GroupId"`
	WorkOrderID            int64  `json:"WorkOrderId" xml:"WorkOrderId"`
	QualificationGroupName string // a name of its own is not kept
	CompanyName            string
	StateName              string
	AuditRemark            string
	AuditTime              string
	CreateDate             string
	UseBySelf              string
}

type aliyunQualificationPage struct {
	List                    []aliyunQualificationLine
	PageNo, PageSize, Total int
}

func aliyunQualifications(ctx context.Context, s *Server, r *request) (any, error) {
	p := r.Params
	from, n, err := page(p, "PageSize", "PageNo", aliyunPage)
	if err == nil {
		err = s.once(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	q, err := s.qualificationOf(ctx, r.who.App.PartyID)
	if err != nil {
		return nil, err
	}
	list := []aliyunQualificationLine{}
	if q != nil && p["UseBySelf"] != "false" && strings.Contains(q.Name, p["CompanyName"]) && strings.Contains(q.Name, p["QualificationGroupName"]) &&
		slices.Contains([]string{"", q.state}, synonym(p["State"])) && slices.Contains([]string{"", strconv.FormatInt(q.order(), 10)}, p["WorkOrderId"]) {
		list = append(list, aliyunQualificationLine{
			GroupID: q.ID.Short(), WorkOrderID: q.order(), QualificationGroupName: q.Name, CompanyName: q.Name, StateName: q.state, AuditRemark: q.remark,
			AuditTime: q.decided(), CreateDate: q.submitted(), UseBySelf: "true",
		})
	}
	if len(list) > 0 && p["LegalPersonName"] != "" {
		is, err := s.represents(q, p["LegalPersonName"])
		if err != nil {
			return nil, err
		}
		if !is {
			list = list[:0]
		}
	}
	out := &aliyunData[aliyunQualificationPage]{}
	out.Data = aliyunQualificationPage{List: cut(list, from, n), PageNo: from/n + 1, PageSize: n, Total: len(list)}
	return out, nil
}

func synonym(state string) string {
	if other, ok := qualSynonyms[state]; ok {
		return other
	}
	return state
}

// represents tells whether somebody is the party's representative, as it is on file.
func (s *Server) represents(q *qualification, name string) (bool, error) {
	if len(q.representative) == 0 {
		return false, nil
	}
	b, err := s.Keys.Open(vault.PurposePerson, q.representative)
	return string(b) == name, err
}

type aliyunPicture struct {
	LicensePic string
	Type       string
}

// aliyunQualificationDetail has no people in it, and no addresses of their papers: who sees those
// says why, and that is recorded (P7).
type aliyunQualificationDetail struct {
	QualificationGroupID int64 `json:"QualificationGroupId" xml:"QualificationGroupId"`
	WorkOrderID          int64 `json:"WorkOrderId" xml:"WorkOrderId"`
	QualificationName    string
	CompanyName          string
	CompanyType          string
	OrganizationCode     string
	State                string
	Remark               string
	BusinessType         string
	BusinessLicensePics  []aliyunPicture
	UseBySelf            bool
	WhetherShare         bool
}

func aliyunQualification(ctx context.Context, s *Server, r *request) (any, error) {
	if err := s.once(ctx, r); err != nil {
		return nil, err
	}
	q, err := s.qualificationOf(ctx, r.who.App.PartyID)
	if err != nil {
		return nil, err
	}
	if q == nil {
		return nil, noQualification()
	}
	if err := r.ordered(q.last); err != nil {
		return nil, err
	}
	d := aliyunQualificationDetail{
		QualificationGroupID: q.ID.Short(), WorkOrderID: q.order(), QualificationName: q.Name, CompanyName: q.Name, CompanyType: "COMPANY", OrganizationCode: q.USCC,
		State: q.state, Remark: q.remark, BusinessType: "dysms", BusinessLicensePics: []aliyunPicture{}, UseBySelf: true,
	}
	if q.Organ() || q.EntityType == "social" {
		d.CompanyType = "NON_PROFIT_ORGANIZATION"
	}
	for _, name := range q.pictures {
		d.BusinessLicensePics = append(d.BusinessLicensePics, aliyunPicture{name, "businessLicense"})
	}
	return &aliyunData[aliyunQualificationDetail]{Data: d}, nil
}
