package consent

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	randv2 "math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/leaf"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// States of an import.
const (
	ImportOpen       = "open"       // declared, without rows
	ImportReceiving  = "receiving"  // the rows are on their way
	ImportChecking   = "checking"   // every row is read
	ImportSelecting  = "selecting"  // the sample is drawn
	ImportReview     = "review"     // a reviewer judges it
	ImportActivating = "activating" // rows become consents
	ImportActive     = "active"
	ImportRejected   = "rejected"
	ImportStopped    = "stopped"
)

// ImportTerminal tells whether nothing more happens to an import.
func ImportTerminal(state string) bool {
	return state == ImportActive || state == ImportRejected || state == ImportStopped
}

// List is an import: a list of consents that a customer hands over and declares to be true.
type List struct {
	ID          sms.ID
	GroupID     sms.ID
	PartyID     sms.ID
	WordingID   sms.ID
	Method      string
	Source      string
	Claims      string
	Declarant   string
	Declaration string
	KeyID       sms.ID // by what key it was declared
	StaffID     sms.ID // 0: a customer's key
	Seed        []byte
	State       string
	Columns     string
	FileHash    [32]byte
	Lines       int
	Good        int
	Bad         int
	Activated   int
	Repeated    int
	Chunks      int
	Done        int
	Whole       bool
	Why         string
	Claim       int64
	PhaseAt     int64
	CreatedAt   int64
}

// ListChunk is some lines of a list, sealed.
type Chunk struct {
	No      int
	First   int
	Good    int
	Content []byte
}

// Fault is a row that can't become a consent.
type Fault struct {
	Line   int
	Code   string // of a rule, or one of those of readRow
	Number string // masked
}

// Sampled is a row that a reviewer judges.
type Sampled struct {
	Line    int
	State   string // '' | ok | failed
	Reason  string
	ByStaff sms.ID
	At      int64
}

// Judged counts the sample.
type Judged struct{ Sampled, Judged, Failed int }

// ImportTx is what imports need of a transaction.
type ImportTx interface {
	Tx
	PeopleTx
	WordingTx
	Now(ctx context.Context) (time.Time, error)
	AppendLeaf(ctx context.Context, id sms.ID, kind string, at int64, hashes [][32]byte) error
	Grants(ctx context.Context, group sms.ID, ids [][16]byte, each func(Grant)) error
	InsertImport(ctx context.Context, l List) error
	SaveImport(ctx context.Context, l List, from string) (bool, error)
	Import(ctx context.Context, id sms.ID) (*List, error)
	ImportsOf(ctx context.Context, group sms.ID) ([]List, error)
	ImportsIn(ctx context.Context, state string) ([]List, error)
	ImportsToEmpty(ctx context.Context) ([]List, error)
	ImportsDue(ctx context.Context, at int64) ([]sms.ID, error)
	ClaimImport(ctx context.Context, id sms.ID, claim, at, until int64) (bool, error)
	PutListChunk(ctx context.Context, id sms.ID, c Chunk) error
	ListChunk(ctx context.Context, id sms.ID, no int) (Chunk, error)
	ChunkGoods(ctx context.Context, id sms.ID) ([]int, error)
	SetChunkGood(ctx context.Context, id sms.ID, no, good int) error
	EmptyChunks(ctx context.Context, id sms.ID, from, limit int) (int, error)
	InsertFaults(ctx context.Context, id sms.ID, list []Fault) error
	Faults(ctx context.Context, id sms.ID, after, limit int) ([]Fault, error)
	InsertSample(ctx context.Context, id sms.ID, lines []int) error
	Sample(ctx context.Context, id sms.ID, after, limit int) ([]Sampled, error)
	JudgeSample(ctx context.Context, id sms.ID, s Sampled) (bool, error)
	CountSample(ctx context.Context, id sms.ID) (Judged, error)
}

// ImportStore runs the transactions of imports.
type ImportStore interface {
	Write(ctx context.Context, fn func(context.Context, ImportTx) error) error
	Read(ctx context.Context, fn func(context.Context, ImportTx) error) error
}

