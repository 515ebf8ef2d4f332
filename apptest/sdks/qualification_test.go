package sdks

import (
	"encoding/base64"
	"net/http"
	"testing"
	"time"
)

// qualifying is somebody who applies for a qualification by one of Aliyun's SDKs that can.
type qualifying struct {
	t     *testing.T
	s     *shop
	p     *program
	key   account
	party string
	uscc  string
	own   string // number of the party
}

// said is what an action answered, as far as it is looked at here.
type said struct {
	Thrown, Message, Content string
	Said                     struct {
		Code, Message string
		Data          any

		SignStatus      int
		QualificationID int64 `json:"QualificationId"`
		TrademarkID     int64 `json:"TrademarkId"`
	}
}

// act calls an action by its name.
func (u *qualifying) act(do string, more object) (x said) {
	u.t.Helper()
	c := object{"do": do, "endpoint": u.s.endpoint(), "id": u.key.ID, "secret": u.key.Secret}
	for k, v := range more {
		c[k] = v
	}
	u.p.call(u.t, c, &x)
	return x
}

func (u *qualifying) ok(do string, set object) said {
	u.t.Helper()
	x := u.act(do, object{"set": set})
	if x.Said.Code != "OK" {
		u.t.Fatalf("%s: %+v", do, x)
	}
	return x
}

// upload sends a picture by the form that the action gives, and tells what it is called.
func (u *qualifying) upload(name string) string {
	u.t.Helper()
	x := u.act("upload", object{"name": name, "content": base64.StdEncoding.EncodeToString([]byte("\x89PNG\r\n\x1a\n" + name))})
	if x.Content == "" {
		u.t.Fatalf("%s: %+v", name, x)
	}
	return x.Content
}

// is demands a state, and gives the newest work order.
func (u *qualifying) is(state string) any {
	u.t.Helper()
	x := u.ok("QuerySmsQualificationRecord", object{})
	page, _ := x.Said.Data.(object)
	list, _ := page["List"].([]any)
	if len(list) != 1 {
		u.t.Fatalf("%+v", x)
	}
	line, _ := list[0].(object)
	if line["StateName"] != state {
		u.t.Errorf("%v, not %s", line, state)
	}
	return line["WorkOrderId"]
}

func (u *qualifying) review(path, verdict string) {
	u.t.Helper()
	out := u.s.ask(u.t, u.s.reviewer, http.MethodPost, "/v1/admin/"+path+"/review", object{"verdict": verdict, "reason": "looked at the papers"})
	if out.State != verdict+"d" && out.State != verdict+"ed" {
		u.t.Fatalf("%s: %+v", path, out)
	}
}

// join has the operator register a customer that has said nothing of itself yet.
func (u *qualifying) join(operator string) {
	t, s := u.t, u.s
	u.party = s.put(t, "parties", object{"kind": "customer", "parent_id": operator, "name": "示例新店有限公司", "uscc": u.uscc, "entity_type": "company", "state": "active"})
	s.grant(t, "contracts", object{"party_id": u.party, "counterparty_id": operator, "number": "HT-" + u.uscc, "charge_on": "submission", "state": "active", "valid_to": time.Now().AddDate(1, 0, 0).UnixMilli()}, "LIC-10b")
	for _, kind := range []string{"contract", "processing_agreement", "impact_assessment"} {
		s.ask(t, s.admin, http.MethodPost, "/v1/documents?kind="+kind+"&party="+u.party, []byte("%PDF-1.7"))
	}
	s.ask(t, s.admin, http.MethodPut, "/v1/admin/parties/"+u.party+"/identity", object{"address": "示例路2号", "register_checked": true})
	money := s.put(t, "accounts", object{"party_id": u.party, "state": "active"})
	u.key = s.key(t, s.put(t, "applications", object{"party_id": u.party, "account_id": money, "name": "one", "state": "active"}))
	u.own = number(t, u.party)
}

