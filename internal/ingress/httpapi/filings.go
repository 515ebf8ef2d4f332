package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// FilingView is a signature's filing with a carrier, where it is stuck, and who acts next.
type FilingView struct {
	Carrier   sms.Carrier `json:"carrier"`
	State     string      `json:"state" enum:"none,draft,submitted,approved,rejected,revoked,expired"`
	Reference string      `json:"reference,omitempty" doc:"the carrier's own"`
	Reason    string      `json:"reason,omitempty"`
	Note      string      `json:"note,omitempty"`
	ValidTo   int64       `json:"valid_to,omitempty"`
	Since     int64       `json:"since,omitempty"`
	Next      NextStep    `json:"next"`
}

// FilingIn is one step of a filing.
type FilingIn struct {
	ID   string `path:"id" maxLength:"20" doc:"the signature's"`
	Body registry.Filing
}

// FilingOut is the filing as stored.
type FilingOut struct{ Body registry.Filing }

// SheetIn asks for a filing sheet.
type SheetIn struct {
	Carrier sms.Carrier `query:"carrier" required:"true" enum:"mobile,unicom,telecom,broadnet,international"`
	Batch   string      `query:"batch" maxLength:"20" doc:"one that was submitted, once more; empty is what has not been submitted"`
	Reason  string      `query:"reason" maxLength:"500" doc:"why: it is recorded"`
}

// SheetNewIn submits one.
type SheetNewIn struct {
	Body struct {
		Carrier sms.Carrier `json:"carrier" enum:"mobile,unicom,telecom,broadnet,international"`
		Reason  string      `json:"reason" minLength:"4" maxLength:"500" doc:"why: it is recorded"`
	}
}

// SheetOut is a sheet.
type SheetOut struct {
	ContentType string `header:"Content-Type"`
	Disposition string `header:"Content-Disposition"`
	Batch       string `header:"X-Batch" doc:"the batch that was submitted, 0 for a look ahead"`
	Rows        int    `header:"X-Rows"`
	Body        []byte
}

// AnswersIn brings a carrier's answer.
type AnswersIn struct {
	Carrier sms.Carrier `query:"carrier" required:"true" enum:"mobile,unicom,telecom,broadnet,international"`
	DryRun  bool        `query:"dry_run" doc:"only say what it would do"`
	RawBody []byte      `contentType:"text/csv"`
}

// AnswersOut reports each line of it.
type AnswersOut struct {
	Body struct {
		Applied bool                `json:"applied" doc:"either all lines are applied, or none"`
		Wrong   int                 `json:"wrong" doc:"lines that can't be applied"`
		Lines   []review.AnswerLine `json:"lines"`
	}
}

// adminFilings registers the filing of signatures with carriers.
func (a *API) adminFilings() {
	step := adminOp("put-filings", http.MethodPut, "/v1/admin/filings/{id}", "A step of a filing at a carrier 报备")
	step.Description = "draft → submitted → approved or rejected; approved → revoked; rejected or revoked → submitted again. Needs a person of the staff; for approved a reviewer other than who submitted it."
	operation(a, ScopeAdmin, step, a.putFiling)
	sheet := adminOp("filing-sheet", http.MethodGet, "/v1/admin/filings/sheet", "Look at a filing sheet 报备表预览")
	sheet.Description = "CSV of what would be submitted, or of a batch that was. It names people, so that who looked and why is recorded before. Needs a person of the staff."
	operation(a, ScopeReveal, sheet, a.sheet)
	submit := adminOp("submit-sheet", http.MethodPost, "/v1/admin/filings/sheet", "Export a filing sheet 导出报备表")
	submit.Description = "CSV (UTF-8 with a byte order mark) of approved signatures with a sub-code at the carrier that have not been filed; they are marked as submitted, under the batch in `X-Batch`. It names people, so that who has it and why is recorded. Needs a person of the staff."
	operation(a, ScopeReveal, submit, a.submitSheet)
	answers := adminOp("filing-answers", http.MethodPost, "/v1/admin/filings/answers", "Import a carrier's answer 导入报备结果")
	answers.Description = "CSV in UTF-8 or GB18030 with the columns 报备编号 or 签名, 审核结果 (通过, 不通过, 注销), 驳回原因, 生效日期, 有效期至. Needs a reviewer other than who submitted it."
	operation(a, ScopeAdmin, answers, a.filingAnswers)
}

func (a *API) putFiling(ctx context.Context, in *FilingIn) (*FilingOut, error) {
	c, b, out := callerOf(ctx), &in.Body, &FilingOut{}
	by, err := anyone(c)
	if err == nil && b.State == registry.Approved {
		by, err = person(c, registry.RoleReviewer)
	}
	if err == nil {
		err = allWords("body.reference", b.Reference, "body.note", b.Note)
	}
	if err != nil {
		return nil, err
	}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	m := registry.FilingMove{To: b.State, By: by.ID, Reference: b.Reference, Reason: b.Reason, Note: b.Note, Period: b.Period}
	if m.To == registry.Submitted {
		m.Batch = a.IDs.Next()
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := a.record(ctx, tx, c.key, "put filings", id, b); err != nil {
			return err
		}
		out.Body, err = a.desk.File(ctx, tx, id, b.Carrier, m)
		return err
	})
	return out, named(err)
}

