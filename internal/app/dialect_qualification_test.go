package app

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as Aliyun's form is signed
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	dysms "github.com/alibabacloud-go/dysmsapi-20170525/v5/client"
	"github.com/alibabacloud-go/tea/dara"
	tcsms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/document"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// newcomer is a customer whom the operator has registered, with the operator's own papers and a key,
// and who has said nothing of itself yet.
func (n *node) newcomer(admin, reviewer, name, uscc string) (party sms.ID, k signing) {
	n.t.Helper()
	var out reviewed
	n.as(admin, http.MethodPut, "/v1/admin/parties/new", map[string]any{"kind": "customer", "parent_id": n.operator(), "name": name, "uscc": uscc, "entity_type": "company", "state": "active"}, &out)
	mine := n.key
	n.key = admin
	n.granted(reviewer, "contracts", map[string]any{"party_id": out.ID, "counterparty_id": n.operator(), "number": "C9", "charge_on": "submission", "state": "active", "valid_to": n.period().To})
	for _, kind := range []string{"contract", "processing_agreement", "impact_assessment"} {
		if d := n.upload(admin, kind, out.ID, 0, "%PDF-1.7"); d.ID == 0 {
			n.t.Fatalf("%s: %+v", kind, d)
		}
	}
	account := n.put("accounts", "new", map[string]any{"party_id": out.ID, "state": "active"})
	application := n.put("applications", "new", map[string]any{"party_id": out.ID, "account_id": account, "name": "one", "state": "active"})
	n.key = mine
	if status := n.as(admin, http.MethodPost, "/v1/admin/keys", map[string]any{"application_id": application, "scopes": "apply,read", "signs": true}, &k); status != http.StatusOK {
		n.t.Fatal(status)
	}
	return out.ID, k
}

// row reads one value.
func (n *node) row(query string, into any, args ...any) {
	n.t.Helper()
	if err := n.DB.Read(n.t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.One(ctx, query, args, into) }); err != nil {
		n.t.Fatal(err)
	}
}

// formed is what GetQualificationOssInfo gives, as a program uses it.
type formed struct{ id, host, policy, signature, path string }

func (n *node) formOf(client *dysms.Client) formed {
	n.t.Helper()
	got := must[*dysms.GetQualificationOssInfoResponse](n)(client.GetQualificationOssInfo(&dysms.GetQualificationOssInfoRequest{BizType: dara.String("dysms")})).Body
	if *got.Code != "OK" || !*got.Success || *got.Data.Expire <= time.Now().Unix() {
		n.t.Fatalf("%v", got)
	}
	d := got.Data
	return formed{*d.AccessKeyId, *d.Host, *d.Policy, *d.Signature, *d.StartPath}
}

// post sends a file as OSS's form does, with fields that differ; "" leaves one out.
func (n *node) post(f formed, name string, content []byte, differs ...string) (int, string) {
	n.t.Helper()
	fields := []string{"key", f.path + "/" + name, "policy", f.policy, "OSSAccessKeyId", f.id, "signature", f.signature, "success_action_status", "200"}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		value := fields[i+1]
		if at := slices.Index(differs, fields[i]); at >= 0 {
			value = differs[at+1]
		}
		if value != "" {
			if err := w.WriteField(fields[i], value); err != nil {
				n.t.Fatal(err)
			}
		}
	}
	part, err := w.CreateFormFile("file", "paper")
	if err == nil {
		_, err = part.Write(content)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		n.t.Fatal(err)
	}
	resp, err := http.Post(f.host, w.FormDataContentType(), &b) //nolint:noctx // of this test's own node
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, string(said)
}

// picture sends one, and gives the name by which an application names it.
func (n *node) picture(f formed, name string) *string {
	n.t.Helper()
	if status, said := n.post(f, name, []byte("\x89PNG\r\n\x1a\n"+name)); status != http.StatusOK {
		n.t.Fatalf("%s: %d %s", name, status, said)
	}
	return dara.String(f.path + "/" + name)
}