// story: submitted with files, rejected, mended, approved, and the ground of a signature of a
// trademark.
func (u *qualifying) story(handler string) {
	const period = "2020-01-01~2099-12-31"
	x := u.ok("SubmitSmsQualification", object{
		"QualificationName": "示例资质", "UseBySelf": true, "WhetherShare": false, "CompanyType": "COMPANY", "CompanyName": "示例新店有限公司", "OrganizationCode": u.uscc,
		"BusinessLicensePics": []object{{"Type": "businessLicense", "LicensePic": u.upload("licence.png")}}, "BussinessLicenseExpDate": period,
		"LegalPersonName": "示例甲", "LegalPersonIDCardNo": "11010519491231003X", "LegalPersonIDCardType": "identityCard", "LegalPersonIdCardEffTime": period,
		"LegalPersonIdCardFrontSide": u.upload("legal-1.png"), "LegalPersonIdCardBackSide": u.upload("legal-2.png"),
		"AdminName": "示例乙", "AdminIDCardNo": handler, "AdminIDCardType": "identityCard", "AdminIDCardExpDate": period,
		"AdminIDCardFrontFace": u.upload("admin-1.png"), "AdminIDCardPic": u.upload("admin-2.png"), "AdminPhoneNo": "14200009999", "CertifyCode": "1234",
	})
	if x.Said.Data != u.own {
		u.t.Errorf("%+v, not %s", x, u.own)
	}
	u.is("INIT")
	u.review("parties/"+u.party, "reject")
	order := u.is("NOT_PASS")
	group := object{"QualificationGroupId": whole(u.own), "OrderId": order}
	one := u.ok("QuerySingleSmsQualification", group)
	if d, _ := one.Said.Data.(object); d["State"] != "NOT_PASS" || d["Remark"] != "looked at the papers" || d["AdminName"] != nil {
		u.t.Errorf("%+v", one)
	}
	u.ok("UpdateSmsQualification", object{"QualificationGroupId": whole(u.own), "OrderId": order, "LegalPersonName": "示例丙"})
	u.is("INIT")
	u.review("parties/"+u.party, "approve")
	group["OrderId"] = u.is("PASS")
	mark := u.ok("CreateSmsTrademark", object{
		"TrademarkName": "示例新店", "TrademarkRegistrationNumber": "766905", "TrademarkApplicantName": "示例新店有限公司", "TrademarkEffExpDate": "2010-12-14~2099-12-13", "TrademarkPic": u.upload("mark.png"),
	}).Said.Data
	text, _ := mark.(string)
	u.ok("CreateSmsSign", object{"SignName": "示例新店", "SignSource": 5, "SignType": 1, "ThirdParty": false, "QualificationId": whole(u.own), "TrademarkId": whole(text)})
	if got := u.ok("GetSmsSign", object{"SignName": "示例新店"}); got.Said.QualificationID != whole(u.own) || got.Said.TrademarkID != whole(text) || got.Said.SignStatus != 0 {
		u.t.Errorf("%+v", got)
	}
	if gone := u.act("DeleteSmsQualification", object{"set": group}); gone.Thrown != "BindSignDeleteFailed" {
		u.t.Errorf("%+v", gone)
	}
	group["QualificationGroupId"] = 1
	if gone := u.act("QuerySingleSmsQualification", object{"set": group}); gone.Thrown != "QualificationNotExist" {
		u.t.Errorf("%+v", gone)
	}
}

// whole reads a number that a program takes as one.
func whole(text string) (n int64) {
	for _, r := range text {
		n = n*10 + int64(r-'0')
	}
	return n
}

// A program that applies for its qualification by Aliyun's SDK goes through our review with it,
// files and all, and has a signature by it.
func TestOfficialSDKsQualify(t *testing.T) {
	s, all := open(t), &drivers{until: t, running: map[string]*program{}}
	for i, x := range []struct {
		name string
		run  driver
		uscc string
	}{{"Go v5", compiled("aliyun-go"), "91110000000000007A"}, {"Node", node("qualification.js"), "91110000000000008A"}} {
		t.Run(x.name, func(t *testing.T) {
			u := &qualifying{t: t, s: s, p: all.program(t, x.run), uscc: x.uscc}
			u.join(s.operator)
			u.story([]string{"11010519491231101X", "11010519491231102X"}[i])
		})
	}
}
