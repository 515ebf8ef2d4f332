package consentpage

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

const ownTitle = "我的短信同意与拒收 · my consents and refusals"

// groupView is what stands between a person and one content provider group.
type groupView struct {
	ID       sms.ID
	Provider string
	Consents []consentView
	Refusals []refusalView
	Refused  bool // marketing
}

type consentView struct {
	Purpose                sms.Category
	From, To, Source, Text string
	Holds                  bool
}

type refusalView struct{ Scope, At string }

func (p *pages) ownSender(r *request) (*registry.Snapshot, *sender, error) {
	snap, err := p.Gate.Snapshot(r.Context())
	if err != nil {
		return nil, nil, err
	}
	if provider(snap, r.id) == "" {
		return nil, nil, sms.Errorf(sms.NotFound, "path.id", "")
	}
	return snap, p.senderOf(snap, snap.Applications(r.id)), nil
}

// provider names a group by its oldest party, "" when it has none.
func provider(snap *registry.Snapshot, group sms.ID) string {
	var oldest *registry.Party
	for _, x := range snap.Party {
		if x.GroupID == group && (oldest == nil || x.ID < oldest.ID) {
			oldest = x
		}
	}
	if oldest == nil {
		return ""
	}
	return oldest.Name
}

func (r *request) ownView(by *sender) view {
	return view{Title: ownTitle, Action: "/c/me/" + r.id.String(), Offered: by != nil}
}

// own asks for the number.
func (p *pages) own(r *request) (string, view, error) {
	_, by, err := p.ownSender(r)
	if err != nil {
		return "", view{}, err
	}
	return "ask", r.ownView(by), nil
}

// sendOwn sends the code and asks for it.
func (p *pages) sendOwn(r *request) (string, view, error) {
	_, by, err := p.ownSender(r)
	if err != nil {
		return "", view{}, err
	}
	v := r.ownView(by)
	if v.Token, err = p.send(r, by, r.id, nil); err != nil {
		return "ask", v, err
	}
	return "code", p.codeView(v), nil
}

// open shows the person's page to whoever has shown the code.
func (p *pages) open(r *request) (string, view, error) {
	snap, by, err := p.ownSender(r)
	if err != nil {
		return "", view{}, err
	}
	v := p.codeView(r.ownView(by))
	v.Token = r.PostForm.Get("token")
	var held *consent.Possession
	err = p.Store.Write(r.Context(), func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		held, err = consent.Prove(ctx, tx, p.tokenHash(v.Token), p.codeHash(v.Token, r.PostForm.Get("code")), now.UnixMilli(), p.Limits)
		return err
	})
	switch {
	case err != nil:
		return "code", v, err
	case held == nil || held.WordingID != 0 || held.GroupID != r.id:
		return "code", v, sms.Errorf(sms.CodeWrong, "code", "")
	}
	v.Groups, err = p.list(r, snap, held)
	return "mine", v, err
}

// withdraw refuses marketing of a group, by one click (PIPL Art. 15), and shows the page
// again.
func (p *pages) withdraw(r *request) (string, view, error) {
	snap, by, err := p.ownSender(r)
	if err != nil {
		return "", view{}, err
	}
	v := r.ownView(by)
	v.Token = r.PostForm.Get("token")
	group, err := sms.ParseID(r.PostForm.Get("group"))
	if err != nil || provider(snap, group) == "" {
		return "", view{}, sms.Errorf(sms.BadRequest, "group", "no content provider group has this id")
	}
	var held *consent.Possession
	err = p.Store.WriteFirst(r.Context(), func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		held, err = tx.Proved(ctx, p.tokenHash(v.Token), now.UnixMilli())
		if err != nil || held == nil || held.WordingID != 0 || held.GroupID != r.id {
			held = nil
			return err
		}
		return p.refuse(ctx, tx, snap, held, group, now.UnixMilli())
	})
	switch {
	case err != nil:
		return "", view{}, err
	case held == nil:
		return "", view{}, sms.Errorf(sms.PageEnded, "token", "")
	}
	p.Told()
	v.Groups, err = p.list(r, snap, held)
	return "mine", v, err
}

