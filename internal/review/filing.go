package review

import (
	"context"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// KindFiling is the evidence of a step of a filing 报备.
const KindFiling = "filing"

// File takes one step of a signature's filing with a carrier.
func (d *Desk) File(ctx context.Context, tx Tx, signature sms.ID, c sms.Carrier, m registry.FilingMove) (registry.Filing, error) {
	var f registry.Filing
	if err := tx.LockReviews(ctx); err != nil {
		return f, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return f, err
	}
	m.At = now.UnixMilli()
	f, ended, record, err := file(ctx, tx, snap, signature, c, m)
	if err != nil {
		return f, err
	}
	if err := evlog.Append(ctx, tx, d.IDs, m.At, record); err != nil || !ended {
		return f, err
	}
	_, err = tx.Revoke(ctx, sms.Revocation{Kind: "filing", ObjectID: int64(signature), At: m.At})
	return f, err
}

// file takes the step. ended tells that an approval ended or became another.
func file(ctx context.Context, tx Tx, snap *registry.Snapshot, signature sms.ID, c sms.Carrier, m registry.FilingMove) (f registry.Filing, ended bool, record leaf.Record, err error) {
	s := snap.Signature[signature]
	if s == nil {
		return f, false, record, sms.Errorf(sms.NotFound, "path.id", "no signature has this id")
	}
	if m.To == registry.Submitted && s.State != registry.Approved {
		return f, false, record, sms.Errorf(sms.FilingState, "body.state", "the signature is %s: what nobody has approved is not filed", s.State)
	}
	if old := snap.Filing(signature, c); old != nil {
		f = *old
	} else {
		f = registry.Filing{SignatureID: signature, Carrier: c}
	}
	was := f.State
	if err := f.Move(m); err != nil {
		return f, false, record, err
	}
	if err := tx.Put(ctx, f); err != nil {
		return f, false, record, err
	}
	return f, was == registry.Approved, leaf.New(KindFiling, int64(signature), m.At,
		leaf.Str("carrier", string(c)),
		leaf.Hash("signature", hash([]byte(s.Text))),
		leaf.Str("from", was),
		leaf.Str("to", m.To),
		leaf.Int("batch", int64(f.Batch)),
		leaf.Str("reason", f.Reason),
		leaf.Hash("reference", hash([]byte(f.Reference))),
		leaf.Int("valid_from", f.From),
		leaf.Int("valid_to", f.To),
		leaf.Int("by_staff", int64(m.By)),
	), nil
}

// SubmitSheet takes what waits for a carrier into a sheet: what stands in it is with the carrier from now on.
func (d *Desk) SubmitSheet(ctx context.Context, tx Tx, c sms.Carrier, batch, by sms.ID) ([]registry.SheetRow, error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, err
	}
	rows := snap.Sheet(c, 0)
	var last sms.ID
	var records []leaf.Record
	for i := range rows {
		id := rows[i].Signature.ID
		if id == last {
			continue
		}
		last = id
		_, _, record, err := file(ctx, tx, snap, id, c, registry.FilingMove{To: registry.Submitted, By: by, At: now.UnixMilli(), Batch: batch})
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	if len(records) == 0 {
		return nil, sms.Errorf(sms.NotFound, "body.carrier", "nothing waits to be filed with this carrier: a signature must be approved and have a sub-code there")
	}
	return rows, evlog.Append(ctx, tx, d.IDs, now.UnixMilli(), records...)
}

// AnswerLine is a line of a carrier's answer and what becomes of it.
type AnswerLine struct {
	registry.FilingAnswer
	SignatureID sms.ID `json:"signature_id,omitempty"`
	Party       string `json:"party,omitempty"`
	From        string `json:"state_before,omitempty"`
	To          string `json:"state_after,omitempty"`
}

// Answer applies a carrier's answer: the whole of it, or nothing when a line of it can't be.
// The lines say which. dry applies nothing.
func (d *Desk) Answer(ctx context.Context, tx Tx, c sms.Carrier, answers []registry.FilingAnswer, by sms.ID, dry bool) (lines []AnswerLine, applied bool, err error) {
	if err := tx.LockReviews(ctx); err != nil {
		return nil, false, err
	}
	snap, now, err := begin(ctx, tx)
	if err != nil {
		return nil, false, err
	}
	sound, seen := true, map[sms.ID]int{}
	moves := make([]registry.FilingMove, len(answers))
	for i, a := range answers {
		line := AnswerLine{FilingAnswer: a}
		if line.Err == "" {
			line.Err = match(snap, c, &line, seen)
		}
		if line.Err == "" {
			m := &moves[i]
			*m = registry.FilingMove{To: a.Result, By: by, At: now.UnixMilli(), Reason: a.Reason, Note: a.Note, Period: a.Period}
			if m.To == registry.Approved && m.From == 0 {
				m.From = m.At
			}
			trial := *snap.Filing(line.SignatureID, c)
			if err := trial.Move(*m); err != nil {
				line.Err = err.Error()
			}
			line.To = trial.State
		}
		sound = sound && line.Err == ""
		lines = append(lines, line)
	}
	if dry || !sound || len(lines) == 0 {
		return lines, false, nil
	}
	return lines, true, d.applyAnswer(ctx, tx, snap, c, lines, moves)
}

func (d *Desk) applyAnswer(ctx context.Context, tx Tx, snap *registry.Snapshot, c sms.Carrier, lines []AnswerLine, moves []registry.FilingMove) error {
	revoked, records := int64(0), make([]leaf.Record, len(lines))
	for i := range lines {
		_, ended, record, err := file(ctx, tx, snap, lines[i].SignatureID, c, moves[i])
		if err != nil {
			return err
		}
		if records[i] = record; ended {
			revoked = int64(lines[i].SignatureID)
		}
	}
	if err := evlog.Append(ctx, tx, d.IDs, moves[0].At, records...); err != nil || revoked == 0 {
		return err
	}
	// One entry sends everything that waits back to the gate.
	_, err := tx.Revoke(ctx, sms.Revocation{Kind: "filing", ObjectID: revoked, At: moves[0].At})
	return err
}

// match finds whose filing a line answers, or says why it is nobody's.
func match(snap *registry.Snapshot, c sms.Carrier, line *AnswerLine, seen map[sms.ID]int) string {
	var f *registry.Filing
	if line.Reference != "" {
		parts := strings.Split(line.Reference, "-")
		if len(parts) != 3 || parts[0] != "ZX" {
			return "its reference is none of ours: ZX-<batch>-<signature>"
		}
		batch, err1 := sms.ParseID(parts[1])
		signature, err2 := sms.ParseID(parts[2])
		if f = snap.Filing(signature, c); err1 != nil || err2 != nil || f == nil {
			return "no filing with this carrier has its reference"
		}
		if f.Batch != batch {
			return "it answers another sheet than the one by which the signature was last submitted"
		}
	} else {
		for _, s := range snap.Signature {
			if x := snap.Filing(s.ID, c); x != nil && s.Text == line.Signature && x.Batch != 0 {
				if f != nil {
					return "several parties have filed this signature: only a reference tells whose it is"
				}
				f = x
			}
		}
		if f == nil {
			return "no filing with this carrier is of its signature"
		}
	}
	s := snap.Signature[f.SignatureID]
	if line.Signature != "" && line.Signature != s.Text {
		return "its reference is of another signature"
	}
	if first, twice := seen[s.ID]; twice {
		return "line " + strconv.Itoa(first) + " answers the same filing"
	}
	seen[s.ID] = line.Row
	line.SignatureID, line.Signature, line.Party, line.From = s.ID, s.Text, snap.Party[s.PartyID].Name, f.State
	return ""
}
