// Package campaign 群发任务 sends one approved wording to many people: rows are loaded in parts
// and sealed, the campaign is judged as a whole, and then submitted to the gate chunk by chunk.
// Each chunk is decided on the facts of its moment, and marked as done by the transaction that
// decides it: whatever is killed, no row is decided twice.
package campaign

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/consent"
	"github.com/zhunxin/zhunxin/internal/evlog"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// States of a campaign.
const (
	Draft     = "draft"     // rows are loaded
	Checking  = "checking"  // every row is counted
	Ready     = "ready"     // it waits for its start
	Review    = "review"    // a rule holds it until a reviewer has decided
	Scheduled = "scheduled" // it starts at its time
	Running   = "running"
	Paused    = "paused"
	Done      = "done"
	Cancelled = "cancelled" // by its owner, or for its age
	Stopped   = "stopped"   // by a rule, a reviewer, or the operator
)

// MaxOpen is how many campaigns of a party may be under way.
const MaxOpen = 20

// Declaration is how the sender answers for a campaign. Order 74 Art. 21.
type Declaration struct {
	Name    string `json:"name"` // of the company
	USCC    string `json:"uscc"`
	Handler string `json:"handler"`
	Words   string `json:"words"`
	At      int64  `json:"at"`
}

// Terms are what a campaign is. They never change.
type Terms struct {
	Name        string       `json:"name"`
	TemplateID  sms.ID       `json:"template_id"`
	Version     int64        `json:"version"`
	Category    sms.Category `json:"category"`
	Signature   string       `json:"signature"`
	SendAt      int64        `json:"send_at,omitempty"`
	NotAfter    int64        `json:"not_after,omitempty"`
	Evidence    []sms.ID     `json:"evidence,omitempty"`
	Declaration Declaration  `json:"declaration"`
	Profiled    bool         `json:"profiled,omitempty"`
	Notice      string       `json:"notice,omitempty"`
}

// Estimate is what a campaign would come to when it was made ready.
type Estimate struct {
	Units       int            `json:"units"` // of all good rows
	Cost        sms.Money      `json:"cost"`  // at the prices of that moment, if all are sent
	Consecutive int            `json:"consecutive_percent"`
	Sampled     int            `json:"sampled"`
	Unconsented int            `json:"unconsented"` // of the sample
	Verdicts    map[string]int `json:"verdicts,omitempty"`
}

// Ruling is what stands against a campaign, and what a person decided about it.
type Ruling struct {
	Findings  []rulebook.Finding `json:"findings,omitempty"`
	Confirmed []string           `json:"confirmed,omitempty"` // rules that a reviewer confirmed
	Reason    string             `json:"reason,omitempty"`    // the reviewer's, or the operator's
	ByStaff   sms.ID             `json:"by_staff,omitzero"`
	Code      sms.Code           `json:"code,omitempty"` // why it paused or stopped
	Rule      string             `json:"rule,omitempty"`
}

// Tally counts rows by verdict.
type Tally struct {
	Verdicts map[string]int `json:"verdicts,omitempty"`
}

// Campaign is one.
type Campaign struct {
	ID            sms.ID   `db:"id"`
	ApplicationID sms.ID   `db:"application_id"`
	PartyID       sms.ID   `db:"party_id"`
	StaffID       sms.ID   `db:"staff_id"`
	KeyID         sms.ID   `db:"key_id"`
	State         string   `db:"state"`
	Terms         Terms    `db:"terms"`
	ListHash      []byte   `db:"list_hash"`
	Parts         int      `db:"parts"`
	Chunks        int      `db:"chunks"`
	Rows          int      `db:"row_count"`
	Good          int      `db:"good"`
	Done          int      `db:"done"`
	Estimate      Estimate `db:"estimate"`
	Ruling        Ruling   `db:"ruling"`
	Tally         Tally    `db:"tally"`
	AskedAt       int64    `db:"asked_at"`
	WaitUntil     int64    `db:"wait_until"`
	Claim         int64    `db:"claim"`
	ClaimedUntil  int64    `db:"claimed_until"`
	Emptied       bool     `db:"emptied"`
	PhaseAt       int64    `db:"phase_at"`
	PhaseDone     int      `db:"phase_done"`
	CreatedAt     int64    `db:"created_at"`
}

// Part is a file of rows that was loaded.
type Part struct {
	CampaignID sms.ID `db:"campaign_id"`
	No         int    `db:"no"`
	Hash       []byte `db:"hash"`
	Rows       int    `db:"row_count"`
	Good       int    `db:"good"`
}

// Chunk is some rows of a part, sealed.
type Chunk struct {
	CampaignID sms.ID `db:"campaign_id"`
	No         int    `db:"no"`
	Part       int    `db:"part"`
	First      int    `db:"first_line"`
	Rows       int    `db:"row_count"`
	Faults     []byte `db:"faults"`
	Content    []byte `db:"content"`
	Messages   []byte `db:"messages"`
}

// faultBytes is the room of a fault in a chunk: line, code, and the place of the variable, from 1.
const faultBytes = 6

