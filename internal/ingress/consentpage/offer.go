package consentpage

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// box is what stands beside the box that a person ticks.
const box = "我已阅读并同意以上内容 · I have read this and agree"

const offerTitle = "接收营销短信的同意 · consent to marketing SMS"

// offered is a wording as it is shown, with who asks.
type offered struct {
	*consent.Wording
	Provider   string
	Signatures []string // under which messages may come
}

// wording reads an open one with who sends its codes.
func (p *pages) wording(r *request) (w *offered, by *sender, err error) {
	snap, err := p.Gate.Snapshot(r.Context())
	if err != nil {
		return nil, nil, err
	}
	w = &offered{}
	err = p.Store.Read(r.Context(), func(ctx context.Context, tx Tx) error {
		w.Wording, err = tx.Wording(ctx, r.id)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	if w.Wording == nil || !w.Page || snap.Party[w.PartyID] == nil {
		return nil, nil, sms.Errorf(sms.NotFound, "path.id", "")
	}
	w.Provider = snap.Party[w.PartyID].Name
	for _, s := range snap.SignaturesOf(w.PartyID) {
		if s.State == registry.Approved {
			w.Signatures = append(w.Signatures, s.Text)
		}
	}
	return w, p.senderOf(snap, snap.ApplicationsOf(w.PartyID)), nil
}

func offerView(w *offered, by *sender) view {
	return view{Title: offerTitle, Action: "/c/in/" + w.ID.String(), Wording: w, Offered: by != nil}
}

// offer shows the wording and asks for the number.
func (p *pages) offer(r *request) (string, view, error) {
	w, by, err := p.wording(r)
	if err != nil {
		return "", view{}, err
	}
	return "ask", offerView(w, by), nil
}

// sendOffer sends the code, and asks for it and for consent.
func (p *pages) sendOffer(r *request) (string, view, error) {
	w, by, err := p.wording(r)
	if err != nil {
		return "", view{}, err
	}
	v := offerView(w, by)
	if v.Token, err = p.send(r, by, w.GroupID, w); err != nil {
		return "ask", v, err
	}
	return "code", p.codeView(v), nil
}

func (p *pages) codeView(v view) view {
	v.Minutes, v.Box = int(p.Limits.CodeLife.Minutes()), box
	return v
}

// agree stores the consent of whoever has shown the code and ticked the box (CNS-06).
func (p *pages) agree(r *request) (string, view, error) {
	w, by, err := p.wording(r)
	if err != nil {
		return "", view{}, err
	}
	v := p.codeView(offerView(w, by))
	v.Token = r.PostForm.Get("token")
	if r.PostForm.Get("agree") != "yes" {
		return "code", v, sms.Errorf(sms.NotAgreed, "agree", "")
	}
	book, err := p.Gate.RulesInForce(r.Context())
	if err != nil {
		return "code", v, err
	}
	proved := false
	err = p.Store.Write(r.Context(), func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		held, err := consent.Prove(ctx, tx, p.tokenHash(v.Token), p.codeHash(v.Token, r.PostForm.Get("code")), now.UnixMilli(), p.Limits)
		if proved = err == nil && held != nil && held.WordingID == w.ID; !proved {
			return err
		}
		return p.grant(ctx, tx, book, w, held, now)
	})
	switch {
	case err != nil:
		return "code", v, err
	case !proved:
		return "code", v, sms.Errorf(sms.CodeWrong, "code", "")
	}
	return "done", v, nil
}

// grant stores the consent with what was served and to whom.
func (p *pages) grant(ctx context.Context, tx Tx, book *rulebook.Book, w *offered, held *consent.Possession, now time.Time) error {
	if err := tx.LockRecipients(ctx, [][16]byte{held.PhoneID}); err != nil {
		return err
	}
	known := false
	if err := tx.Secrets(ctx, w.GroupID, [][16]byte{held.PhoneID}, func([16]byte, []byte) error { known = true; return nil }); err != nil {
		return err
	}
	if !known { // erased since the code was sent
		return sms.Errorf(sms.CodeWrong, "code", "")
	}
	said := consent.Statement{Method: "WEB_CHECKBOX", Source: "page " + w.ID.String(), Wording: w.Wording, GivenAt: now.UnixMilli()}
	if found := said.Judge(book, now); len(found) > 0 {
		return sms.Errorf(found[0].Code, "wording", "%s", found[0].Reason.En)
	}
	id := p.IDs.Next()
	shown := served(id, now.UnixMilli(), w, held)
	if err := evlog.Append(ctx, tx, p.IDs, now.UnixMilli(), shown); err != nil {
		return err
	}
	grant := said.Grant(id, held.PhoneID, w.GroupID, consent.HostedPage)
	grant.ProofHash = shown.Hash()
	return consent.Add(ctx, tx, evlog.Recorder(tx, p.IDs), []consent.Grant{grant}, now.UnixMilli())
}

// served is what a page showed when consent was given on it, as evidence.
func served(grant sms.ID, at int64, w *offered, held *consent.Possession) leaf.Record {
	return leaf.New(consent.KindServed, int64(grant), at,
		leaf.Str("address", hex.EncodeToString(held.Address[:])),
		leaf.Str("box", box),
		leaf.Int("code_message", int64(held.MessageID)),
		leaf.Int("code_sent", held.CreatedAt),
		leaf.Int("days", int64(w.Days)),
		leaf.Str("kinds", w.Kinds),
		leaf.Str("notice", w.Notice),
		leaf.Str("notice_version", w.NoticeVersion),
		leaf.Int("per_week", int64(w.PerWeek)),
		leaf.Str("provider", w.Provider),
		leaf.Str("signatures", strings.Join(w.Signatures, ",")),
		leaf.Str("text", w.Text),
		leaf.Int("wording", int64(w.ID)),
	)
}
