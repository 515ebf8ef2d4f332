package dialect

import (
	"context"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// standing is how far an application has come.
type standing int

const (
	waits standing = iota // it is being reviewed
	usable
	refused
	stopped // by the operator, or never submitted
)

// standingOf reads it from an object's stored state.
func standingOf(state string) standing {
	switch state {
	case registry.Review:
		return waits
	case registry.Approved:
		return usable
	case registry.Rejected:
		return refused
	}
	return stopped
}

const stoppedWords = "已停用，请联系平台运营者"

// told is what a reviewer answered, "" when nobody has.
func (s standing) told(c *review.Case) string {
	switch {
	case s == stopped:
		return stoppedWords
	case s == refused && c != nil:
		return c.Reason
	}
	return ""
}

// blocked tells why what was submitted can never be approved: it is refused at once, because
// the caller waits for a review that could end in one way only.
func blocked(r *request, c *review.Case) error {
	found, err := c.Found()
	if err != nil {
		return err
	}
	f := rulebook.Refusing(found)
	for i := range found { // the clouds have a word of their own for this one
		if found[i].Code == sms.RefusalMissing && found[i].Outcome == rulebook.Block {
			f = &found[i]
		}
	}
	if f == nil || f.Outcome != rulebook.Block {
		return nil
	}
	reason, remedy, sep := f.Reason.Zh, f.Remedy.Zh, "；"
	if r.english() {
		reason, remedy, sep = f.Reason.En, f.Remedy.En, "; "
	}
	r.header.Set(headerRule, f.Rule)
	why := sms.Errorf(f.Code, "", "%s", joined(reason, f.Rule, strings.Join(f.Articles, "、"), remedy, sep))
	return &told{err: why, cloud: wordFor(f.Code)}
}

// wordFor is what the clouds call a reason for which a signature or wording is not taken.
func wordFor(c sms.Code) sms.Cloud {
	x := sms.CloudOf(c)
	switch c {
	case sms.SignatureForm, sms.SignatureEntity, sms.Impersonation:
		x.Aliyun = "isv.SIGN_NAME_ILLEGAL"
	case sms.TemplateForm, sms.OTPForm, sms.NoticeForm, sms.MKTForm:
		x = sms.Cloud{Aliyun: "isv.SMS_CONTENT_MISMATCH_TEMPLATE_TYPE", Tencent: "InvalidParameterValue.InvalidTemplateFormat"}
	case sms.VariableForbidden:
		x = sms.Cloud{Aliyun: "isv.SMS_TEMPLATE_ILLEGAL", Tencent: "InvalidParameterValue.UnsupportedTemplateVariable"}
	case sms.TextTooLong:
		x = sms.Cloud{Aliyun: "isv.TEMPLATE_OVER_LIMIT", Tencent: "InvalidParameterValue.ContentLengthLimit"}
	}
	if x.Tencent == sms.CloudOf(sms.ContentForbidden).Tencent {
		x.Tencent = "InvalidParameterValue.TemplateWithDirtyWords"
	}
	return x
}

// filingStatus is how Aliyun calls a filing with a carrier: 0 failed, 1 the carrier approved it,
// 2 it ended, -1 the carrier has it, -2 nobody has filed it. 3 says besides that Aliyun has seen
// messages delivered by it, which nobody counts here.
func filingStatus(f *registry.Filing, bound bool, at int64) (status int, code, why string) {
	switch state := f.At(at); {
	case state == registry.Submitted:
		return -1, "REGISTERING", ""
	case state == registry.Approved:
		return 1, "DETECTING", ""
	case state == registry.Expired:
		return 2, "OTHERS_ERROR", "报备已到期，须由平台续报"
	case state == registry.Rejected:
		code, why = filingReason(f)
		return 0, code, why
	case state == registry.Revoked:
		code, why = filingReason(f)
		return 2, code, why
	case !bound:
		return -2, "NON_REGISTER", "须由平台先为签名绑定该运营商的子端口"
	}
	return -2, "NON_REGISTER", ""
}

// filingReason is how Aliyun calls a carrier's reason, and the reason in words.
func filingReason(f *registry.Filing) (code, why string) {
	why = registry.FilingReasonOf(f.Reason).Zh
	if f.Note != "" {
		why += "：" + f.Note
	}
	switch f.Reason {
	case "documents_missing", "documents_expired", "authorisation", "entity_type":
		return "QUALIFICATION_ERROR", why
	case "mark_mismatch", "not_unique", "content":
		return "SIGNATURE_ERROR", why
	case "name_mismatch":
		return "SIGNATURE_QUALIFICATION_ERROR", why
	case "stale":
		return "NO_SEND_RECORD", why
	}
	return "OTHERS_ERROR", why
}

// carrierNames are the carriers in Chinese.
var carrierNames = map[sms.Carrier]string{sms.Mobile: "中国移动", sms.Unicom: "中国联通", sms.Telecom: "中国电信", sms.Broadnet: "中国广电", sms.International: "国际"}

// filedAnywhere tells whether a carrier has approved a signature, and in words how its filings
// stand.
func filedAnywhere(snap *registry.Snapshot, s *registry.Signature, at int64) (filed bool, told string) {
	states := map[int]string{0: "报备失败", 1: "已报备", 2: "报备失效", -1: "报备中", -2: "未报备"}
	var all []string
	for _, c := range snap.FiledWith(s.ID) {
		status, _, why := filingStatus(snap.Filing(s.ID, c), snap.BoundAt(s.ID, c), at)
		filed = filed || status == 1
		one := carrierNames[c] + states[status]
		if why != "" {
			one += "（" + why + "）"
		}
		all = append(all, one)
	}
	return filed, strings.Join(all, "；")
}

// templateFiled tells whether a carrier has approved a wording (TPL-02).
func templateFiled(snap *registry.Snapshot, w *registry.ApprovedWording, at int64) bool {
	for c := range carrierNames {
		if snap.TemplateFiling(w, c).At(at) == registry.Approved {
			return true
		}
	}
	return false
}

// template is a party's template as it stands.
type template struct {
	*registry.Template
	version *registry.TemplateVersion // in use; else the newest
	standing
}

// templateOf reads a template. One that has no wording or that its party gave up is none.
func templateOf(snap *registry.Snapshot, t *registry.Template) (x template, ok bool) {
	if t == nil || t.State == registry.Closed || len(snap.Versions[t.ID]) == 0 {
		return x, false
	}
	x = template{Template: t}
	if w := snap.Wording(t.ID); w != nil {
		x.version = w.Version
	} else {
		for _, v := range snap.Versions[t.ID] {
			if x.version == nil || v.Version > x.version.Version {
				x.version = v
			}
		}
	}
	if x.standing = standingOf(x.version.State); t.State != registry.Active {
		x.standing = stopped
	}
	return x, true
}

// templates lists a party's, oldest first.
func templates(snap *registry.Snapshot, party sms.ID) (out []template) {
	for _, t := range snap.TemplatesOf(party) {
		if x, ok := templateOf(snap, t); ok {
			out = append(out, x)
		}
	}
	return out
}

// templateBy finds a party's template by its number.
func templateBy(snap *registry.Snapshot, party sms.ID, number int64) (x template, err error) {
	for _, x := range templates(snap, party) {
		if x.ID.Short() == number {
			return x, nil
		}
	}
	return x, noTemplate()
}

func noTemplate() error {
	return as(sms.Errorf(sms.NotFound, "template", "you have no template of this number"), "isv.SMS_TEMPLATE_ILLEGAL", "FailedOperation.TemplateIdNotExist")
}

// signatures lists a party's, oldest first, without those that it gave up.
func signatures(snap *registry.Snapshot, party sms.ID) (out []*registry.Signature) {
	for _, s := range snap.SignaturesOf(party) {
		if s.State != registry.Retired {
			out = append(out, s)
		}
	}
	return out
}

func noSignature() error {
	return as(sms.Errorf(sms.NotFound, "signature", "you have no such signature"), "isv.SMS_SIGNATURE_ILLEGAL", "FailedOperation.SignIdNotExist")
}

// signatureBy finds a party's signature by its text.
func signatureBy(snap *registry.Snapshot, party sms.ID, text string) (*registry.Signature, error) {
	if s := snap.SignatureOf(party, text); s != nil && s.State != registry.Retired {
		return s, nil
	}
	return nil, noSignature()
}

// reviewsOf is the newest review of each of some templates or signatures.
func (s *Server) reviewsOf(ctx context.Context, kind string, objects []registryObject) (map[registryObject]*review.Case, error) {
	out := map[registryObject]*review.Case{}
	err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		for _, o := range objects {
			c, err := tx.LastCase(ctx, kind, o.id, o.version)
			if err != nil {
				return err
			}
			out[o] = c
		}
		return nil
	})
	return out, err
}

// registryObject is a signature, version 0, or a version of a template.
type registryObject struct {
	id      sms.ID
	version int64
}
