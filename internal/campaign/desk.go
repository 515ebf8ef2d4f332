package campaign

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Gate is what campaigns need of the gate: they are decided by it like every call (P1).
type Gate interface {
	Submit(ctx context.Context, call *gate.Call) (gate.Answer, error)
	Try(ctx context.Context, call *gate.Call) (gate.Answer, error)
	Snapshot(ctx context.Context) (*registry.Snapshot, error)
	RulesInForce(ctx context.Context) (*rulebook.Book, error)
}

// Config is what the desk works on.
type Config struct {
	Store  Store
	Gate   Gate
	Keys   *vault.Keys
	IDs    *sms.IDs
	OnTold func() // there is something new for readers of the feed
	Logger *slog.Logger
}

// Desk takes campaigns in and works on them. Several nodes may: one of them claims a campaign at
// a time.
type Desk struct {
	Config
	Stats Stats
	claim int64 // of this node
}

// Stats counts what this node did since it started.
type Stats struct{ Chunks, Rows, Waits atomic.Int64 }

// New makes a desk; Run makes it work.
func New(cfg Config) *Desk { return &Desk{Config: cfg, claim: int64(cfg.IDs.Next())} }

// errEnough ends a change that turns out to be none.
var errEnough = errors.New("nothing to change")

// change runs a transaction that changes a campaign, which stays locked meanwhile. Its step, if
// it has a name, is recorded as evidence and told.
func (x *Desk) change(ctx context.Context, id sms.ID, fn func(ctx context.Context, tx Tx, c *Campaign, now time.Time) (step string, by sms.ID, err error)) (c *Campaign, err error) {
	told := false
	err = x.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		told = false
		if c, err = tx.Campaign(ctx, id, true); err != nil {
			return err
		}
		if c == nil {
			return sms.Errorf(sms.NotFound, "path.id", "no campaign has this id")
		}
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		was := c.State
		step, by, err := fn(ctx, tx, c, now)
		if err != nil {
			return err
		}
		at := now.UnixMilli()
		if c.State != was {
			c.PhaseAt, c.PhaseDone, c.ClaimedUntil = at, c.Done, 0
		}
		if told = step != ""; told {
			if err := x.tell(ctx, tx, c, step, by, at); err != nil {
				return err
			}
		}
		return tx.SaveCampaign(ctx, c)
	})
	if errors.Is(err, errEnough) {
		return c, nil
	}
	if err == nil && told && x.OnTold != nil {
		x.OnTold()
	}
	return c, err
}

// tell writes a step down as evidence, and into the feed.
func (x *Desk) tell(ctx context.Context, tx Tx, c *Campaign, step string, by sms.ID, at int64) error {
	r, err := x.record(c, step, by, at)
	if err == nil {
		err = evlog.Append(ctx, tx, x.IDs, at, r)
	}
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"campaign_id": c.ID.String(), "name": c.Terms.Name, "state": c.State, "step": step, "code": c.Ruling.Code, "rule": c.Ruling.Rule, "rows": c.Good, "verdicts": c.Tally.Verdicts,
	})
	if err != nil {
		return err
	}
	return tx.InsertEvents(ctx, []sms.Event{{ID: x.IDs.Next(), ApplicationID: c.ApplicationID, Kind: KindCampaign, ObjectID: c.ID, Body: body, At: at}})
}