func (a *API) sheet(ctx context.Context, in *SheetIn) (*SheetOut, error) {
	c := callerOf(ctx)
	if _, err := anyone(c); err != nil {
		return nil, err
	}
	batch, err := cursor(in.Batch, "query.batch")
	if err != nil {
		return nil, err
	}
	rows := c.snap.Sheet(in.Carrier, batch)
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if err := a.seeIn(ctx, tx, "filing_sheet", batch, in.Reason); err != nil {
			return err
		}
		return a.namePeople(ctx, tx, rows)
	})
	if err != nil {
		return nil, err
	}
	return sheetOut(in.Carrier, batch, rows)
}

func (a *API) submitSheet(ctx context.Context, in *SheetNewIn) (*SheetOut, error) {
	c := callerOf(ctx)
	by, err := anyone(c)
	if err != nil {
		return nil, err
	}
	batch := a.IDs.Next()
	var rows []registry.SheetRow
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		if rows, err = a.desk.SubmitSheet(ctx, tx, in.Body.Carrier, batch, by.ID); err != nil {
			return err
		}
		if err := a.seeIn(ctx, tx, "filing_sheet", batch, in.Body.Reason); err != nil {
			return err
		}
		if err := a.namePeople(ctx, tx, rows); err != nil {
			return err
		}
		return a.record(ctx, tx, c.key, "submit filing sheet", batch, in.Body)
	})
	if err != nil {
		return nil, err
	}
	return sheetOut(in.Body.Carrier, batch, rows)
}

func sheetOut(c sms.Carrier, batch sms.ID, rows []registry.SheetRow) (*SheetOut, error) {
	var b bytes.Buffer
	if err := registry.WriteSheet(&b, batch, rows); err != nil {
		return nil, err
	}
	return &SheetOut{
		ContentType: "text/csv; charset=utf-8", Disposition: `attachment; filename="filing-` + string(c) + "-" + batch.String() + `.csv"`,
		Batch: batch.String(), Rows: len(rows), Body: b.Bytes(),
	}, nil
}

func (a *API) filingAnswers(ctx context.Context, in *AnswersIn) (*AnswersOut, error) {
	c, out := callerOf(ctx), &AnswersOut{}
	by, err := person(c, registry.RoleReviewer)
	if err != nil {
		return nil, err
	}
	answers, err := registry.ReadAnswers(in.RawBody, rulebook.Shanghai)
	if err != nil {
		return nil, err
	}
	for i := range answers {
		if err := words("note", answers[i].Note); err != nil && answers[i].Err == "" {
			answers[i].Err = err.Error()
		}
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		out.Body.Wrong = 0
		if !in.DryRun {
			if err := a.record(ctx, tx, c.key, "import filing answers", 0, answers); err != nil {
				return err
			}
		}
		if out.Body.Lines, out.Body.Applied, err = a.desk.Answer(ctx, tx, in.Carrier, answers, by.ID, in.DryRun); err != nil {
			return err
		}
		for i := range out.Body.Lines {
			if out.Body.Lines[i].Err != "" {
				out.Body.Wrong++
			}
		}
		return nil
	})
	return out, err
}

// viewFilings shows a signature's filings with each carrier that the operator has codes of.
func (a *API) viewFilings(snap *registry.Snapshot, s *registry.Signature) []FilingView {
	now, out := a.Now(), []FilingView{}
	for _, c := range snap.FiledWith(s.ID) {
		f := snap.Filing(s.ID, c)
		v := FilingView{Carrier: c, State: f.At(now.UnixMilli())}
		if f != nil {
			v.Reference, v.Reason, v.Note, v.ValidTo, v.Since = f.Reference, f.Reason, f.Note, f.To, f.UpdatedAt
		}
		v.Next = nextOfFiling(&v, s, snap.BoundAt(s.ID, c), now)
		out = append(out, v)
	}
	return out
}

// nextOfFiling says what a filing waits for.
func nextOfFiling(v *FilingView, s *registry.Signature, bound bool, now time.Time) NextStep {
	switch {
	case s.State != registry.Approved:
		return NextStep{"reviewer", "签名审核通过后才能报备", "The signature is filed once it is approved"}
	case v.State == registry.Rejected || v.State == registry.Revoked:
		r := registry.FilingReasonOf(v.Reason)
		return NextStep{r.Who, "运营商未通过：" + r.Zh + "。处理后由平台重新报备", "The carrier says: " + r.En + ". Mend it, then the operator files it again"}
	case v.State == registry.Approved:
		return NextStep{"nobody", "", ""}
	case v.State == registry.Submitted:
		days := int(now.Sub(time.UnixMilli(v.Since)).Hours() / 24)
		return NextStep{"carrier", "已提交运营商，等待结果，已 " + strconv.Itoa(days) + " 天", "The carrier has it and has not answered, for " + strconv.Itoa(days) + " days"}
	case v.State == "expired":
		return NextStep{"operator", "报备已到期，须由平台续报", "The filing has ended: the operator has it renewed"}
	case !bound:
		return NextStep{"operator", "须先为签名绑定该运营商的子端口", "The operator binds a sub-code at this carrier to the signature first"}
	}
	return NextStep{"operator", "待平台向运营商报备", "The operator files it with the carrier"}
}