// ImportRecord is what happened to an import, as evidence (CNS-04).
func ImportRecord(l *List, what string, by sms.ID, at int64) leaf.Record {
	return leaf.New(KindImport, int64(l.ID), at,
		leaf.Int("activated", int64(l.Activated)),
		leaf.Int("by_staff", int64(by)),
		leaf.Str("claims", l.Claims),
		leaf.Int("declared_by_key", int64(l.KeyID)),
		leaf.Str("declarant", l.Declarant),
		leaf.Hash("declaration", sha256.Sum256([]byte(l.Declaration))),
		leaf.Hash("file", l.FileHash),
		leaf.Int("good", int64(l.Good)),
		leaf.Int("lines", int64(l.Lines)),
		leaf.Str("method", l.Method),
		leaf.Int("party", int64(l.PartyID)),
		leaf.Str("source", l.Source),
		leaf.Str("what", what),
		leaf.Str("why", l.Why),
		leaf.Int("wording", int64(l.WordingID)),
	)
}

// Importer takes lists in, and works on them in the background. Several nodes may: one of
// them claims a list at a time.
type Importer struct {
	Store ImportStore
	Keys  *vault.Keys
	IDs   *sms.IDs
	// InForce is the rulebook in force now, or why this node has none.
	InForce func(ctx context.Context) (*rulebook.Book, error)
}

func (x *Importer) recorder(tx ImportTx) Recorder {
	return func(ctx context.Context, kind string, at int64, hashes [][32]byte) (sms.ID, error) {
		id := x.IDs.Next()
		return id, tx.AppendLeaf(ctx, id, kind, at, hashes)
	}
}

// move changes an import that is in a state, with evidence of it.
func (x *Importer) move(ctx context.Context, tx ImportTx, l *List, from, what string, by sms.ID, at int64) error {
	l.PhaseAt, l.Done = at, 0
	if ok, err := tx.SaveImport(ctx, *l, from); err != nil || !ok {
		return orMoved(err)
	}
	return note(ctx, tx, x.recorder(tx), at, ImportRecord(l, what, by, at))
}

func orMoved(err error) error {
	if err == nil {
		err = sms.Errorf(sms.ImportState, "", "somebody else has changed it")
	}
	return err
}

// Declare opens an import. What it states must be consent in law; the wording can't be
// changed from here on.
func (x *Importer) Declare(ctx context.Context, tx ImportTx, l *List, s *Statement) ([]rulebook.Finding, error) {
	now, err := tx.Now(ctx)
	if err != nil {
		return nil, err
	}
	w, err := tx.UseWording(ctx, l.WordingID, l.GroupID, now.UnixMilli())
	if err != nil {
		return nil, err
	}
	if w == nil {
		return nil, noWording("body.wording_id")
	}
	book, err := x.InForce(ctx)
	if err != nil {
		return nil, err
	}
	s.Wording, s.GivenAt = w, w.Since
	if found := s.Judge(book, now); len(found) > 0 {
		return found, nil
	}
	l.ID, l.State, l.CreatedAt, l.PhaseAt = x.IDs.Next(), ImportOpen, now.UnixMilli(), now.UnixMilli()
	l.Claims = strings.TrimPrefix(s.Claims()+",import="+l.ID.String(), ",")
	l.Seed = make([]byte, 16)
	_, _ = rand.Read(l.Seed) // it never fails: the program ends instead
	if err := tx.InsertImport(ctx, *l); err != nil {
		return nil, err
	}
	return nil, note(ctx, tx, x.recorder(tx), l.CreatedAt, ImportRecord(l, "declared", l.StaffID, l.CreatedAt))
}

// Receive stores the rows of an import, each chunk sealed before it is written.
func (x *Importer) Receive(ctx context.Context, l *List, from io.Reader) error {
	at := func(fn func(ctx context.Context, tx ImportTx, at int64) error) error {
		return x.Store.Write(ctx, func(ctx context.Context, tx ImportTx) error {
			now, err := tx.Now(ctx)
			if err != nil {
				return err
			}
			return fn(ctx, tx, now.UnixMilli())
		})
	}
	if err := at(func(ctx context.Context, tx ImportTx, _ int64) error {
		l.State = ImportReceiving
		if ok, err := tx.SaveImport(ctx, *l, ImportOpen); err != nil || !ok {
			return orMoved(err)
		}
		return nil
	}); err != nil {
		return err
	}
	hash := sha256.New()
	lines, chunks, err := ReadList(io.TeeReader(from, hash), func(columns []string, no, first int, lines []byte) error {
		l.Columns = strings.Join(columns, ",")
		c := Chunk{No: no, First: first, Content: x.Keys.Seal(vault.PurposeList, lines)}
		l.Chunks = no + 1
		return at(func(ctx context.Context, tx ImportTx, _ int64) error {
			if ok, err := tx.SaveImport(ctx, *l, ImportReceiving); err != nil || !ok { // it was stopped
				return orMoved(err)
			}
			return tx.PutListChunk(ctx, l.ID, c)
		})
	})
	if err != nil { // the same import may be tried again; what came is written over
		ctx = context.WithoutCancel(ctx)
		l.State = ImportOpen
		return errors.Join(err, at(func(ctx context.Context, tx ImportTx, _ int64) error {
			_, err := tx.SaveImport(ctx, *l, ImportReceiving)
			return err
		}))
	}
	l.Lines, l.Chunks, l.State = lines, chunks, ImportChecking
	copy(l.FileHash[:], hash.Sum(nil))
	return at(func(ctx context.Context, tx ImportTx, at int64) error {
		if _, err := tx.EmptyChunks(ctx, l.ID, chunks, MaxListLines); err != nil { // of an attempt that broke
			return err
		}
		return x.move(ctx, tx, l, ImportReceiving, "received", l.StaffID, at)
	})
}