// submitting is an application that says all that Aliyun asks for.
func submitting(f formed, picture func(name string) *string) *dysms.SubmitSmsQualificationRequest {
	return &dysms.SubmitSmsQualificationRequest{
		QualificationName: dara.String("示例资质"), UseBySelf: dara.Bool(true), WhetherShare: dara.Bool(false), CompanyType: dara.String("COMPANY"), CompanyName: dara.String("示例甲商城"),
		OrganizationCode: dara.String("91110000000000007A"), BussinessLicenseExpDate: dara.String("2020-01-01~2099-12-31"),
		BusinessLicensePics: []*dysms.SubmitSmsQualificationRequestBusinessLicensePics{{Type: dara.String("businessLicense"), LicensePic: picture("licence.png")}},
		LegalPersonName:     dara.String("示例甲"), LegalPersonIDCardNo: dara.String("11010519491231003X"), LegalPersonIDCardType: dara.String("identityCard"), LegalPersonIdCardEffTime: dara.String("2020-01-01~2099-12-31"),
		LegalPersonIdCardFrontSide: picture("legal-front.png"), LegalPersonIdCardBackSide: picture("legal-back.png"),
		AdminName: dara.String("示例乙"), AdminIDCardNo: dara.String("11010519491231002x"), AdminIDCardType: dara.String("identityCard"), AdminIDCardExpDate: dara.String("2020-01-01~2099-12-31"),
		AdminIDCardFrontFace: picture("admin-front.png"), AdminIDCardPic: picture("admin-back.png"), AdminPhoneNo: dara.String("14200009999"), CertifyCode: dara.String("1234"),
	}
}

// qualified is the caller's qualification as Aliyun's SDK shows it.
func (n *node) qualified(client *dysms.Client) (state, remark string, order int64) {
	n.t.Helper()
	list := must[*dysms.QuerySmsQualificationRecordResponse](n)(client.QuerySmsQualificationRecord(&dysms.QuerySmsQualificationRecordRequest{PageNo: dara.Int64(1), PageSize: dara.Int64(20)})).Body
	if *list.Code != "OK" || *list.Data.Total != 1 || len(list.Data.List) != 1 {
		n.t.Fatalf("%v", list)
	}
	x := list.Data.List[0]
	one := must[*dysms.QuerySingleSmsQualificationResponse](n)(client.QuerySingleSmsQualification(&dysms.QuerySingleSmsQualificationRequest{QualificationGroupId: x.GroupId, OrderId: x.WorkOrderId})).Body
	if *one.Code != "OK" || *one.Data.State != *x.StateName || *one.Data.WorkOrderId != *x.WorkOrderId || one.Data.AdminName != nil || one.Data.AdminIDCardNo != nil || one.Data.LegalPersonName != nil {
		n.t.Errorf("%v, not %v", one, x)
	}
	return *x.StateName, *x.AuditRemark, *x.WorkOrderId
}

func (n *node) isQualified(client *dysms.Client, state, remark string) (order int64) {
	n.t.Helper()
	is, why, order := n.qualified(client)
	if is != state || !strings.Contains(why, remark) || remark == "" && why != "" {
		n.t.Errorf("%s %q, not %s %q", is, why, state, remark)
	}
	return order
}

