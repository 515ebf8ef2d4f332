package httpapi

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/review"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// DeclarationView is how the sender answers for a campaign.
type DeclarationView struct {
	Name    string `json:"name" maxLength:"100" doc:"of your company"`
	USCC    string `json:"uscc" maxLength:"18" doc:"统一社会信用代码"`
	Handler string `json:"handler" maxLength:"100" doc:"经办人: who declares it"`
	Words   string `json:"words" maxLength:"2000" doc:"what is declared, such as that all recipients have consented"`
}

// CampaignIn opens a campaign.
type CampaignIn struct {
	Body struct {
		Name        string          `json:"name" minLength:"1" maxLength:"100" doc:"your own name of it; without telephone numbers"`
		TemplateID  sms.ID          `json:"template_id" doc:"an approved template of category NOTICE, PUBLIC or MKT; its present version is kept to"`
		Signature   string          `json:"signature" minLength:"2" maxLength:"20" doc:"without the brackets"`
		SendAt      time.Time       `json:"send_at,omitzero" doc:"not before, at most 90 days ahead; empty is at once"`
		NotAfter    time.Time       `json:"not_after,omitzero" doc:"what was not sent by then is not sent"`
		Evidence    []sms.ID        `json:"evidence,omitempty" maxItems:"100" doc:"lists of consents that were reviewed, or registered wordings: what shows that the recipients of marketing have consented"`
		Declaration DeclarationView `json:"declaration,omitzero"`
		Profiled    bool            `json:"profiled,omitempty" doc:"the recipients were chosen by automated decision-making 自动化决策"`
		Notice      string          `json:"notice,omitempty" maxLength:"1000" doc:"then: the words, or the address, by which they are told of that"`
	}
}

// CampaignView is a campaign and how far it is.
type CampaignView struct {
	ID          sms.ID             `json:"id"`
	Name        string             `json:"name"`
	State       string             `json:"state" enum:"draft,checking,ready,review,scheduled,running,paused,done,cancelled,stopped"`
	TemplateID  sms.ID             `json:"template_id"`
	Version     int64              `json:"version"`
	Category    sms.Category       `json:"category"`
	Signature   string             `json:"signature"`
	Text        string             `json:"text,omitempty" doc:"as its messages read, with sample values in place of variables; absent once the wording is not in force any more"`
	SendAt      int64              `json:"send_at,omitempty"`
	NotAfter    int64              `json:"not_after,omitempty"`
	Evidence    []sms.ID           `json:"evidence,omitempty"`
	Declaration DeclarationView    `json:"declaration"`
	DeclaredAt  int64              `json:"declared_at"`
	Profiled    bool               `json:"profiled,omitempty"`
	Notice      string             `json:"notice,omitempty"`
	Parts       int                `json:"parts"`
	Rows        int                `json:"rows" doc:"that were loaded"`
	Good        int                `json:"good" doc:"of them, those that can be sent"`
	Decided     int                `json:"decided" doc:"rows that the gate has decided"`
	Verdicts    map[string]int     `json:"verdicts" doc:"how many of them are queued, held, deferred, or refused and why; and the units of all that were not refused"`
	Estimate    campaign.Estimate  `json:"estimate" doc:"once it was checked: units and micro-yuan if all rows are sent, and what a random sample would get now"`
	Findings    []rulebook.Finding `json:"findings,omitempty" doc:"what the rules said of it"`
	Confirmed   []string           `json:"confirmed,omitempty" doc:"rules that a reviewer confirmed"`
	Reason      string             `json:"reason,omitempty" doc:"the reviewer's, or the operator's"`
	Code        sms.Code           `json:"code,omitempty" doc:"why it is held, paused or stopped"`
	Rule        string             `json:"rule,omitempty"`
	Zh          string             `json:"zh,omitempty"`
	En          string             `json:"en,omitempty"`
	WaitsUntil  int64              `json:"waits_until,omitempty" doc:"nothing is decided before: its time, or the next lawful hour"`
	Rate        int                `json:"rate,omitempty" doc:"rows a second since it last began"`
	Left        int                `json:"seconds_left,omitempty" doc:"until it is done, at that rate"`
	CreatedAt   int64              `json:"created_at"`
}

// CampaignOut is one.
type CampaignOut struct{ Body CampaignView }

// CampaignsOut lists them.
type CampaignsOut struct {
	Body struct {
		Campaigns []CampaignView `json:"campaigns"`
	}
}