// Stop ends an import by its owner, or by somebody of the staff for them; consents that it has
// given already stand.
func (x *Importer) Stop(ctx context.Context, tx ImportTx, l *List, by sms.ID, at int64) error {
	from := l.State
	l.State = ImportStopped
	return x.move(ctx, tx, l, from, "stopped", by, at)
}

// Reject ends an import by a reviewer.
func (x *Importer) Reject(ctx context.Context, tx ImportTx, l *List, by sms.ID, why string, at int64) error {
	l.State, l.Why = ImportRejected, why
	return x.move(ctx, tx, l, ImportReview, "rejected", by, at)
}

// Widen has every row reviewed.
func (x *Importer) Widen(ctx context.Context, tx ImportTx, l *List, by sms.ID, at int64) error {
	l.State, l.Whole = ImportSelecting, true
	return x.move(ctx, tx, l, ImportReview, "all rows to be reviewed", by, at)
}

// Decide stores what a reviewer found, and activates the list when the rules are content.
func (x *Importer) Decide(ctx context.Context, tx ImportTx, l *List, list []Sampled, now time.Time) error {
	if ok, err := tx.SaveImport(ctx, *l, ImportReview); err != nil || !ok { // so that nobody else decides at once
		return orMoved(err)
	}
	for _, s := range list {
		s.At = now.UnixMilli()
		if ok, err := tx.JudgeSample(ctx, l.ID, s); err != nil {
			return err
		} else if !ok {
			return sms.Errorf(sms.BadRequest, "body.rows", "line %d is not in the sample, or was judged already", s.Line)
		}
	}
	n, err := tx.CountSample(ctx, l.ID)
	if err != nil {
		return err
	}
	book, err := x.InForce(ctx)
	if err != nil {
		return err
	}
	if n.Judged < n.Sampled || len(sampleStands(book, l.Good, n.Judged, n.Failed, now)) > 0 {
		return nil
	}
	l.State = ImportActivating
	return x.move(ctx, tx, l, ImportReview, "approved", list[0].ByStaff, now.UnixMilli())
}

func sampleStands(book *rulebook.Book, rows, judged, failed int, now time.Time) []rulebook.Finding {
	return book.Judge(rulebook.ObjectSample, map[string]any{"sample.rows": int64(rows), "sample.judged": int64(judged), "sample.failed": int64(failed)}, now)
}

// sampleSize is the smallest sample that the rules are content with.
func sampleSize(book *rulebook.Book, rows int, now time.Time) int {
	lo, hi := 0, rows
	for lo < hi {
		if k := (lo + hi) / 2; len(sampleStands(book, rows, k, 0, now)) == 0 {
			hi = k
		} else {
			lo = k + 1
		}
	}
	return lo
}

// picks are the places of a sample among n good rows, in order: every set of k is as likely
// as any other, and the seed alone decides which it is.
func picks(seed []byte, n, k int) []int {
	rng := randv2.New(randv2.NewPCG(binary.BigEndian.Uint64(seed), binary.BigEndian.Uint64(seed[8:])))
	moved := map[int]int{}
	at := func(i int) int {
		if v, ok := moved[i]; ok {
			return v
		}
		return i
	}
	out := make([]int, 0, k)
	for i := range k {
		j := i + rng.IntN(n-i)
		out = append(out, at(j))
		moved[j] = at(i)
	}
	slices.Sort(out)
	return out
}
