package httpapi

import (
	"context"
	"encoding/hex"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// WordingBody is what people are asked to agree to.
type WordingBody struct {
	Text          string       `json:"text" minLength:"1" maxLength:"1000" doc:"exactly what is shown, in Chinese"`
	Purpose       sms.Category `json:"purpose" enum:"MKT"`
	Kinds         string       `json:"kinds" minLength:"1" maxLength:"200" doc:"what kinds of messages will come"`
	Types         []string     `json:"types,omitempty" maxItems:"8" enum:"promotion,membership,event,finance,health,education,property,survey" doc:"the same by names that templates have; none is promotion. A message of another kind is refused (CNS-10)"`
	PerWeek       int          `json:"per_week" minimum:"1" maximum:"50" doc:"messages in 7 days at most"`
	Days          int          `json:"days" minimum:"1" maximum:"3650" doc:"for which a consent holds"`
	Notice        string       `json:"notice" maxLength:"500" doc:"https address of the privacy notice"`
	NoticeVersion string       `json:"notice_version" minLength:"1" maxLength:"50"`
	Since         time.Time    `json:"since,omitzero" doc:"when it came into use; empty is now"`
}

// WordingView is a wording as it is kept.
type WordingView struct {
	ID      sms.ID `json:"id"`
	PartyID sms.ID `json:"party_id"`
	WordingBody
	TextHash  string `json:"text_hash" doc:"SHA-256 of the text, as the evidence of each consent has it"`
	CreatedAt int64  `json:"created_at"`
	UsedAt    int64  `json:"used_at,omitempty" doc:"by the first consent, or page that showed it; from then on it can't be changed"`
	Page      string `json:"page,omitempty" doc:"path of the page on which people agree to it, while that is open"`
	OwnPage   string `json:"own_page" doc:"path of the page on which people see what they agreed to, and withdraw it"`
}

// WordingIn stores one.
type WordingIn struct{ Body WordingBody }

// ChangeWordingIn changes one.
type ChangeWordingIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body WordingBody
}

// WordingOut is one.
type WordingOut struct{ Body WordingView }

// WordingsOut lists them.
type WordingsOut struct {
	Body struct {
		Wordings []WordingView `json:"wordings"`
	}
}

func (a *API) wordings() {
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "new-wording", Method: http.MethodPost, Path: "/v1/consents/wordings", Summary: "Register words of consent 登记同意文本", Tags: []string{"people"},
		Description: "What people are asked to agree to: kind, frequency and period of the messages (Order 31 Art. 18) and the privacy notice (PIPL Art. 17). Once a consent names it, it can't be changed.",
	}, func(ctx context.Context, in *WordingIn) (*WordingOut, error) { return a.putWording(ctx, 0, &in.Body) })
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "put-wording", Method: http.MethodPut, Path: "/v1/consents/wordings/{id}", Summary: "Change words that nobody has agreed to 修改未使用的同意文本", Tags: []string{"people"},
	}, func(ctx context.Context, in *ChangeWordingIn) (*WordingOut, error) {
		id, err := pathID(in.ID)
		if err != nil {
			return nil, err
		}
		return a.putWording(ctx, id, &in.Body)
	})
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "wordings", Method: http.MethodGet, Path: "/v1/consents/wordings", Summary: "Words of consent 同意文本列表", Tags: []string{"people"},
	}, a.listWordings)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "wording", Method: http.MethodGet, Path: "/v1/consents/wordings/{id}", Summary: "One wording 同意文本", Tags: []string{"people"},
	}, a.wording)
	operation(a, ScopeConsent, huma.Operation{
		OperationID: "wording-page", Method: http.MethodPut, Path: "/v1/consents/wordings/{id}/page", Summary: "Open or close a wording's page 开关授权页面", Tags: []string{"people"},
		Description: "On the page people agree to these words after a code has proved that they hold the number: a consent of grade 3. The code is an ordinary message of yours and needs an approved template and signature.",
	}, a.wordingPage)
}