// A qualification's whole life by Aliyun's SDK: submitted with what it lacks, supplemented, rejected,
// mended, approved, the ground of a signature, changed, and not deleted.
func TestAliyunQualification(t *testing.T) {
	everywhere(t, func(n *node) {
		admin, reviewer, _ := n.staffed()
		party, k := n.newcomer(admin, reviewer, "示例甲商城", "91110000000000007A")
		client, path := n.aliyun(k, nil), "parties/"+party.String()
		f := n.formOf(client)
		submit := submitting(f, func(name string) *string { return n.picture(f, name) })
		n.isQualified(client, "NOT_FINISH", "RN-01")
		lacking := *submit
		lacking.AdminIDCardPic, lacking.AdminIDCardFrontFace = nil, nil
		got := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualification(&lacking)).Body
		if *got.Code != "OK" || !*got.Success || *got.Data != fmt.Sprint(party.Short()) {
			n.t.Fatalf("%v", got)
		}
		if again := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualification(submit)).Body; *again.Code != "isv.INVALID_PARAMETERS" {
			n.t.Errorf("submitted twice: %v", again)
		}
		n.isQualified(client, "NOT_FINISH", "RN-08") // Aliyun asks for no address
		update := func(change func(u *dysms.UpdateSmsQualificationRequest)) string {
			n.t.Helper()
			_, _, order := n.qualified(client)
			u := &dysms.UpdateSmsQualificationRequest{QualificationGroupId: dara.Int64(party.Short()), OrderId: &order}
			change(u)
			got := must[*dysms.UpdateSmsQualificationResponse](n)(client.UpdateSmsQualification(u)).Body
			return *got.Code
		}
		if got := update(func(u *dysms.UpdateSmsQualificationRequest) {
			u.AdminIDCardPic, u.AdminIDCardFrontFace, u.AdminIDCardExpDate = submit.AdminIDCardPic, submit.AdminIDCardFrontFace, submit.AdminIDCardExpDate
		}); got != "OK" {
			n.t.Fatal(got)
		}
		if status := n.as(admin, http.MethodPut, "/v1/admin/"+path+"/identity", map[string]any{"address": "示例路1号", "register_checked": true}, nil); status != http.StatusOK {
			n.t.Fatal(status)
		}
		n.isQualified(client, "INIT", "")
		n.decide(reviewer, path, "reject")
		n.isQualified(client, "NOT_PASS", "looked at the papers")
		if got := update(func(u *dysms.UpdateSmsQualificationRequest) { u.LegalPersonName = dara.String("示例丙") }); got != "OK" {
			n.t.Fatal(got)
		}
		n.isQualified(client, "INIT", "")
		n.decide(reviewer, path, "approve")
		order := n.isQualified(client, "PASS", "")
		if n.registry().Party[party].State != registry.Active {
			n.t.Errorf("%+v", n.registry().Party[party])
		}
		create := &dysms.CreateSmsSignRequest{SignName: dara.String("示例甲"), SignSource: dara.Int32(0), QualificationId: dara.Int64(party.Short() + 1)}
		if got := must[*dysms.CreateSmsSignResponse](n)(client.CreateSmsSign(create)).Body; *got.Code != "isv.INVALID_PARAMETERS" {
			n.t.Errorf("another's qualification: %v", got)
		}
		create.QualificationId = dara.Int64(party.Short())
		if got := must[*dysms.CreateSmsSignResponse](n)(client.CreateSmsSign(create)).Body; *got.Code != "OK" {
			n.t.Fatalf("%v", got)
		}
		sig := n.registry().SignatureOf(party, "示例甲")
		n.decide(reviewer, "signatures/"+sig.ID.String(), "approve")
		if got := must[*dysms.GetSmsSignResponse](n)(client.GetSmsSign(&dysms.GetSmsSignRequest{SignName: create.SignName})).Body; *got.SignStatus != 1 || *got.QualificationId != party.Short() {
			n.t.Errorf("%v", got)
		}
		_, err := client.DeleteSmsQualification(&dysms.DeleteSmsQualificationRequest{QualificationGroupId: dara.Int64(party.Short()), OrderId: &order})
		n.thrown("deleted though a signature rests on it", err, "BindSignDeleteFailed")
		n.changedQualification(client, party, admin, reviewer, update)
		if got := strings.Join(n.records("action", party), " "); strings.Count(got, "apply for qualification") != 6 {
			n.t.Errorf("%s", got)
		}
	})
}

// thrown demands that the SDK makes an exception of a refusal.
func (n *node) thrown(why string, err error, code string) {
	n.t.Helper()
	if err == nil || !strings.Contains(err.Error(), code) {
		n.t.Errorf("%s: %v, not %s", why, err, code)
	}
}

