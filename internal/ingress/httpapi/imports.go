package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// listPatience is how long the rows of a list may take to come.
const listPatience = 15 * time.Minute

// ImportIn declares a list of consents.
type ImportIn struct {
	Body struct {
		WordingID   sms.ID `json:"wording_id" doc:"the registered words that all of them agreed to"`
		Method      string `json:"method" minLength:"1" maxLength:"200" doc:"how it was asked: form, app, counter …"`
		Source      string `json:"source" minLength:"1" maxLength:"200" doc:"where; THIRD_PARTY when somebody else passed the numbers on"`
		Separate    bool   `json:"separate_consent,omitempty" doc:"the people agreed separately to that"`
		Named       bool   `json:"recipient_named,omitempty" doc:"and were told that you get it"`
		AgeBand     string `json:"age_band,omitempty" enum:",UNDER_14,14_TO_17,ADULT"`
		Guardian    bool   `json:"guardian,omitempty" doc:"guardians agreed"`
		Declarant   string `json:"declarant" minLength:"1" maxLength:"100" doc:"name of the person who declares that the list is true"`
		Declaration string `json:"declaration" minLength:"10" maxLength:"2000" doc:"what that person declares"`
	}
}

// ImportRowsIn brings the rows. They are read as they come.
type ImportRowsIn struct {
	ID  string `path:"id" maxLength:"20"`
	ctx huma.Context
}

// Resolve implements huma.Resolver.
func (in *ImportRowsIn) Resolve(ctx huma.Context) []error {
	in.ctx = ctx
	return nil
}

// ImportView is a list of consents.
type ImportView struct {
	ID        sms.ID `json:"id"`
	WordingID sms.ID `json:"wording_id"`
	State     string `json:"state" enum:"open,receiving,checking,selecting,review,activating,active,rejected,stopped"`
	Lines     int    `json:"lines" doc:"rows of the file"`
	Good      int    `json:"good" doc:"that passed the checks"`
	Bad       int    `json:"bad" doc:"that did not: see its faults"`
	Sampled   int    `json:"sampled" doc:"rows that a reviewer is to judge"`
	Judged    int    `json:"judged"`
	Failed    int    `json:"failed"`
	Activated int    `json:"activated" doc:"that are consents now"`
	Repeated  int    `json:"repeated,omitempty" doc:"left out, because the list names the number before"`
	Whole     bool   `json:"whole,omitempty" doc:"every row is reviewed, because one of the sample failed"`
	Why       string `json:"why,omitempty"`
	Rate      int    `json:"rate,omitempty" doc:"rows a second in the present phase"`
	Left      int    `json:"seconds_left,omitempty" doc:"until the present phase ends, at that rate"`
	CreatedAt int64  `json:"created_at"`
}

// ImportOut is one.
type ImportOut struct{ Body ImportView }

// ImportsOut lists them.
type ImportsOut struct {
	Body struct {
		Imports []ImportView `json:"imports"`
	}
}

// FaultsIn asks for the rows that did not pass.
type FaultsIn struct {
	ID    string `path:"id" maxLength:"20"`
	After int    `query:"after" minimum:"0" doc:"line behind which to begin"`
}

// FaultView is a row that did not pass.
type FaultView struct {
	Line   int    `json:"line"`
	Code   string `json:"code"`
	Number string `json:"number,omitempty" doc:"masked"`
	Zh     string `json:"zh" doc:"怎样改正"`
	En     string `json:"en"`
}

// FaultsOut lists them.
type FaultsOut struct {
	Body struct {
		Faults []FaultView `json:"faults" doc:"at most 500; of a list, the first 10,000 are kept"`
	}
}