// PartIn brings rows. They are read as they come.
type PartIn struct {
	ID   string `path:"id" maxLength:"20"`
	No   int    `path:"no" minimum:"1" maximum:"1000" doc:"from 1, one after the other"`
	Type string `header:"Content-Type" doc:"text/csv or application/x-ndjson"`
	ctx  huma.Context
}

// Resolve implements huma.Resolver.
func (in *PartIn) Resolve(ctx huma.Context) []error {
	in.ctx = ctx
	return nil
}

// RowFaultView is a row that can't be sent.
type RowFaultView struct {
	Part     int    `json:"part"`
	Line     int    `json:"line"`
	Code     string `json:"code" enum:"COLUMNS,NUMBER,VARIABLE,REF,TEXT,REPEATED"`
	Variable string `json:"variable,omitempty"`
	Zh       string `json:"zh" doc:"怎样改正"`
	En       string `json:"en"`
}

// PartOut is what a part holds.
type PartOut struct {
	Body struct {
		No     int            `json:"no"`
		Rows   int            `json:"rows"`
		Good   int            `json:"good"`
		Faults []RowFaultView `json:"faults" doc:"the first 20; see GET …/faults for all"`
	}
}

// ChunkIn pages through a campaign's chunks of rows.
type ChunkIn struct {
	ID    string `path:"id" maxLength:"20"`
	Chunk int    `query:"chunk" minimum:"0" doc:"chunk with which to begin"`
}

// RowFaultsOut lists rows that can't be sent.
type RowFaultsOut struct {
	Body struct {
		Faults []RowFaultView `json:"faults" doc:"of at most 10 chunks of 500 rows"`
		Next   int            `json:"next,omitempty" doc:"the chunk to go on with, if there may be more"`
	}
}

// RowView is what became of a row.
type RowView struct {
	Part int `json:"part"`
	Line int `json:"line"`
	MessageView
}

// RowsOut lists them.
type RowsOut struct {
	Body struct {
		Rows []RowView `json:"rows" doc:"of one chunk of 500 rows; those with a fault are left out"`
		Next int       `json:"next,omitempty" doc:"the chunk to go on with, if there may be more"`
	}
}

// CampaignVerdictIn is what a reviewer decides.
type CampaignVerdictIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body VerdictBody
}

func (a *API) campaigns() {
	op := func(id, method, path, title, more string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: "/v1/campaigns" + path, Summary: title, Tags: []string{"campaigns"}, Description: more}
	}
	operation(a, ScopeSend, op("create-campaign", http.MethodPost, "", "Open a campaign 新建群发任务",
		"One approved wording to up to a million recipients. Then PUT its rows, POST …/ready, and POST …/start. What its terms and its text are refused for is said at once."), a.createCampaign)
	rows := op("put-campaign-part", http.MethodPut, "/{id}/parts/{no}", "Rows of a campaign 上传名单",
		"CSV in UTF-8, whose first line names the columns: to (手机号), each variable of the template, perhaps ref (编号). Or one JSON object a line: {\"to\", \"ref\", \"variables\"}. "+
			"At most 256 MiB a part and 1,000,000 rows in all. The same part may be brought again with the same rows.")
	rows.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"text/csv": {Schema: &huma.Schema{Type: huma.TypeString}}, "application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	operation(a, ScopeSend, rows, a.putCampaignPart)
	operation(a, ScopeRead, op("campaigns", http.MethodGet, "", "Campaigns, newest first 群发任务", ""), a.listCampaigns)
	operation(a, ScopeRead, op("campaign", http.MethodGet, "/{id}", "A campaign and its progress 任务进度", ""),
		func(ctx context.Context, in *MessageIn) (*CampaignOut, error) {
			c, err := a.campaign(ctx, in.ID, overseer(callerOf(ctx)))
			return a.campaignOut(ctx, c, err)
		})
	operation(a, ScopeRead, op("campaign-faults", http.MethodGet, "/{id}/faults", "Rows that can't be sent 名单错误", ""), a.campaignFaults)
	operation(a, ScopeRead, op("campaign-rows", http.MethodGet, "/{id}/rows", "What became of the rows 发送结果", "Numbers are masked; find your recipients by ref, or by part and line."), a.campaignRows)
	operation(a, ScopeRead, op("campaign-evidence", http.MethodGet, "/{id}/evidence", "The campaign's evidence pack 证据包", "Its steps, with keyed digests of the declaration and of the list."),
		func(ctx context.Context, in *EvidenceIn) (*EvidenceOut, error) {
			if _, err := a.campaign(ctx, in.ID, overseer(callerOf(ctx))); err != nil {
				return nil, err
			}
			return a.objectEvidence(ctx, in)
		})
	for _, s := range []struct {
		path, title, more string
		do                func(ctx context.Context, id, by sms.ID) (*campaign.Campaign, error)
	}{
		{"ready", "All rows are loaded 名单上传完毕", "They are counted, repeated numbers left out, a random sample is tried, and the rules judge the campaign: it becomes ready, waits for a reviewer, or is stopped.", func(ctx context.Context, id, _ sms.ID) (*campaign.Campaign, error) {
			return a.Campaigns.Close(ctx, id)
		}},
		{"start", "Start 开始发送", "At its time, and within lawful hours. The rules judge it again when it starts.", a.Campaigns.Start},
		{"pause", "Pause 暂停", "No further chunk is decided. What was decided goes its way.", a.Campaigns.Pause},
		{"resume", "Resume 继续", "", a.Campaigns.Resume},
		{"cancel", "Cancel 取消", "What was decided goes its way; the rows that were not are destroyed.", a.Campaigns.Cancel},
	} {
		operation(a, ScopeSend, op(s.path+"-campaign", http.MethodPost, "/{id}/"+s.path, s.title, s.more),
			func(ctx context.Context, in *MessageIn) (*CampaignOut, error) {
				c, err := a.campaign(ctx, in.ID, false)
				if err == nil {
					c, err = s.do(ctx, c.ID, callerOf(ctx).key.StaffID)
				}
				return a.campaignOut(ctx, c, err)
			})
	}
	a.campaignReviews()
}