// changedQualification changes what was approved: who stood behind the party stays so until
// somebody has looked at the change, and what is refused is forgotten.
func (n *node) changedQualification(client *dysms.Client, party sms.ID, admin, reviewer string, update func(func(*dysms.UpdateSmsQualificationRequest)) string) {
	n.t.Helper()
	path := "parties/" + party.String()
	representative := func() string {
		n.t.Helper()
		var sealed []byte
		n.row("SELECT representative FROM party_identity WHERE party_id = ? AND proposed = 0", &sealed, int64(party))
		b, err := n.Keys.Open("person", sealed)
		if err != nil {
			n.t.Fatal(err)
		}
		return string(b)
	}
	rename := func(u *dysms.UpdateSmsQualificationRequest) {
		u.LegalPersonName, u.CompanyName = dara.String("示例丁"), dara.String("示例新商城")
	}
	if got := update(rename); got != "OK" {
		n.t.Fatal(got)
	}
	n.isQualified(client, "INIT", "变更尚未生效")
	if p := n.registry().Party[party]; p.State != registry.Active || p.Name != "示例甲商城" || representative() != "示例丙" {
		n.t.Errorf("a change took effect before its review: %+v, %s", p, representative())
	}
	n.decide(reviewer, path, "reject")
	n.isQualified(client, "NOT_PASS", "变更尚未生效")
	if got := update(func(u *dysms.UpdateSmsQualificationRequest) { u.AdminName = dara.String("示例戊") }); got != "OK" {
		n.t.Fatal(got)
	}
	if got := n.verdict(reviewer, path, "approve"); got.State != "approved" || representative() != "示例丙" {
		n.t.Errorf("what was refused came back: %+v, %s", got, representative())
	}
	if got := update(rename); got != "OK" {
		n.t.Fatal(got)
	}
	if status := n.as(admin, http.MethodPut, "/v1/admin/"+path+"/identity", map[string]any{"register_checked": true}, nil); status != http.StatusOK { // the rest stays proposed
		n.t.Fatal(status)
	}
	if got := n.verdict(reviewer, path, "approve"); got.Code != sms.ReviewUnconfirmed || !strings.Contains(got.Detail, "RN-07") {
		n.t.Errorf("a change that nobody confirmed: %+v", got)
	}
	if got := n.verdict(reviewer, path, "approve", "RN-07"); got.State != "approved" || n.registry().Party[party].Name != "示例新商城" || representative() != "示例丁" {
		n.t.Errorf("%+v, %+v, %s", got, n.registry().Party[party], representative())
	}
	n.isQualified(client, "PASS", "")
}

// What is refused of a qualification changes nothing, and what is another's does not exist.
func TestAliyunQualificationRefusals(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	others, reader := n.application(), n.aliyun(n.signing("read,send"), nil)
	party, k := n.newcomer(admin, reviewer, "示例甲商城", "91110000000000007A")
	client := n.aliyun(k, nil)
	f := n.formOf(client)
	good := submitting(f, func(name string) *string { return n.picture(f, name) })
	for name, c := range map[string]struct {
		change func(x *dysms.SubmitSmsQualificationRequest)
		says   string
	}{
		"for somebody else": {func(x *dysms.SubmitSmsQualificationRequest) { x.UseBySelf = dara.Bool(false) }, "UseBySelf"},
		"another code":      {func(x *dysms.SubmitSmsQualificationRequest) { x.OrganizationCode = dara.String("91110000000000008A") }, "OrganizationCode"},
		"another type":      {func(x *dysms.SubmitSmsQualificationRequest) { x.CompanyType = dara.String("NON_PROFIT_ORGANIZATION") }, "CompanyType"},
		"no company":        {func(x *dysms.SubmitSmsQualificationRequest) { x.CompanyName = nil }, "CompanyName"},
		"no person":         {func(x *dysms.SubmitSmsQualificationRequest) { x.AdminName = nil }, "AdminName"},
		"no number":         {func(x *dysms.SubmitSmsQualificationRequest) { x.AdminIDCardNo = dara.String("1") }, "AdminIDCardNo"},
		"no telephone":      {func(x *dysms.SubmitSmsQualificationRequest) { x.AdminPhoneNo = dara.String("1") }, "AdminPhoneNo"},
		"no days":           {func(x *dysms.SubmitSmsQualificationRequest) { x.BussinessLicenseExpDate = dara.String("2099-12-31") }, "BussinessLicenseExpDate"},
		"an expired paper": {func(x *dysms.SubmitSmsQualificationRequest) {
			x.AdminIDCardExpDate = dara.String("2001-01-01~2002-01-01")
		}, "AdminIDCardFrontFace"},
		"no such file":   {func(x *dysms.SubmitSmsQualificationRequest) { x.AdminIDCardPic = dara.String(f.path + "/none.png") }, "AdminIDCardPic"},
		"another's file": {func(x *dysms.SubmitSmsQualificationRequest) { x.AdminIDCardPic = dara.String("1/licence.png") }, "AdminIDCardPic"},
	} {
		x := *good
		c.change(&x)
		if got := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualification(&x)).Body; *got.Code == "OK" || !strings.Contains(*got.Message, c.says) {
			t.Errorf("%s: %v", name, got)
		}
	}
	var stored int
	if n.row("SELECT COUNT(*) FROM document WHERE party_id = ? AND name <> '' AND state = 'stored'", &stored, int64(party)); stored != 0 {
		t.Errorf("%d files became documents", stored)
	}
	for _, id := range []int64{party.Short() + 1, n.registry().Application[others].PartyID.Short()} {
		_, err := client.QuerySingleSmsQualification(&dysms.QuerySingleSmsQualificationRequest{QualificationGroupId: &id})
		n.thrown("seen", err, "QualificationNotExist")
		_, err = client.UpdateSmsQualification(&dysms.UpdateSmsQualificationRequest{QualificationGroupId: &id, LegalPersonName: dara.String("x")})
		n.thrown("changed", err, "QualificationNotExist")
		_, err = client.DeleteSmsQualification(&dysms.DeleteSmsQualificationRequest{QualificationGroupId: &id, OrderId: dara.Int64(1)})
		n.thrown("deleted", err, "QualificationNotExist")
	}
	if got := must[*dysms.GetQualificationOssInfoResponse](n)(reader.GetQualificationOssInfo(&dysms.GetQualificationOssInfoRequest{BizType: dara.String("dysms")})).Body; *got.Code != "isp.RAM_PERMISSION_DENY" {
		t.Errorf("a form without the scope: %v", got)
	}
}