func (a *API) imports() {
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "declare-import", Method: http.MethodPost, Path: "/v1/consents/imports", Summary: "Declare a list of consents 申报同意名单", Tags: []string{"people"},
		Description: "Who hands a list over answers for its truth (CNS-04). Then PUT its rows. They become consents (grade 1) once a reviewer of the operator has judged a random sample (CNS-03).",
	}, a.declareImport)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "put-import-rows", Method: http.MethodPut, Path: "/v1/consents/imports/{id}/rows", Summary: "Rows of a list 上传名单", Tags: []string{"people"},
		Description: "CSV in UTF-8. The first line names the columns: number and given_at, perhaps proof (your own reference of the proof); no others. At most 256 MiB and 2,000,000 rows.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}}},
	}, a.putImportRows)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "imports", Method: http.MethodGet, Path: "/v1/consents/imports", Summary: "Lists of consents 同意名单", Tags: []string{"people"},
	}, func(ctx context.Context, _ *struct{}) (*ImportsOut, error) {
		c := callerOf(ctx)
		return a.listImports(ctx, func(ctx context.Context, tx Tx) ([]consent.List, error) {
			return tx.ImportsOf(ctx, c.snap.Party[c.app.PartyID].GroupID)
		})
	})
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "import", Method: http.MethodGet, Path: "/v1/consents/imports/{id}", Summary: "One list 名单进度", Tags: []string{"people"},
	}, func(ctx context.Context, in *MessageIn) (*ImportOut, error) {
		return a.withImport(ctx, in.ID, ownList, nil)
	})
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "import-faults", Method: http.MethodGet, Path: "/v1/consents/imports/{id}/faults", Summary: "Rows that did not pass 名单错误", Tags: []string{"people"},
	}, a.importFaults)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "stop-import", Method: http.MethodPost, Path: "/v1/consents/imports/{id}/stop", Summary: "Stop a list 停止导入", Tags: []string{"people"},
		Description: "What has become a consent stays one.",
	}, func(ctx context.Context, in *MessageIn) (*ImportOut, error) {
		return a.withImport(ctx, in.ID, ownList, func(ctx context.Context, tx Tx, l *consent.List, now time.Time) error {
			if consent.ImportTerminal(l.State) {
				return sms.Errorf(sms.ImportState, "path.id", "it is %s", l.State)
			}
			return a.Lists.Stop(ctx, tx, l, callerOf(ctx).key.StaffID, now.UnixMilli())
		})
	})
	a.reviews()
}

// ownList tells whether a list is of the caller's content provider group.
func ownList(c caller, l *consent.List) bool { return l.GroupID == c.snap.Party[c.app.PartyID].GroupID }

func (a *API) declareImport(ctx context.Context, in *ImportIn) (*ImportOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &ImportOut{}
	by, err := author(c)
	if err == nil {
		err = allWords("body.declarant", b.Declarant, "body.declaration", b.Declaration)
	}
	if err != nil {
		return nil, err
	}
	l := consent.List{
		GroupID: c.snap.Party[c.app.PartyID].GroupID, PartyID: c.app.PartyID, WordingID: b.WordingID, Method: b.Method, Source: b.Source,
		Declarant: b.Declarant, Declaration: b.Declaration, KeyID: by.Key, StaffID: by.Staff,
	}
	s := consent.Statement{
		Method: b.Method, Source: b.Source, SeparateConsent: b.Separate, RecipientNamed: b.Named, AgeBand: b.AgeBand, Guardian: b.Guardian,
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		found, err := a.Lists.Declare(ctx, tx, &l, &s)
		if err == nil && len(found) > 0 {
			err = refused("body", found)
		}
		out.Body = importView(&l, consent.Judged{}, l.CreatedAt)
		return err
	})
	return out, err
}

func (a *API) putImportRows(ctx context.Context, in *ImportRowsIn) (*ImportOut, error) {
	var l consent.List
	if _, err := a.withImport(ctx, in.ID, ownList, func(_ context.Context, _ Tx, found *consent.List, _ time.Time) error {
		c := callerOf(ctx)
		if l = *found; l.StaffID != c.key.StaffID || l.PartyID != c.app.PartyID {
			return sms.Errorf(sms.Forbidden, "Authorization", "the rows come from whoever declared the list")
		}
		return nil
	}); err != nil {
		return nil, err
	}
	rows, err := arriving(in.ctx, listPatience, consent.MaxListBytes)
	if err != nil {
		return nil, err
	}
	if err := a.Lists.Receive(ctx, &l, rows); err != nil {
		return nil, err
	}
	return a.withImport(ctx, in.ID, ownList, nil)
}

func importView(l *consent.List, n consent.Judged, now int64) ImportView {
	v := ImportView{
		ID: l.ID, WordingID: l.WordingID, State: l.State, Lines: l.Lines, Good: l.Good, Bad: l.Bad, Sampled: n.Sampled, Judged: n.Judged, Failed: n.Failed,
		Activated: l.Activated, Repeated: l.Repeated, Whole: l.Whole, Why: l.Why, CreatedAt: l.CreatedAt,
	}
	working := l.State == consent.ImportChecking || l.State == consent.ImportSelecting || l.State == consent.ImportActivating
	if spent := now - l.PhaseAt; working && spent > 0 && l.Done > 0 && l.Chunks > 0 {
		done := l.Lines * l.Done / l.Chunks
		v.Rate = int(int64(done) * 1000 / spent)
		v.Left = int(spent * int64(l.Chunks-l.Done) / int64(l.Done) / 1000)
	}
	return v
}