// Create opens a campaign. What its terms and its text alone are refused for is said at once.
func (x *Desk) Create(ctx context.Context, snap *registry.Snapshot, c *Campaign) ([]rulebook.Finding, error) {
	w, err := approved(snap, c)
	if err != nil {
		return nil, err
	}
	c.Terms.Version, c.Terms.Category = w.Version.Version, w.Template.Category
	if c.Terms.Category == sms.OTP || c.Terms.Category == sms.Consent {
		return nil, sms.Errorf(sms.BadRequest, "body.template_id", "a campaign is of the category NOTICE, PUBLIC or MKT; it is %s", c.Terms.Category)
	}
	book, err := x.Gate.RulesInForce(ctx)
	if err != nil {
		return nil, err
	}
	var found []rulebook.Finding
	err = x.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		at := now.UnixMilli()
		open, _, err := tx.CountCampaigns(ctx, c.PartyID)
		switch {
		case err != nil:
			return err
		case open >= MaxOpen:
			return sms.Errorf(sms.RateLimited, "body", "%d campaigns of yours are under way: let them end, or cancel one", open)
		case c.Terms.SendAt > at+sms.MaxAhead.Milliseconds():
			last := now.Add(sms.MaxAhead).Format(time.RFC3339)
			return sms.Errorf(sms.SendAtTooFar, "body.send_at", "the latest is %s", last).Chinese("最晚为 %s", last)
		case c.Terms.NotAfter != 0 && c.Terms.NotAfter <= max(at, c.Terms.SendAt):
			return sms.Errorf(sms.BadRequest, "body.not_after", "it has passed by then")
		}
		c.ID, c.State, c.CreatedAt, c.PhaseAt, c.Terms.Declaration.At = x.IDs.Next(), Draft, at, at, at
		c.ListHash = make([]byte, sha256.Size)
		if found, err = x.judge(ctx, tx, snap, book, c, now); err != nil {
			return err
		}
		if f := rulebook.Refusing(found); f != nil && f.Outcome == rulebook.Block {
			return errEnough
		}
		found = nil
		if err := x.tell(ctx, tx, c, "declared", c.StaffID, at); err != nil {
			return err
		}
		return tx.SaveCampaign(ctx, c)
	})
	if errors.Is(err, errEnough) {
		err = nil
		found = slices.DeleteFunc(found, func(f rulebook.Finding) bool { return f.Outcome != rulebook.Block })
	}
	return found, err
}

// approved finds the wording of a campaign, as it stands now.
func approved(snap *registry.Snapshot, c *Campaign) (*registry.ApprovedWording, error) {
	w := snap.Wording(c.Terms.TemplateID)
	if w == nil || w.Template.PartyID != c.PartyID || w.Template.State != registry.Active || c.Terms.Version != 0 && w.Version.Version != c.Terms.Version {
		return nil, sms.Errorf(sms.TemplateNotApproved, "body.template_id", "you have no approved template with this id and version")
	}
	return w, nil
}

// judge says what stands against a campaign as it is known so far.
func (x *Desk) judge(ctx context.Context, tx Tx, snap *registry.Snapshot, book *rulebook.Book, c *Campaign, now time.Time) ([]rulebook.Finding, error) {
	w, err := approved(snap, c)
	if err != nil {
		return nil, err
	}
	t, party := &c.Terms, snap.Party[c.PartyID]
	bundle, err := evidenceOf(ctx, tx, t.Evidence, party.GroupID)
	if err != nil {
		return nil, err
	}
	_, earlier, err := tx.CountCampaigns(ctx, c.PartyID)
	if err != nil {
		return nil, err
	}
	d := &t.Declaration
	found, err := book.JudgeCampaign(&rulebook.CampaignClaim{
		Category: t.Category, Text: "【" + t.Signature + "】" + w.Wording.Sample(), Name: party.Name, Entity: party.EntityType,
		Declared: d.Name != "" && d.USCC != "" && d.Handler != "" && d.Words != "", OwnCode: strings.EqualFold(d.USCC, party.USCC), Bundle: bundle,
		Unconsented: percent(c.Estimate.Unconsented, c.Estimate.Sampled), Profiled: t.Profiled, Note: t.Notice != "", Rows: c.Good,
		Faulty: percent(c.Rows-c.Good, c.Rows), Consecutive: c.Estimate.Consecutive, Earlier: earlier,
	}, now)
	if err != nil {
		return nil, sms.Errorf(sms.BadText, "body.template_id", "%s", err)
	}
	return found, nil
}

// percent is what share of a whole is, rounded up: what is more than a bound is not rounded to it.
func percent(share, whole int) int {
	if whole == 0 {
		return 0
	}
	return (share*100 + whole - 1) / whole
}

// evidenceOf tells whether what a campaign names as the evidence of its consents is evidence, and
// of its own content provider.
func evidenceOf(ctx context.Context, tx Tx, ids []sms.ID, group sms.ID) (bool, error) {
	for _, id := range ids {
		l, err := tx.Import(ctx, id)
		if err != nil {
			return false, err
		}
		if l != nil && l.GroupID == group && l.State == consent.ImportActive {
			continue
		}
		w, err := tx.Wording(ctx, id)
		if err != nil || w == nil || w.GroupID != group {
			return false, err
		}
	}
	return len(ids) > 0, nil
}