// A qualification is tried without a trace, applied for once by its key however often it is asked
// for, and taken back while it waits.
func TestAliyunQualificationOnce(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	party, k := n.newcomer(admin, reviewer, "示例甲商城", "91110000000000007A")
	client := n.aliyun(k, nil)
	f := n.formOf(client)
	submit := submitting(f, func(name string) *string { return n.picture(f, name) })
	submit.Remark = dara.String("地址：示例路1号")
	with := func(header string, value string) *dara.RuntimeOptions {
		return &dara.RuntimeOptions{ExtendsParameters: &dara.ExtendsParameters{Headers: map[string]*string{header: &value}}}
	}
	if got := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualificationWithOptions(submit, with("X-Dry-Run", "true"))).Body; *got.Code != "OK" {
		t.Errorf("%v", got)
	}
	if actions := n.records("action", party); strings.Contains(strings.Join(actions, " "), "apply for qualification") {
		t.Errorf("a dry run left %v", actions)
	}
	for range 2 {
		if got := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualificationWithOptions(submit, with("x-acs-idempotency-key", "q1"))).Body; *got.Code != "OK" || *got.Data != fmt.Sprint(party.Short()) {
			t.Errorf("%v", got)
		}
	}
	order := n.isQualified(client, "INIT", "")
	remove := &dysms.DeleteSmsQualificationRequest{QualificationGroupId: dara.Int64(party.Short()), OrderId: &order}
	if got := must[*dysms.DeleteSmsQualificationResponse](n)(client.DeleteSmsQualification(remove)).Body; *got.Code != "OK" || !*got.Data {
		t.Errorf("%v", got)
	}
	n.isQualified(client, "CANCEL", "已撤回")
	if got := must[*dysms.DeleteSmsQualificationResponse](n)(client.DeleteSmsQualification(remove)).Body; *got.Code != "isv.INVALID_PARAMETERS" {
		t.Errorf("taken back twice: %v", got)
	}
	for name, c := range map[string]struct {
		query *dysms.QuerySmsQualificationRecordRequest
		want  int64
	}{
		"its state":       {&dysms.QuerySmsQualificationRecordRequest{State: dara.String("CANCEL")}, 1},
		"the SDK's word":  {&dysms.QuerySmsQualificationRecordRequest{State: dara.String("CANCELED")}, 1},
		"another state":   {&dysms.QuerySmsQualificationRecordRequest{State: dara.String("PASS")}, 0},
		"its person":      {&dysms.QuerySmsQualificationRecordRequest{LegalPersonName: dara.String("示例甲")}, 1},
		"another person":  {&dysms.QuerySmsQualificationRecordRequest{LegalPersonName: dara.String("示例乙")}, 0},
		"another company": {&dysms.QuerySmsQualificationRecordRequest{CompanyName: dara.String("别家")}, 0},
		"for others":      {&dysms.QuerySmsQualificationRecordRequest{UseBySelf: dara.Bool(false)}, 0},
		"another order":   {&dysms.QuerySmsQualificationRecordRequest{WorkOrderId: dara.Int64(1)}, 0},
	} {
		if got := must[*dysms.QuerySmsQualificationRecordResponse](n)(client.QuerySmsQualificationRecord(c.query)).Body; *got.Data.Total != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if status := n.as(admin, http.MethodPut, "/v1/admin/parties/"+party.String()+"/identity", map[string]any{"register_checked": true}, nil); status != http.StatusOK {
		t.Fatal(status)
	}
	submit.CompanyName = dara.String("示例改名商城")
	if got := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualification(submit)).Body; *got.Code != "OK" {
		t.Errorf("after it was taken back: %v", got)
	}
	if got := n.verdict(reviewer, "parties/"+party.String(), "approve"); got.Code != sms.ReviewUnconfirmed || !strings.Contains(got.Detail, "RN-07") {
		t.Errorf("the old name was looked up, not the new: %+v", got)
	}
}

