package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/zhunxin/zhunxin/internal/campaign"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var (
	tCampaign      = tableOf("campaign", 1, campaign.Campaign{})
	tCampaignPart  = tableOf("campaign_part", 2, campaign.Part{})
	tCampaignChunk = tableOf("campaign_chunk", 2, campaign.Chunk{})
)

// Campaign reads one and, with lock, keeps others from it until commit; nil when there is none.
func (t *Tx) Campaign(ctx context.Context, id sms.ID, lock bool) (*campaign.Campaign, error) {
	return firstRow[campaign.Campaign](ctx, t, tCampaign, "WHERE id = ?"+t.locking(lock), int64(id))
}

// firstRow reads the first row that a clause chooses, or nil.
func firstRow[T any](ctx context.Context, tx *Tx, t table, clause string, args ...any) (*T, error) {
	var out []T
	if err := t.some(ctx, tx, &out, clause, args...); err != nil || len(out) == 0 {
		return nil, err
	}
	return &out[0], nil
}

// SaveCampaign stores one, new or changed by whoever has locked it.
func (t *Tx) SaveCampaign(ctx context.Context, c *campaign.Campaign) error {
	return tCampaign.put(ctx, t, c, "terms")
}

// Campaigns lists those of an application, newest first.
func (t *Tx) Campaigns(ctx context.Context, application, before sms.ID, limit int) (out []campaign.Campaign, err error) {
	err = tCampaign.some(ctx, t, &out, "WHERE application_id = ? AND id < ? ORDER BY id DESC LIMIT ?", int64(application), int64(before), int64(limit))
	return out, err
}

// CampaignsIn lists the oldest in a state that are not over.
func (t *Tx) CampaignsIn(ctx context.Context, state string, limit int) (out []campaign.Campaign, err error) {
	err = tCampaign.some(ctx, t, &out, "WHERE emptied = 0 AND state = ? ORDER BY phase_at, id LIMIT ?", state, int64(limit))
	return out, err
}

// CampaignsDue lists those in some states that a node may work on now.
func (t *Tx) CampaignsDue(ctx context.Context, states []string, claim, at int64) ([]sms.ID, error) {
	args := make([]any, 0, len(states)+3)
	for _, s := range states {
		args = append(args, s)
	}
	return t.campaignIDs(ctx, "state IN ('checking', 'scheduled', 'running') AND state IN ("+marks(len(states))+") AND wait_until <= ? AND (claim = ? OR claimed_until <= ?) ORDER BY id",
		append(args, at, claim, at)...)
}

// CampaignsToEmpty lists those that have ended and whose rows are still there.
func (t *Tx) CampaignsToEmpty(ctx context.Context, limit int) ([]sms.ID, error) {
	return t.campaignIDs(ctx, "emptied = 0 AND state IN ('done', 'cancelled', 'stopped') LIMIT ?", int64(limit))
}

// CampaignsForgotten lists those that wait for somebody since before a moment.
func (t *Tx) CampaignsForgotten(ctx context.Context, before int64, limit int) ([]sms.ID, error) {
	return t.campaignIDs(ctx, "emptied = 0 AND state IN ('draft', 'ready', 'review', 'paused') AND phase_at < ? LIMIT ?", before, int64(limit))
}