// campaignReviews registers what the operator does with campaigns.
func (a *API) campaignReviews() {
	operation(a, ScopeAdmin, adminOp("campaigns-in-review", http.MethodGet, "/v1/admin/campaigns", "Campaigns that wait for a reviewer 待审任务"),
		func(ctx context.Context, _ *struct{}) (*CampaignsOut, error) {
			if _, err := person(callerOf(ctx), registry.RoleReviewer); err != nil {
				return nil, err
			}
			return a.campaignsOut(ctx, func(ctx context.Context, tx Tx) ([]campaign.Campaign, error) {
				return tx.CampaignsIn(ctx, campaign.Review, 100)
			})
		})
	operation(a, ScopeAdmin, adminOp("review-campaign", http.MethodPost, "/v1/admin/campaigns/{id}/review", "Decide about a campaign 审核任务"),
		func(ctx context.Context, in *CampaignVerdictIn) (*CampaignOut, error) {
			by, err := person(callerOf(ctx), registry.RoleReviewer)
			if err == nil {
				err = words("body.reason", in.Body.Reason)
			}
			var c *campaign.Campaign
			if err == nil {
				c, err = a.campaign(ctx, in.ID, true)
			}
			if err == nil {
				c, err = a.Campaigns.Decide(ctx, c.ID, by.ID, review.Verdict{Approve: in.Body.Verdict == "approve", Reason: in.Body.Reason, Confirmed: in.Body.Confirmed})
			}
			return a.campaignOut(ctx, c, err)
		})
	operation(a, ScopeAdmin, adminOp("stop-campaign", http.MethodPost, "/v1/admin/campaigns/{id}/stop", "Stop a campaign 停止任务"),
		func(ctx context.Context, in *RejectIn) (*CampaignOut, error) {
			by, err := person(callerOf(ctx), registry.RoleCompliance)
			if err == nil {
				err = words("body.why", in.Body.Why)
			}
			var c *campaign.Campaign
			if err == nil {
				c, err = a.campaign(ctx, in.ID, true)
			}
			if err == nil {
				c, err = a.Campaigns.Halt(ctx, c.ID, by.ID, in.Body.Why)
			}
			return a.campaignOut(ctx, c, err)
		})
}

func (a *API) createCampaign(ctx context.Context, in *CampaignIn) (*CampaignOut, error) {
	c, b := callerOf(ctx), &in.Body
	d := &b.Declaration
	if err := allWords("body.name", b.Name, "body.notice", b.Notice, "body.declaration.name", d.Name, "body.declaration.handler", d.Handler, "body.declaration.words", d.Words); err != nil {
		return nil, err
	}
	made := &campaign.Campaign{
		ApplicationID: c.app.ID, PartyID: c.app.PartyID, StaffID: c.key.StaffID, KeyID: c.key.ID,
		Terms: campaign.Terms{
			Name: b.Name, TemplateID: b.TemplateID, Signature: b.Signature, SendAt: milli(b.SendAt), NotAfter: milli(b.NotAfter), Evidence: b.Evidence,
			Declaration: campaign.Declaration{Name: d.Name, USCC: d.USCC, Handler: d.Handler, Words: d.Words}, Profiled: b.Profiled, Notice: b.Notice,
		},
	}
	found, err := a.Campaigns.Create(ctx, c.snap, made)
	if err == nil && len(found) > 0 {
		err = refused("body", found)
	}
	return a.campaignOut(ctx, made, err)
}

