package registry

import (
	"slices"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Submitted is a filing that the carrier has and has not answered.
const Submitted = "submitted"

// filingMoves are the only ways of a filing from one state to the next; "" is none yet.
// Approved to approved is an approval that the carrier renewed.
var filingMoves = map[string][]string{
	"":        {Draft, Submitted},
	Draft:     {Submitted},
	Submitted: {Approved, Rejected, Draft},
	Approved:  {Approved, Revoked},
	Rejected:  {Draft, Submitted},
	Revoked:   {Draft, Submitted},
}

// FilingReason is why a carrier refused or revoked a filing, and who mends it.
type FilingReason struct {
	Code, Zh, En string
	Who          string // customer or operator
}

// Reasons that carriers give, in our words: theirs differ from province to province.
var filingReasons = []FilingReason{
	{"name_mismatch", "签名与主体名称不一致", "the signature does not fit the party's name", "customer"},
	{"documents_missing", "资质材料缺失或不清晰", "documents are missing or can't be read", "customer"},
	{"documents_expired", "资质材料已过期", "documents have expired", "customer"},
	{"authorisation", "缺少授权委托书，或授权书不合格", "the letter of authorisation is missing or not in order", "customer"},
	{"mark_mismatch", "商标、App 与签名或主体不一致", "trademark or app does not fit the signature or the party", "customer"},
	{"not_unique", "签名不唯一", "the signature is not unique", "customer"},
	{"entity_type", "主体类型不受理", "this type of entity is not accepted", "operator"},
	{"content", "模板内容不受理", "the wording is not accepted", "customer"},
	{"port", "端口信息有误", "the port's particulars are wrong", "operator"},
	{"stale", "长期未使用", "it has not been used for long", "operator"},
	{"complaints", "投诉过多", "too many complaints", "customer"},
	{"other", "其他，见备注", "something else, see the note", "operator"},
}

// FilingReasons lists the reasons.
func FilingReasons() []FilingReason { return slices.Clone(filingReasons) }

// FilingReasonOf finds a reason by its code or its Chinese words; another text is "other".
func FilingReasonOf(s string) FilingReason {
	for _, r := range filingReasons {
		if s == r.Code || s == r.Zh {
			return r
		}
	}
	return filingReasons[len(filingReasons)-1]
}

// FilingMove is one step of a filing.
type FilingMove struct {
	To        string
	By        sms.ID // of the staff
	At        int64
	Batch     sms.ID // of a submission
	Reference string // the carrier's own
	Reason    string // code, of a refusal or a revocation
	Note      string
	Period    // of an approval
}

// Move takes a step, or says why it can't be taken. Who told the carrier does not write
// down its consent too.
func (f *Filing) Move(m FilingMove) error {
	switch {
	case !slices.Contains(filingMoves[f.State], m.To):
		return sms.Errorf(sms.FilingState, "body.state", "a filing that is %s does not become %s; it may become one of %v", orNone(f.State), m.To, filingMoves[f.State])
	case m.To == Approved && (f.SubmittedBy == m.By || f.State == Approved && f.AnsweredBy == m.By):
		return sms.Errorf(sms.SamePerson, "body.state", "another person than who submitted it, or wrote its last approval down, writes the carrier's approval down")
	case m.To == Approved && m.Period.To != 0 && m.Period.To <= max(m.Period.From, m.At):
		return sms.Errorf(sms.BadRequest, "body.valid_to", "it ends before it begins, or has ended")
	case (m.To == Rejected || m.To == Revoked) && m.Reason == "":
		return sms.Errorf(sms.BadRequest, "body.reason", "why the carrier refused or revoked it is missing")
	}
	f.State, f.UpdatedAt, f.Note = m.To, m.At, m.Note
	switch m.To {
	case Draft:
		f.Batch, f.SubmittedBy, f.SubmittedAt, f.AnsweredBy = 0, 0, 0, 0
	case Submitted:
		f.Batch, f.SubmittedBy, f.SubmittedAt, f.AnsweredBy, f.Reason = m.Batch, m.By, m.At, 0, ""
	case Approved:
		f.AnsweredBy, f.Reason, f.Period = m.By, "", m.Period
	default:
		f.AnsweredBy, f.Reason = m.By, m.Reason
	}
	if m.Reference != "" {
		f.Reference = m.Reference
	}
	return nil
}

func orNone(state string) string {
	if state == "" {
		return "not there yet"
	}
	return state
}

// How a filing stands besides its stored states.
const (
	Unfiled = "none"
	Expired = "expired"
)

// At says how a filing stands at a moment; nil is none.
func (f *Filing) At(at int64) string {
	if f == nil {
		return Unfiled
	}
	return standsAt(f.State, f.Period, at)
}

// At says how a filing of a template stands at a moment; nil is none.
func (f *TemplateFiling) At(at int64) string {
	if f == nil {
		return Unfiled
	}
	return standsAt(f.State, f.Period, at)
}

func standsAt(state string, p Period, at int64) string {
	if state == Approved && !p.Holds(at) {
		return Expired
	}
	return state
}

// FiledWith lists the carriers at which a signature is filed, or may be: the operator has codes
// of them.
func (s *Snapshot) FiledWith(signature sms.ID) (out []sms.Carrier) {
	for _, c := range []sms.Carrier{sms.Mobile, sms.Unicom, sms.Telecom, sms.Broadnet, sms.International} {
		coded := s.Filing(signature, c) != nil
		for _, x := range s.AccessCode {
			coded = coded || x.Carrier == c && x.State == Active
		}
		if coded {
			out = append(out, c)
		}
	}
	return out
}

// BoundAt tells whether a signature has a sub-code of a carrier: without one it is not filed.
func (s *Snapshot) BoundAt(signature sms.ID, c sms.Carrier) bool {
	return slices.ContainsFunc(s.SubcodesOf(signature), func(sub *Subcode) bool {
		code := s.AccessCode[sub.AccessCodeID]
		return code != nil && code.Carrier == c
	})
}