// refuse stores the refusal and tells the group's applications. A second click changes nothing.
func (p *pages) refuse(ctx context.Context, tx Tx, snap *registry.Snapshot, held *consent.Possession, group sms.ID, at int64) error {
	if err := tx.LockRecipients(ctx, [][16]byte{held.PhoneID}); err != nil {
		return err
	}
	refused := false
	if err := tx.Suppressions(ctx, [][16]byte{held.PhoneID}, func(s consent.Suppression) {
		refused = refused || s.GroupID == group && s.LiftedAt == 0 && s.Scope == string(sms.MKT)
	}); err != nil || refused {
		return err
	}
	id := p.IDs.Next()
	from := ""
	err := tx.Numbers(ctx, [][16]byte{held.PhoneID}, func(_ [16]byte, sealed []byte) error {
		plain, err := p.Keys.Open(vault.PurposeNumber, sealed)
		if err != nil {
			return err
		}
		n, err := sms.ParseMSISDN("+" + string(plain))
		from = n.String()
		return err
	})
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"refusal_id": id.String(), "from": from, "opt_out": "page", "at": at})
	if err != nil {
		return err
	}
	var told []sms.Event
	for _, a := range snap.Applications(group) {
		told = append(told, sms.Event{ID: p.IDs.Next(), ApplicationID: a, Kind: "optout", ObjectID: id, Body: body, At: at})
	}
	if err := tx.InsertEvents(ctx, told); err != nil {
		return err
	}
	_, err = consent.Refuse(ctx, tx, evlog.Recorder(tx, p.IDs), consent.Suppression{
		ID: id, PhoneID: held.PhoneID, GroupID: group, Scope: string(sms.MKT), Source: "page", Reference: held.ID.String(), CreatedAt: at,
	})
	return err
}

// list reads what stands of a person: the page's own group first, then the others.
func (p *pages) list(r *request, snap *registry.Snapshot, held *consent.Possession) ([]groupView, error) {
	at, groups := p.Now().UnixMilli(), map[sms.ID]*groupView{}
	of := func(id sms.ID) *groupView {
		if groups[id] == nil {
			groups[id] = &groupView{ID: id, Provider: provider(snap, id)}
		}
		return groups[id]
	}
	of(r.id)
	var refusals []consent.Suppression
	err := p.Store.Read(r.Context(), func(ctx context.Context, tx Tx) error {
		var grants []consent.Grant
		if err := tx.GrantsOf(ctx, held.PhoneID, func(g consent.Grant) { grants = append(grants, g) }); err != nil {
			return err
		}
		for i := range grants {
			g := &grants[i]
			c := consentView{Purpose: g.Purpose, From: day(g.ValidFrom), To: day(g.ValidTo), Source: g.Source, Holds: g.Holds(g.Purpose, at)}
			if id, err := sms.ParseID(g.Wording); err == nil {
				w, err := tx.Wording(ctx, id)
				if err != nil {
					return err
				}
				if w != nil && w.GroupID == g.GroupID && w.Hash() == g.TextHash {
					c.Text = w.Text
				}
			}
			x := of(g.GroupID)
			x.Consents = append(x.Consents, c)
		}
		return tx.Suppressions(ctx, [][16]byte{held.PhoneID}, func(s consent.Suppression) {
			refusals = append(refusals, s)
			if x := s.GroupID; x != 0 && s.LiftedAt == 0 {
				of(x).Refusals = append(of(x).Refusals, refusalView{s.Scope, day(s.CreatedAt)})
			}
		})
	})
	out := make([]groupView, 0, len(groups))
	for _, x := range groups {
		x.Refused = slices.ContainsFunc(refusals, func(s consent.Suppression) bool { return s.Against(x.ID, sms.MKT) })
		if x.Provider != "" {
			out = append(out, *x)
		}
	}
	slices.SortFunc(out, func(a, b groupView) int {
		switch {
		case a.ID == r.id:
			return -1
		case b.ID == r.id || a.ID > b.ID:
			return 1
		}
		return -1
	})
	return out, err
}

// day is a moment as people read it, "" for none.
func day(at int64) string {
	if at == 0 {
		return ""
	}
	return time.UnixMilli(at).In(rulebook.Shanghai).Format(time.DateOnly)
}