func milli(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// campaign finds one of the caller's application, or, where any may be looked at, of anybody.
func (a *API) campaign(ctx context.Context, text string, anybody bool) (c *campaign.Campaign, err error) {
	id, err := pathID(text)
	if err != nil {
		return nil, err
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		c, err = tx.Campaign(ctx, id, false)
		return err
	})
	if err == nil && (c == nil || c.ApplicationID != callerOf(ctx).app.ID && !anybody) {
		err = sms.Errorf(sms.NotFound, "path.id", "you have no campaign with this id")
	}
	return c, err
}

func (a *API) campaignOut(ctx context.Context, c *campaign.Campaign, err error) (*CampaignOut, error) {
	if err != nil {
		return nil, err
	}
	return &CampaignOut{Body: campaignView(callerOf(ctx).snap, c, a.Now().UnixMilli())}, nil
}

func (a *API) campaignsOut(ctx context.Context, list func(context.Context, Tx) ([]campaign.Campaign, error)) (*CampaignsOut, error) {
	out := &CampaignsOut{}
	out.Body.Campaigns = []CampaignView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		found, err := list(ctx, tx)
		for i := range found {
			out.Body.Campaigns = append(out.Body.Campaigns, campaignView(callerOf(ctx).snap, &found[i], a.Now().UnixMilli()))
		}
		return err
	})
	return out, err
}

func (a *API) listCampaigns(ctx context.Context, in *ListIn) (*CampaignsOut, error) {
	before, err := newest(in.Before)
	if err != nil {
		return nil, err
	}
	return a.campaignsOut(ctx, func(ctx context.Context, tx Tx) ([]campaign.Campaign, error) {
		return tx.Campaigns(ctx, callerOf(ctx).app.ID, before, in.Limit)
	})
}

func campaignView(snap *registry.Snapshot, c *campaign.Campaign, now int64) CampaignView {
	t, r := &c.Terms, &c.Ruling
	v := CampaignView{
		ID: c.ID, Name: t.Name, State: c.State, TemplateID: t.TemplateID, Version: t.Version, Category: t.Category, Signature: t.Signature, SendAt: t.SendAt, NotAfter: t.NotAfter,
		Evidence: t.Evidence, Declaration: DeclarationView{t.Declaration.Name, t.Declaration.USCC, t.Declaration.Handler, t.Declaration.Words}, DeclaredAt: t.Declaration.At,
		Profiled: t.Profiled, Notice: t.Notice, Parts: c.Parts, Rows: c.Rows, Good: c.Good, Verdicts: map[string]int{}, Estimate: c.Estimate,
		Findings: r.Findings, Confirmed: r.Confirmed, Reason: r.Reason, Code: r.Code, Rule: r.Rule, CreatedAt: c.CreatedAt,
	}
	if w := snap.Wording(t.TemplateID); w != nil && w.Version.Version == t.Version {
		v.Text = "【" + t.Signature + "】" + w.Wording.Sample()
	}
	if r.Code != "" {
		e := sms.Lookup(r.Code)
		v.Zh, v.En = e.Zh, e.En
	}
	for verdict, n := range c.Tally.Verdicts {
		if v.Verdicts[verdict] = n; verdict != gate.VerdictUnits {
			v.Decided += n
		}
	}
	if waiting := c.State == campaign.Scheduled || c.State == campaign.Running; waiting && c.WaitUntil > now {
		v.WaitsUntil = c.WaitUntil
	}
	if spent, done := now-c.PhaseAt, c.Done-c.PhaseDone; c.State == campaign.Running && v.WaitsUntil == 0 && spent > 0 && done > 0 {
		v.Rate = int(int64(c.Good) * int64(done) * 1000 / int64(c.Chunks) / spent)
		v.Left = int(spent * int64(c.Chunks-c.Done) / int64(done) / 1000)
	}
	return v
}