// Load takes a part of the rows in, and seals each chunk before it is written. The same part may
// be brought again: with the same rows nothing changes, and one that broke is written over. shown
// are the first rows that can't be sent.
func (x *Desk) Load(ctx context.Context, snap *registry.Snapshot, id sms.ID, no int, form string, from io.Reader) (p *Part, shown []Fault, err error) {
	claim := int64(x.IDs.Next())
	var old *Part
	c, err := x.change(ctx, id, func(ctx context.Context, tx Tx, c *Campaign, _ time.Time) (string, sms.ID, error) {
		if c.State != Draft {
			return "", 0, stateError(c)
		}
		if no > c.Parts+1 || no > MaxParts {
			return "", 0, sms.Errorf(sms.BadRequest, "path.no", "parts are loaded in order: the next is %d, the last %d", c.Parts+1, MaxParts)
		}
		if old, err = tx.CampaignPart(ctx, id, no); old == nil {
			c.Claim = claim // an upload that still runs comes to nothing
		}
		return "", 0, err
	})
	if err != nil {
		return nil, nil, err
	}
	w, err := approved(snap, c)
	if err != nil {
		return nil, nil, err
	}
	hash := sha256.New()
	r := &reader{form: form, signature: c.Terms.Signature, wording: w.Wording, names: w.Wording.Names()}
	p = &Part{CampaignID: id, No: no}
	chunks, most := c.Chunks, MaxRows-c.Rows
	if old != nil {
		most = MaxRows // they are compared, and not taken
	}
	err = r.rowsOf(io.TeeReader(from, hash), most, func(first, lines int, rows []row, faults []Fault) error {
		for i := range faults {
			faults[i].Part = no
		}
		shown = append(shown, faults[:min(len(faults), max(0, MaxShown-len(shown)))]...)
		p.Rows, p.Good, chunks = p.Rows+lines, p.Good+len(rows), chunks+1
		if old != nil {
			return nil
		}
		ch := &Chunk{CampaignID: id, No: chunks - 1, Part: no, First: first, Rows: lines}
		ch.addFaults(r.names, faults...)
		return x.put(ctx, ch, rows, claim)
	})
	if err != nil {
		return nil, nil, err
	}
	sum := x.Keys.PayloadHash(hash.Sum(nil))
	p.Hash = sum[:]
	if old != nil {
		if string(old.Hash) != string(p.Hash) {
			return nil, nil, sms.Errorf(sms.CampaignState, "path.no", "part %d was loaded with other rows", no)
		}
		return old, shown, nil
	}
	_, err = x.change(ctx, id, func(ctx context.Context, tx Tx, c *Campaign, _ time.Time) (string, sms.ID, error) {
		if c.State != Draft || c.Claim != claim {
			return "", 0, stateError(c)
		}
		list := x.Keys.PayloadHash(slices.Concat(c.ListHash, p.Hash))
		c.Parts, c.Chunks, c.Rows, c.Good, c.ListHash, c.Claim = no, chunks, c.Rows+p.Rows, c.Good+p.Good, list[:], 0
		return "", 0, tx.PutCampaignPart(ctx, *p)
	})
	return p, shown, err
}

// put seals the rows of a chunk and stores it, if whoever has the claim still does.
func (x *Desk) put(ctx context.Context, ch *Chunk, rows []row, claim int64) error {
	plain, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	ch.Content = x.Keys.Seal(vault.PurposeRows, plain)
	return x.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		c, err := tx.Campaign(ctx, ch.CampaignID, true)
		if err != nil {
			return err
		}
		if c.Claim != claim || c.State != Draft && c.State != Checking {
			return stateError(c)
		}
		return tx.PutCampaignChunk(ctx, ch)
	})
}

// open reads the rows of a chunk.
func (x *Desk) open(ch *Chunk) (rows []row, err error) {
	plain, err := x.Keys.Open(vault.PurposeRows, ch.Content)
	if err == nil {
		err = json.Unmarshal(plain, &rows)
	}
	if err != nil {
		return nil, fmt.Errorf("campaign %d, chunk %d: %w", ch.CampaignID, ch.No, err)
	}
	return rows, nil
}

func stateError(c *Campaign) error {
	return sms.Errorf(sms.CampaignState, "path.id", "it is %s, or another upload is under way", c.State)
}