func wordingView(w *consent.Wording) WordingView {
	h := w.Hash()
	page := ""
	if w.Page {
		page = "/c/in/" + w.ID.String()
	}
	own := "/c/me/" + w.GroupID.String()
	var types []string
	if w.Types != "" {
		types = strings.Split(w.Types, ",")
	}
	return WordingView{ID: w.ID, PartyID: w.PartyID, TextHash: hex.EncodeToString(h[:]), CreatedAt: w.CreatedAt, UsedAt: w.UsedAt, Page: page, OwnPage: own, WordingBody: WordingBody{
		Text: w.Text, Purpose: w.Purpose, Kinds: w.Kinds, Types: types, PerWeek: w.PerWeek, Days: w.Days, Notice: w.Notice, NoticeVersion: w.NoticeVersion, Since: time.UnixMilli(w.Since).UTC(),
	}}
}

// putWording stores a new wording, id 0, or changes one.
func (a *API) putWording(ctx context.Context, id sms.ID, b *WordingBody) (*WordingOut, error) {
	if t, _ := lexicon.Read(b.Text, lexicon.Fold(b.Text)); t.Private > 0 {
		return nil, sms.Errorf(sms.BadRequest, "body.text", "it holds the number or account of a person: name a landline or a page").Chinese("含个人号码或账号，请改用座机或网页")
	}
	c, out := callerOf(ctx), &WordingOut{}
	w := consent.Wording{
		ID: id, GroupID: c.snap.Party[c.app.PartyID].GroupID, PartyID: c.app.PartyID, Text: b.Text, Purpose: b.Purpose, Kinds: b.Kinds, Types: strings.Join(b.Types, ","), PerWeek: b.PerWeek, Days: b.Days,
		Notice: b.Notice, NoticeVersion: b.NoticeVersion,
	}
	if !b.Since.IsZero() {
		w.Since = b.Since.UnixMilli()
	}
	if id == 0 {
		w.ID = a.IDs.Next()
	}
	err := a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if err := consent.PutWording(ctx, tx, evlog.Recorder(tx, a.IDs), &w, id == 0, now.UnixMilli()); err != nil {
			return err
		}
		out.Body = wordingView(&w)
		return nil
	})
	return out, err
}

// WordingPageIn opens or closes a page.
type WordingPageIn struct {
	ID   string `path:"id" maxLength:"20"`
	Body struct {
		Open bool `json:"open"`
	}
}

func (a *API) wordingPage(ctx context.Context, in *WordingPageIn) (*WordingOut, error) {
	c, out := callerOf(ctx), &WordingOut{}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	err = a.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		w, err := consent.OpenPage(ctx, tx, id, c.snap.Party[c.app.PartyID].GroupID, in.Body.Open)
		if err != nil {
			return err
		}
		out.Body = wordingView(w)
		return a.record(ctx, tx, c.key, "page of wording", id, in.Body.Open)
	})
	return out, err
}

func (a *API) listWordings(ctx context.Context, _ *struct{}) (*WordingsOut, error) {
	c, out := callerOf(ctx), &WordingsOut{}
	out.Body.Wordings = []WordingView{}
	err := a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		list, err := tx.Wordings(ctx, c.snap.Party[c.app.PartyID].GroupID)
		for i := range list {
			out.Body.Wordings = append(out.Body.Wordings, wordingView(&list[i]))
		}
		return err
	})
	return out, err
}

func (a *API) wording(ctx context.Context, in *MessageIn) (*WordingOut, error) {
	c, out := callerOf(ctx), &WordingOut{}
	id, err := pathID(in.ID)
	if err != nil {
		return nil, err
	}
	err = a.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		w, err := tx.Wording(ctx, id)
		if err != nil {
			return err
		}
		if w == nil || w.GroupID != c.snap.Party[c.app.PartyID].GroupID {
			return sms.Errorf(sms.NotFound, "path.id", "no wording of yours has this id")
		}
		out.Body = wordingView(w)
		return nil
	})
	return out, err
}