func (a *API) putCampaignPart(ctx context.Context, in *PartIn) (*PartOut, error) {
	c, err := a.campaign(ctx, in.ID, false)
	if err != nil {
		return nil, err
	}
	media, _, _ := strings.Cut(in.Type, ";")
	form := map[string]string{"text/csv": campaign.CSV, "application/x-ndjson": campaign.NDJSON}[strings.TrimSpace(strings.ToLower(media))]
	if form == "" {
		return nil, sms.Errorf(sms.BadRequest, "Content-Type", "it is text/csv or application/x-ndjson")
	}
	if err := in.ctx.SetReadDeadline(time.Now().Add(listPatience)); err != nil {
		return nil, err
	}
	snap := callerOf(ctx).snap
	p, first, err := a.Campaigns.Load(ctx, snap, c.ID, in.No, form, io.LimitReader(in.ctx.BodyReader(), campaign.MaxPartBytes+2))
	if err != nil {
		return nil, err
	}
	out := &PartOut{}
	out.Body.No, out.Body.Rows, out.Body.Good = p.No, p.Rows, p.Good
	out.Body.Faults = rowFaults(first)
	return out, nil
}

// rowFaultWords are how rows are mended.
var rowFaultWords = map[string][2]string{
	campaign.FaultColumns:  {"列数与首行不符、多出变量，或不是 UTF-8", "its fields are not those of the first line or of the template, or it is not UTF-8"},
	campaign.FaultNumber:   faults["NUMBER"],
	campaign.FaultVariable: {"变量缺失或不符合模板规定的类型", "the value of the variable is missing, or not of the type that the template says"},
	campaign.FaultRef:      {"编号超过 64 字节", "the reference has more than 64 bytes"},
	campaign.FaultText:     {"填入变量后的内容过长或无效", "the text with its values is too long, or not valid"},
	campaign.FaultRepeated: {"号码重复，只保留第一条", "an earlier row has the number; only that is sent"},
}

func rowFaults(list []campaign.Fault) []RowFaultView {
	out := make([]RowFaultView, len(list))
	for i, f := range list {
		how := rowFaultWords[f.Code]
		out[i] = RowFaultView{f.Part, f.Line, f.Code, f.Variable, how[0], how[1]}
	}
	return out
}

// faultyChunks is how many chunks one answer shows the faults of.
const faultyChunks = 10

func (a *API) campaignFaults(ctx context.Context, in *ChunkIn) (*RowFaultsOut, error) {
	c, err := a.campaign(ctx, in.ID, overseer(callerOf(ctx)))
	if err != nil {
		return nil, err
	}
	var names []string
	if v := callerOf(ctx).snap.Version(c.Terms.TemplateID, c.Terms.Version); v != nil {
		if w, err := registry.Compile(v.Body); err == nil { // it was, when it was approved
			names = w.Names()
		}
	}
	out := &RowFaultsOut{}
	var list []campaign.Fault
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		chunks, err := tx.FaultyChunks(ctx, c.ID, in.Chunk, faultyChunks)
		for i := range chunks {
			if chunks[i].No < c.Chunks { // what came of an upload that broke is none
				list = append(list, chunks[i].FaultsOf(names)...)
			}
		}
		if n := len(chunks); n == faultyChunks {
			out.Body.Next = chunks[n-1].No + 1
		}
		return err
	})
	out.Body.Faults = rowFaults(list)
	return out, err
}

func (a *API) campaignRows(ctx context.Context, in *ChunkIn) (*RowsOut, error) {
	c, err := a.campaign(ctx, in.ID, overseer(callerOf(ctx)))
	if err != nil {
		return nil, err
	}
	out := &RowsOut{}
	out.Body.Rows = []RowView{}
	if in.Chunk >= c.Done || c.State == campaign.Checking {
		return out, nil
	}
	if in.Chunk+1 < c.Done {
		out.Body.Next = in.Chunk + 1
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		chunk, err := tx.CampaignChunk(ctx, c.ID, in.Chunk)
		if err != nil {
			return err
		}
		outcomes := chunk.OutcomesOf()
		ids, at := make([]sms.ID, len(outcomes)), map[sms.ID]campaign.Outcome{}
		for i, o := range outcomes {
			ids[i], at[o.Message] = o.Message, o
		}
		slices.Sort(ids)
		list, err := tx.Messages(ctx, ids, false)
		if err != nil {
			return err
		}
		to, err := a.masked(ctx, tx, list)
		for _, m := range list {
			o := at[m.ID]
			out.Body.Rows = append(out.Body.Rows, RowView{o.Part, o.Line, view(m, to[m.PhoneID])})
		}
		return err
	})
	slices.SortFunc(out.Body.Rows, func(x, y RowView) int { return x.Line - y.Line })
	return out, err
}