// addFaults appends faults to those of a chunk.
func (c *Chunk) addFaults(names []string, list ...Fault) {
	for _, f := range list {
		c.Faults = binary.BigEndian.AppendUint32(c.Faults, uint32(f.Line)) //nolint:gosec // MaxRows
		variable := slices.Index(names, f.Variable) + 1
		if variable > math.MaxUint8 { // so many are not told apart
			variable = 0
		}
		c.Faults = append(c.Faults, byte(slices.Index(faultCodes, f.Code)), byte(variable))
	}
}

// FaultsOf are the rows of a chunk that can't be sent, in order. names are the variables of its
// template, perhaps unknown by now.
func (c *Chunk) FaultsOf(names []string) (out []Fault) {
	for b := c.Faults; len(b) >= faultBytes; b = b[faultBytes:] {
		f := Fault{Part: c.Part, Line: int(binary.BigEndian.Uint32(b))}
		if k := int(b[4]); k < len(faultCodes) {
			f.Code = faultCodes[k]
		}
		if v := int(b[5]); v > 0 && v <= len(names) {
			f.Variable = names[v-1]
		}
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b Fault) int { return a.Line - b.Line })
	return out
}

// Outcome is what became of a row.
type Outcome struct {
	Part, Line int
	Message    sms.ID
}

// OutcomesOf are what became of the rows of a chunk, once it was decided.
func (c *Chunk) OutcomesOf() (out []Outcome) {
	faulty := map[int]bool{}
	for _, f := range c.FaultsOf(nil) {
		faulty[f.Line] = true
	}
	b := c.Messages
	for line := c.First; line < c.First+c.Rows && len(b) >= 8; line++ {
		if !faulty[line] {
			out = append(out, Outcome{c.Part, line, sms.ID(binary.BigEndian.Uint64(b))}) //nolint:gosec // as FinishChunk wrote it
			b = b[8:]
		}
	}
	return out
}

// Tx is what campaigns need of a transaction.
type Tx interface {
	evlog.RecordAdder
	Now(ctx context.Context) (time.Time, error)
	InsertEvents(ctx context.Context, list []sms.Event) error
	Import(ctx context.Context, id sms.ID) (*consent.List, error)
	Wording(ctx context.Context, id sms.ID) (*consent.Wording, error)
	// Campaign reads one and, with lock, keeps others from it until commit; nil when there is none.
	Campaign(ctx context.Context, id sms.ID, lock bool) (*Campaign, error)
	SaveCampaign(ctx context.Context, c *Campaign) error
	Campaigns(ctx context.Context, application, before sms.ID, limit int) ([]Campaign, error)
	CampaignsIn(ctx context.Context, state string, limit int) ([]Campaign, error)
	CampaignsDue(ctx context.Context, states []string, claim, at int64) ([]sms.ID, error)
	CampaignsToEmpty(ctx context.Context, limit int) ([]sms.ID, error)
	CampaignsForgotten(ctx context.Context, before int64, limit int) ([]sms.ID, error)
	CountCampaigns(ctx context.Context, party sms.ID) (open, ended int, err error)
	CampaignPart(ctx context.Context, id sms.ID, no int) (*Part, error)
	PutCampaignPart(ctx context.Context, p Part) error
	CampaignChunk(ctx context.Context, id sms.ID, no int) (*Chunk, error)
	PutCampaignChunk(ctx context.Context, c *Chunk) error
	FaultyChunks(ctx context.Context, id sms.ID, from, limit int) ([]Chunk, error)
	EmptyCampaign(ctx context.Context, id sms.ID, limit int) (int, error)
	CountWaitingMessages(ctx context.Context, ids []sms.ID) (int, error)
}

// Store runs the transactions of campaigns.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// KindCampaign is the evidence of a step of a campaign, and the kind of its events.
const KindCampaign = "campaign"

// record is what happened to a campaign, as evidence. The digests of the declaration and of the
// list are keyed: nobody finds a name or a number by trying.
func (x *Desk) record(c *Campaign, step string, by sms.ID, at int64) (leaf.Record, error) {
	terms, err := json.Marshal(&c.Terms)
	if err != nil {
		return leaf.Record{}, err
	}
	declaration, err := json.Marshal(&c.Terms.Declaration)
	if err != nil {
		return leaf.Record{}, err
	}
	rules := make([]string, len(c.Ruling.Findings))
	for i := range c.Ruling.Findings {
		rules[i] = c.Ruling.Findings[i].Rule
	}
	var list [32]byte
	copy(list[:], c.ListHash)
	return leaf.New(KindCampaign, int64(c.ID), at,
		leaf.Int("application", int64(c.ApplicationID)),
		leaf.Int("by_staff", int64(by)),
		leaf.Str("code", string(c.Ruling.Code)),
		leaf.Str("confirmed", strings.Join(c.Ruling.Confirmed, ",")),
		leaf.Hash("declaration", x.Keys.PayloadHash(declaration)),
		leaf.Int("done", int64(c.Done)),
		leaf.Int("good", int64(c.Good)),
		leaf.Hash("list", list),
		leaf.Int("party", int64(c.PartyID)),
		leaf.Hash("reason", x.Keys.PayloadHash([]byte(c.Ruling.Reason))),
		leaf.Int("rows", int64(c.Rows)),
		leaf.Str("rules", strings.Join(rules, ",")),
		leaf.Str("state", c.State),
		leaf.Str("step", step),
		leaf.Hash("terms", x.Keys.PayloadHash(terms)),
	), nil
}