// withImport reads a list that the caller may see and does something with it, if do is not nil.
func (a *API) withImport(ctx context.Context, text string, may func(caller, *consent.List) bool, do func(context.Context, Tx, *consent.List, time.Time) error) (*ImportOut, error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	run, out := a.Store.Read, &ImportOut{}
	if do != nil {
		run = a.Store.Write
	}
	err = run(ctx, func(ctx context.Context, tx Tx) error {
		l, err := tx.Import(ctx, id)
		if err != nil {
			return err
		}
		if l == nil || !may(callerOf(ctx), l) {
			return sms.Errorf(sms.NotFound, "path.id", "no list of yours has this id")
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if do != nil {
			if err := do(ctx, tx, l, now); err != nil {
				return err
			}
		}
		n, err := tx.CountSample(ctx, id)
		out.Body = importView(l, n, now.UnixMilli())
		return err
	})
	return out, err
}

func (a *API) listImports(ctx context.Context, list func(context.Context, Tx) ([]consent.List, error)) (*ImportsOut, error) {
	out := &ImportsOut{}
	out.Body.Imports = []ImportView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		found, err := list(ctx, tx)
		if err != nil {
			return err
		}
		now, err := tx.Now(ctx)
		for i := range found {
			if err != nil {
				break
			}
			var n consent.Judged
			n, err = tx.CountSample(ctx, found[i].ID)
			out.Body.Imports = append(out.Body.Imports, importView(&found[i], n, now.UnixMilli()))
		}
		return err
	})
	return out, err
}

// faults are how rows are mended; those that a rule names have the rule's own words.
var faults = map[string][2]string{
	consent.FaultColumns:  {"列数与首行不符，或不是 UTF-8", "its fields are not those of the first line, or it is not UTF-8"},
	consent.FaultNumber:   {"手机号码无效：内地号码写 11 位数字，境外号码以 + 和国家码开头", "the number is not valid: 11 digits for the mainland, or + and the country code"},
	consent.FaultTime:     {"时间无效：写成 2026-05-01 或 2026-05-01 10:00:00", "the time is not valid: write 2026-05-01 or 2026-05-01 10:00:00"},
	consent.FaultExpired:  {"同意已过告知文本写明的期限，请重新取得", "the consent has ended by the period of its wording: obtain it anew"},
	consent.FaultRepeated: {"号码在名单中重复，只保留第一条", "the list names the number before; only the first counts"},
}

func (a *API) importFaults(ctx context.Context, in *FaultsIn) (*FaultsOut, error) {
	out := &FaultsOut{}
	out.Body.Faults = []FaultView{}
	l, err := a.withImport(ctx, in.ID, ownList, nil)
	if err != nil {
		return nil, err
	}
	book, err := a.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	remedies := map[string][2]string{}
	for _, r := range book.Rules() {
		remedies[r.ID] = [2]string{r.Reason.Zh + "。" + r.Remedy.Zh, r.Reason.En + ". " + r.Remedy.En}
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Faults(ctx, l.Body.ID, in.After, 500)
		for _, f := range list {
			how, ok := faults[f.Code]
			if !ok {
				how = remedies[f.Code]
			}
			out.Body.Faults = append(out.Body.Faults, FaultView{f.Line, f.Code, f.Number, how[0], how[1]})
		}
		return err
	})
	return out, err
}

// SampleIn asks for rows that are to be judged.
type SampleIn struct {
	ID    string `path:"id" maxLength:"20"`
	After int    `query:"after" minimum:"0" doc:"line behind which to begin"`
}

// SampledView is a row that is to be judged.
type SampledView struct {
	Line    int    `json:"line"`
	State   string `json:"state,omitempty" enum:",ok,failed"`
	Reason  string `json:"reason,omitempty"`
	Number  string `json:"number,omitempty" doc:"masked"`
	GivenAt int64  `json:"given_at,omitempty"`
	Proof   string `json:"proof,omitempty" doc:"the customer's reference of the proof; ask for it by this and by the line"`
}

// SampleOut lists them.
type SampleOut struct {
	Body struct {
		Rows []SampledView `json:"rows" doc:"at most 100"`
	}
}