func (t *Tx) campaignIDs(ctx context.Context, where string, args ...any) (ids []sms.ID, err error) {
	err = t.Query(ctx, "SELECT id FROM campaign WHERE "+where, args, func(r *sql.Rows) error {
		var id sms.ID
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// CountCampaigns counts a party's campaigns: those under way, and those that came to their end.
func (t *Tx) CountCampaigns(ctx context.Context, party sms.ID) (open, ended int, err error) {
	err = t.One(ctx, `SELECT COALESCE(SUM(CASE WHEN state IN ('done', 'cancelled', 'stopped') THEN 0 ELSE 1 END), 0), COALESCE(SUM(CASE WHEN state = 'done' THEN 1 ELSE 0 END), 0)
		FROM campaign WHERE party_id = ?`, []any{int64(party)}, &open, &ended)
	return open, ended, err
}

// CountCampaignStates counts the campaigns that are not over, by state.
func (t *Tx) CountCampaignStates(ctx context.Context, each func(state string, n int)) error {
	return t.Query(ctx, "SELECT state, COUNT(*) FROM campaign WHERE emptied = 0 GROUP BY state", nil, func(r *sql.Rows) error {
		var state string
		var n int
		err := r.Scan(&state, &n)
		each(state, n)
		return err
	})
}

// CampaignPart reads a part, nil when there is none.
func (t *Tx) CampaignPart(ctx context.Context, id sms.ID, no int) (*campaign.Part, error) {
	return firstRow[campaign.Part](ctx, t, tCampaignPart, "WHERE campaign_id = ? AND no = ?", int64(id), int64(no))
}

// PutCampaignPart stores that a part was loaded.
func (t *Tx) PutCampaignPart(ctx context.Context, p campaign.Part) error {
	return tCampaignPart.put(ctx, t, p)
}

// CampaignChunk reads a chunk of rows.
func (t *Tx) CampaignChunk(ctx context.Context, id sms.ID, no int) (*campaign.Chunk, error) {
	c, err := firstRow[campaign.Chunk](ctx, t, tCampaignChunk, "WHERE campaign_id = ? AND no = ?", int64(id), int64(no))
	if err == nil && c == nil {
		err = fmt.Errorf("campaign %d has no chunk %d", id, no)
	}
	return c, err
}

// PutCampaignChunk stores a chunk of rows.
func (t *Tx) PutCampaignChunk(ctx context.Context, c *campaign.Chunk) error {
	return tCampaignChunk.put(ctx, t, c)
}

// FaultyChunks lists chunks from one on that hold rows with a fault.
func (t *Tx) FaultyChunks(ctx context.Context, id sms.ID, from, limit int) (out []campaign.Chunk, err error) {
	err = tCampaignChunk.some(ctx, t, &out, "WHERE campaign_id = ? AND no >= ? AND LENGTH(faults) > 0 ORDER BY no LIMIT ?", int64(id), int64(from), int64(limit))
	return out, err
}

// EmptyCampaign destroys the rows of some chunks, and tells of how many.
func (t *Tx) EmptyCampaign(ctx context.Context, id sms.ID, limit int) (int, error) {
	return t.ExecCount(ctx, `UPDATE campaign_chunk SET content = ? WHERE campaign_id = ? AND no IN
		(SELECT no FROM campaign_chunk WHERE campaign_id = ? AND LENGTH(content) > 0 ORDER BY no LIMIT ?)`, []byte{}, int64(id), int64(id), int64(limit))
}

// CountWaitingMessages counts those of some messages that wait for a channel.
func (t *Tx) CountWaitingMessages(ctx context.Context, ids []sms.ID) (n int, err error) {
	list := make([]any, len(ids))
	for i, id := range ids {
		list[i] = int64(id)
	}
	seen := map[sms.ID]bool{} // a list may be filled up with its last id
	err = t.in(ctx, "SELECT id FROM message WHERE id IN (%s) AND state IN ('permitted', 'queued')", nil, list, nil, func(r *sql.Rows) error {
		var id sms.ID
		err := r.Scan(&id)
		seen[id] = true
		return err
	})
	return len(seen), err
}

// LockChunk locks a campaign, and tells whether a chunk is the next one and the campaign runs at
// whoever has the claim.
func (t *Tx) LockChunk(ctx context.Context, id sms.ID, no int, claim int64) (bool, error) {
	var state string
	var done int
	var holder int64
	err := t.One(ctx, "SELECT state, done, claim FROM campaign WHERE id = ?"+t.locking(true), []any{int64(id)}, &state, &done, &holder)
	return state == campaign.Running && done == no && holder == claim, err
}

// FinishChunk marks a chunk of a locked campaign as done, with what became of its rows, which are
// destroyed.
func (t *Tx) FinishChunk(ctx context.Context, id sms.ID, no int, messages []sms.ID, verdicts map[string]int) error {
	var b []byte
	for _, m := range messages {
		b = binary.BigEndian.AppendUint64(b, uint64(m)) //nolint:gosec // ids are positive
	}
	if err := t.Exec(ctx, "UPDATE campaign_chunk SET content = ?, messages = ? WHERE campaign_id = ? AND no = ?", []byte{}, b, int64(id), int64(no)); err != nil {
		return err
	}
	var text string
	if err := t.One(ctx, "SELECT tally FROM campaign WHERE id = ?", []any{int64(id)}, &text); err != nil {
		return err
	}
	var tally campaign.Tally
	if err := json.Unmarshal([]byte(text), &tally); err != nil {
		return fmt.Errorf("tally of campaign %d: %w", id, err)
	}
	sum := maps.Clone(verdicts)
	for verdict, n := range tally.Verdicts {
		sum[verdict] += n
	}
	after, err := json.Marshal(campaign.Tally{Verdicts: sum})
	if err != nil {
		return err
	}
	return t.Exec(ctx, "UPDATE campaign SET done = ?, tally = ? WHERE id = ?", int64(no+1), string(after), int64(id))
}