// A file comes only by a form that the key's owner signed, in time, as one of its own, and is what
// it is said to be; it is forgotten if nobody names it.
func TestAliyunUploads(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	other := n.formOf(n.aliyun(n.signing("apply,read"), nil))
	party, k := n.newcomer(admin, reviewer, "示例甲商城", "91110000000000007A")
	client := n.aliyun(k, nil)
	f := n.formOf(client)
	png := []byte("\x89PNG\r\n\x1a\nx")
	model := must[*dysms.GetOSSInfoForUploadFileResponse](n)(client.GetOSSInfoForUploadFile(&dysms.GetOSSInfoForUploadFileRequest{BizType: dara.String("fcMediaSms")})).Body
	if *model.Code != "OK" || *model.Model.StartPath != f.path || *model.Model.ExpireTime == "" {
		t.Errorf("%v", model)
	}
	for name, c := range map[string]struct {
		file    []byte
		differs []string
		status  int
		says    string
	}{
		"nobody's":             {png, []string{"OSSAccessKeyId", "AC" + strings.Repeat("0", 32)}, 403, "InvalidAccessKeyId"},
		"without a name":       {png, []string{"OSSAccessKeyId", ""}, 403, "InvalidAccessKeyId"},
		"unsigned":             {png, []string{"signature", ""}, 403, "SignatureDoesNotMatch"},
		"another's signature":  {png, []string{"signature", other.signature}, 403, "SignatureDoesNotMatch"},
		"another's policy":     {png, []string{"policy", other.policy}, 403, "SignatureDoesNotMatch"},
		"into another's":       {png, []string{"key", other.path + "/a.png"}, 403, "AccessDenied"},
		"out of its own":       {png, []string{"key", f.path + "/../a.png"}, 403, "AccessDenied"},
		"a name of characters": {png, []string{"key", f.path + "/执照.png"}, 403, "AccessDenied"},
		"no picture":           {[]byte("GIF89a"), nil, 400, "InvalidArgument"},
		"nothing":              {nil, nil, 400, "InvalidArgument"},
		"too large":            {append(slices.Clone(png), make([]byte, 5<<20)...), nil, 400, "EntityTooLarge"},
	} {
		if status, said := n.post(f, "a.png", c.file, c.differs...); status != c.status || !strings.Contains(said, "<Code>"+c.says+"</Code>") {
			t.Errorf("%s: %d %s", name, status, said)
		}
	}
	signed := func(policy string) []string {
		m := hmac.New(sha1.New, []byte(k.Secret))
		policy = base64.StdEncoding.EncodeToString([]byte(policy))
		m.Write([]byte(policy))
		return []string{"policy", policy, "signature", base64.StdEncoding.EncodeToString(m.Sum(nil))}
	}
	for name, c := range map[string]struct {
		policy string
		says   string
	}{
		"ended":             {`{"expiration":"` + time.Now().Add(-time.Second).UTC().Format(time.RFC3339) + `"}`, "AccessDenied"},
		"for years":         {`{"expiration":"` + time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339) + `"}`, "AccessDenied"},
		"for other files":   {`{"expiration":"` + time.Now().Add(time.Minute).UTC().Format(time.RFC3339) + `","conditions":[["starts-with","$key","` + f.path + `/b"]]}`, "AccessDenied"},
		"for smaller files": {`{"expiration":"` + time.Now().Add(time.Minute).UTC().Format(time.RFC3339) + `","conditions":[["content-length-range",0,8]]}`, "EntityTooLarge"},
		"for what is not":   {`{"expiration":"` + time.Now().Add(time.Minute).UTC().Format(time.RFC3339) + `","conditions":[{"bucket":"x"}]}`, "InvalidArgument"},
	} {
		if status, said := n.post(f, "a.png", png, signed(c.policy)...); status < 400 || !strings.Contains(said, "<Code>"+c.says+"</Code>") {
			t.Errorf("a policy %s: %d %s", name, status, said)
		}
	}
	free := signed(`{"expiration":"` + time.Now().Add(time.Minute).UTC().Format(time.RFC3339) + `"}`)
	for _, key := range []string{other.path + "/a.png", "a.png"} {
		if status, said := n.post(f, "", png, append(free, "key", key)...); status != 403 || !strings.Contains(said, "<Code>AccessDenied</Code>") {
			t.Errorf("%s by a policy that names no files: %d %s", key, status, said)
		}
	}
	count := func() (held int) {
		t.Helper()
		n.row("SELECT COUNT(*) FROM document WHERE party_id = ? AND state = 'held'", &held, int64(party))
		return held
	}
	if got := count(); got != 0 {
		t.Errorf("%d files are held", got)
	}
	for status, want := range map[string]int{"200": 200, "201": 201, "": 204} {
		if got, said := n.post(f, "a.png", png, "success_action_status", status); got != want || want == 201 && !strings.Contains(said, "<Key>"+f.path+"/a.png</Key>") {
			t.Errorf("%q: %d %s", status, got, said)
		}
	}
	if err := n.forgetUploads(t.Context(), n.Now().Add(document.UploadsLast+time.Minute).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 3 {
		t.Errorf("%d are held", got)
	}
	if err := n.forgetUploads(t.Context(), n.Now().Add(document.HeldLast+time.Minute).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if got := count(); got != 0 {
		t.Errorf("%d are held for ever", got)
	}
}

// Tencent Cloud's lists tell how far a signature's qualification has come.
func TestTencentQualificationStatus(t *testing.T) {
	n := start(t, config.Default())
	admin, reviewer, _ := n.staffed()
	party, k := n.newcomer(admin, reviewer, "示例甲商城", "91110000000000007A")
	cloud, client := n.tencent(k, nil), n.aliyun(k, nil)
	if got := must[*dysms.CreateSmsSignResponse](n)(client.CreateSmsSign(&dysms.CreateSmsSignRequest{SignName: dara.String("示例甲"), SignSource: dara.Int32(0)})).Body; *got.Code != "OK" {
		t.Fatalf("%v", got)
	}
	is := func(want int64) {
		t.Helper()
		got, err := cloud.DescribeSmsSignList(&tcsms.DescribeSmsSignListRequest{SignIdSet: []*uint64{}, International: new(uint64)})
		if err != nil {
			t.Fatal(err)
		}
		list := got.Response.DescribeSignListStatusSet
		if len(list) != 1 || *list[0].QualificationStatusCode != want || *list[0].QualificationId != uint64(party.Short()) || *list[0].QualificationName != "示例甲商城" {
			t.Errorf("%+v, not %d", got.Response, want)
		}
	}
	is(3)
	n.identify(admin, party, "11010519491231002X")
	is(0)
	n.decide(reviewer, "parties/"+party.String(), "reject")
	is(2)
	f := n.formOf(client)
	if got := must[*dysms.SubmitSmsQualificationResponse](n)(client.SubmitSmsQualification(submitting(f, func(name string) *string { return n.picture(f, name) }))).Body; *got.Code != "OK" {
		t.Fatalf("%v", got)
	}
	n.decide(reviewer, "parties/"+party.String(), "approve")
	is(1)
	change := &dysms.UpdateSmsQualificationRequest{QualificationGroupId: dara.Int64(party.Short()), LegalPersonName: dara.String("示例丁")}
	if got := must[*dysms.UpdateSmsQualificationResponse](n)(client.UpdateSmsQualification(change)).Body; *got.Code != "OK" {
		t.Fatalf("%v", got)
	}
	is(4)
	n.decide(reviewer, "parties/"+party.String(), "reject")
	is(5)
}