// JudgeIn says what a reviewer found.
type JudgeIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Rows []struct {
			Line   int    `json:"line"`
			OK     bool   `json:"ok" doc:"the proof was seen and is of this consent"`
			Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"what was seen, or is missing; without telephone numbers"`
		} `json:"rows" minItems:"1" maxItems:"500"`
	}
}

// RejectIn ends a list.
type RejectIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Why string `json:"why" minLength:"1" maxLength:"1000" doc:"for the customer; without telephone numbers"`
	}
}

// reviews registers what a reviewer of the operator does with lists.
func (a *API) reviews() {
	operation(a, ScopeAdmin, adminOp("imports-in-review", http.MethodGet, "/v1/admin/consents/imports", "Lists that wait for a reviewer 待审名单"),
		func(ctx context.Context, _ *struct{}) (*ImportsOut, error) {
			if _, err := person(callerOf(ctx), registry.RoleReviewer); err != nil {
				return nil, err
			}
			return a.listImports(ctx, func(ctx context.Context, tx Tx) ([]consent.List, error) {
				return tx.ImportsIn(ctx, consent.ImportReview)
			})
		})
	operation(a, ScopeAdmin, adminOp("import-sample", http.MethodGet, "/v1/admin/consents/imports/{id}/sample", "Sample of a list 名单样本"), a.sample)
	operation(a, ScopeAdmin, adminOp("judge-import", http.MethodPost, "/v1/admin/consents/imports/{id}/judgements", "Judge rows of a list 审核名单样本"),
		func(ctx context.Context, in *JudgeIn) (*ImportOut, error) {
			return a.review(ctx, in.ID, func(ctx context.Context, tx Tx, l *consent.List, by sms.ID, now time.Time) error {
				var list []consent.Sampled
				for _, r := range in.Body.Rows {
					if err := words("body.rows", r.Reason); err != nil {
						return err
					}
					s := consent.Sampled{Line: r.Line, State: "failed", Reason: r.Reason, ByStaff: by}
					if r.OK {
						s.State = "ok"
					}
					list = append(list, s)
				}
				return a.Lists.Decide(ctx, tx, l, list, now)
			})
		})
	operation(a, ScopeAdmin, adminOp("widen-import", http.MethodPost, "/v1/admin/consents/imports/{id}/widen", "Have every row reviewed 转全量审核"),
		func(ctx context.Context, in *MessageIn) (*ImportOut, error) {
			return a.review(ctx, in.ID, func(ctx context.Context, tx Tx, l *consent.List, by sms.ID, now time.Time) error {
				return a.Lists.Widen(ctx, tx, l, by, now.UnixMilli())
			})
		})
	operation(a, ScopeAdmin, adminOp("reject-import", http.MethodPost, "/v1/admin/consents/imports/{id}/reject", "Reject a list 驳回名单"),
		func(ctx context.Context, in *RejectIn) (*ImportOut, error) {
			if err := words("body.why", in.Body.Why); err != nil {
				return nil, err
			}
			return a.review(ctx, in.ID, func(ctx context.Context, tx Tx, l *consent.List, by sms.ID, now time.Time) error {
				return a.Lists.Reject(ctx, tx, l, by, in.Body.Why, now.UnixMilli())
			})
		})
}

func anyList(caller, *consent.List) bool { return true }

// review does what a reviewer decides about a list that waits for one. Who handed it over
// does not judge it.
func (a *API) review(ctx context.Context, id string, do func(context.Context, Tx, *consent.List, sms.ID, time.Time) error) (*ImportOut, error) {
	by, err := person(callerOf(ctx), registry.RoleReviewer)
	if err != nil {
		return nil, err
	}
	return a.withImport(ctx, id, anyList, func(ctx context.Context, tx Tx, l *consent.List, now time.Time) error {
		switch {
		case l.StaffID == by.ID || l.KeyID == callerOf(ctx).key.ID:
			return sms.Errorf(sms.SamePerson, "Authorization", "")
		case l.State != consent.ImportReview:
			return sms.Errorf(sms.ImportState, "path.id", "it is %s, not %s", l.State, consent.ImportReview)
		}
		return do(ctx, tx, l, by.ID, now)
	})
}

func (a *API) sample(ctx context.Context, in *SampleIn) (*SampleOut, error) {
	if _, err := person(callerOf(ctx), registry.RoleReviewer); err != nil {
		return nil, err
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	var l *consent.List
	var w *consent.Wording
	var list []consent.Sampled
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		if l, err = tx.Import(ctx, id); err != nil {
			return err
		}
		if l == nil {
			return sms.Errorf(sms.NotFound, "path.id", "no list has this id")
		}
		if w, err = tx.Wording(ctx, l.WordingID); err == nil {
			list, err = tx.Sample(ctx, id, in.After, 100)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	shown, err := a.Lists.Show(ctx, l, w, list)
	if err != nil {
		return nil, err
	}
	out := &SampleOut{}
	out.Body.Rows = []SampledView{}
	for _, s := range shown {
		if t, _ := lexicon.Read(s.Proof, lexicon.Fold(s.Proof)); t.Private > 0 { // a number is nobody's business here
			s.Proof = "***"
		}
		out.Body.Rows = append(out.Body.Rows, SampledView{s.Line, s.State, s.Reason, s.Number, s.Given, s.Proof})
	}
	return out, nil
}
