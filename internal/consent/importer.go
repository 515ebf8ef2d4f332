package consent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Work on lists: how often it is looked for, and for how long a node has a list to itself
// after each step.
const (
	workEvery = time.Second
	claimTime = time.Minute
)

// errLost says that a list was stopped, or taken over, since the step began.
var errLost = errors.New("the list is somebody else's")

// Run works on lists until ctx ends.
func (x *Importer) Run(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(workEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := x.Work(ctx); err != nil && ctx.Err() == nil {
			logger.Error("lists of consents", "err", err)
		}
	}
}

// Work does what is due now. A list that can't be worked on does not keep the others from it.
func (x *Importer) Work(ctx context.Context) error {
	var due []sms.ID
	err := x.Store.Read(ctx, func(ctx context.Context, tx ImportTx) error {
		now, err := tx.Now(ctx)
		if err == nil {
			due, err = tx.ImportsDue(ctx, now.UnixMilli())
		}
		return err
	})
	for _, id := range due {
		if one := x.work(ctx, id); one != nil && !errors.Is(one, errLost) {
			err = errors.Join(err, fmt.Errorf("list %d: %w", id, one))
		}
	}
	return errors.Join(err, x.empty(ctx))
}

// emptyAtOnce is how many chunks one transaction destroys.
const emptyAtOnce = 20

// empty destroys what is left of lists that were rejected or stopped.
func (x *Importer) empty(ctx context.Context) error {
	for ctx.Err() == nil {
		left := 0
		err := x.Store.Write(ctx, func(ctx context.Context, tx ImportTx) error {
			list, err := tx.ImportsToEmpty(ctx)
			if left = len(list); err != nil || left == 0 {
				return err
			}
			l := list[0]
			if _, err := tx.EmptyChunks(ctx, l.ID, l.Done, emptyAtOnce); err != nil {
				return err
			}
			l.Done = min(l.Done+emptyAtOnce, l.Chunks)
			_, err = tx.SaveImport(ctx, l, l.State)
			return err
		})
		if err != nil || left == 0 {
			return err
		}
	}
	return ctx.Err()
}

// work claims a list and takes it as far as it goes.
func (x *Importer) work(ctx context.Context, id sms.ID) error {
	claim := int64(x.IDs.Next())
	claimed := false
	err := x.Store.Write(ctx, func(ctx context.Context, tx ImportTx) error {
		now, err := tx.Now(ctx)
		if err == nil {
			claimed, err = tx.ClaimImport(ctx, id, claim, now.UnixMilli(), now.Add(claimTime).UnixMilli())
		}
		return err
	})
	if err != nil || !claimed {
		return err
	}
	for ctx.Err() == nil {
		var l *List
		var w *Wording
		err := x.Store.Read(ctx, func(ctx context.Context, tx ImportTx) (err error) {
			if l, err = tx.Import(ctx, id); err == nil {
				w, err = tx.Wording(ctx, l.WordingID)
			}
			return err
		})
		if err != nil {
			return err
		}
		if l.Claim != claim {
			return errLost
		}
		switch l.State {
		case ImportChecking:
			err = x.check(ctx, l, w)
		case ImportSelecting:
			err = x.choose(ctx, l, w)
		case ImportActivating:
			err = x.activate(ctx, l, w)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// step runs a transaction that takes a list further, if it is still this node's.
func (x *Importer) step(ctx context.Context, l *List, fn func(ctx context.Context, tx ImportTx, now time.Time) error) error {
	from := l.State
	next := *l
	err := x.Store.Write(ctx, func(ctx context.Context, tx ImportTx) error {
		*l = next // the transaction may run again
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		if ok, err := tx.ClaimImport(ctx, l.ID, l.Claim, 0, now.Add(claimTime).UnixMilli()); err != nil || !ok {
			return orLost(err)
		}
		if err := fn(ctx, tx, now); err != nil {
			return err
		}
		if l.State != from { // it was moved
			return nil
		}
		l.Done++
		if ok, err := tx.SaveImport(ctx, *l, from); err != nil || !ok {
			return orLost(err)
		}
		return nil
	})
	return err
}

func orLost(err error) error {
	if err == nil {
		err = errLost
	}
	return err
}

// rows reads a chunk as of the moment at which the list was declared, so that every reading
// finds the same.
func (x *Importer) rows(ctx context.Context, l *List, w *Wording, no int) ([]row, error) {
	var c Chunk
	err := x.Store.Read(ctx, func(ctx context.Context, tx ImportTx) (err error) {
		c, err = tx.ListChunk(ctx, l.ID, no)
		return err
	})
	if err != nil {
		return nil, err
	}
	book, err := x.InForce(ctx)
	if err != nil {
		return nil, err
	}
	plain, err := x.Keys.Open(vault.PurposeList, c.Content)
	if err != nil {
		return nil, fmt.Errorf("chunk %d: %w", no, err)
	}
	columns, declared := strings.Split(l.Columns, ","), time.UnixMilli(l.CreatedAt)
	verdicts, seen := map[[2]bool]string{}, map[sms.MSISDN]bool{}
	var out []row
	for i, line := range bytes.Split(bytes.TrimSuffix(plain, []byte("\n")), []byte("\n")) {
		r := readRow(columns, line, c.First+i)
		if r.fault == "" {
			k := [2]bool{r.given > l.CreatedAt, r.given < w.Since}
			if _, ok := verdicts[k]; !ok {
				s := Statement{Method: l.Method, Source: l.Source, Wording: w, GivenAt: r.given}
				s.read(l.Claims)
				verdicts[k] = ""
				if found := s.Judge(book, declared); len(found) > 0 {
					verdicts[k] = found[0].Rule
				}
			}
			switch {
			case verdicts[k] != "":
				r.fault = verdicts[k]
			case w.Until(r.given) <= l.CreatedAt:
				r.fault = FaultExpired
			case seen[r.number]:
				r.fault = FaultRepeated
			}
			seen[r.number] = true
		}
		out = append(out, r)
	}
	return out, nil
}

// read takes back what Claims wrote.
func (s *Statement) read(claims string) {
	for _, c := range strings.Split(claims, ",") {
		switch name, value, _ := strings.Cut(c, "="); name {
		case "age":
			s.AgeBand = value
		case "kinds":
			s.Kinds = strings.Split(value, "+")
		case "guardian":
			s.Guardian = true
		case "recipient_named":
			s.RecipientNamed = true
		case "sensitive":
			s.Sensitive = strings.Split(value, "+")
		case "separate_consent":
			s.SeparateConsent = true
		}
	}
}

func good(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return r.fault != "" })
}

// maxFaults is how many are kept to be shown; more are only counted.
const maxFaults = 10_000

// check reads the next chunk of a list.
func (x *Importer) check(ctx context.Context, l *List, w *Wording) error {
	if l.Done == l.Chunks {
		return x.step(ctx, l, func(ctx context.Context, tx ImportTx, now time.Time) error {
			l.State = ImportSelecting
			return x.move(ctx, tx, l, ImportChecking, "checked", 0, now.UnixMilli())
		})
	}
	rows, err := x.rows(ctx, l, w, l.Done)
	if err != nil {
		return err
	}
	var faults []Fault
	for i := range rows {
		if r := &rows[i]; r.fault != "" {
			f := Fault{Line: r.line, Code: r.fault}
			if r.fault != FaultColumns && r.fault != FaultNumber {
				f.Number = r.number.String()
			}
			faults = append(faults, f)
		}
	}
	return x.step(ctx, l, func(ctx context.Context, tx ImportTx, _ time.Time) error {
		if err := tx.InsertFaults(ctx, l.ID, faults[:min(len(faults), max(0, maxFaults-l.Bad))]); err != nil {
			return err
		}
		err := tx.SetChunkGood(ctx, l.ID, l.Done, len(rows)-len(faults))
		l.Good, l.Bad = l.Good+len(rows)-len(faults), l.Bad+len(faults)
		return err
	})
}

// choose draws the sample of the next chunk.
func (x *Importer) choose(ctx context.Context, l *List, w *Wording) error {
	var goods []int
	var now time.Time
	err := x.Store.Read(ctx, func(ctx context.Context, tx ImportTx) (err error) {
		if now, err = tx.Now(ctx); err == nil {
			goods, err = tx.ChunkGoods(ctx, l.ID)
		}
		return err
	})
	if err != nil {
		return err
	}
	book, err := x.InForce(ctx)
	if err != nil {
		return err
	}
	size := sampleSize(book, l.Good, now)
	if l.Whole {
		size = l.Good
	}
	chosen := picks(l.Seed, l.Good, size)
	before := 0
	for no, n := range goods {
		from, _ := slices.BinarySearch(chosen, before)
		to, _ := slices.BinarySearch(chosen, before+n)
		if no >= l.Done {
			if err := x.chooseFrom(ctx, l, w, chosen[from:to], before); err != nil {
				return err
			}
		}
		before += n
	}
	return x.step(ctx, l, func(ctx context.Context, tx ImportTx, now time.Time) error {
		if l.Good == 0 {
			l.State, l.Why = ImportRejected, "no row passes the checks"
			return x.move(ctx, tx, l, ImportSelecting, "rejected", 0, now.UnixMilli())
		}
		l.State = ImportReview
		return x.move(ctx, tx, l, ImportSelecting, "sample drawn", 0, now.UnixMilli())
	})
}

func (x *Importer) chooseFrom(ctx context.Context, l *List, w *Wording, chosen []int, before int) error {
	var lines []int
	if len(chosen) > 0 {
		rows, err := x.rows(ctx, l, w, l.Done)
		if err != nil {
			return err
		}
		rows = good(rows)
		for _, at := range chosen {
			lines = append(lines, rows[at-before].line)
		}
	}
	return x.step(ctx, l, func(ctx context.Context, tx ImportTx, _ time.Time) error { return tx.InsertSample(ctx, l.ID, lines) })
}

// activate makes consents of the next chunk: of its good rows but those that a reviewer
// found without proof.
func (x *Importer) activate(ctx context.Context, l *List, w *Wording) error {
	if l.Done == l.Chunks {
		return x.step(ctx, l, func(ctx context.Context, tx ImportTx, now time.Time) error {
			l.State = ImportActive
			return x.move(ctx, tx, l, ImportActivating, "activated", 0, now.UnixMilli())
		})
	}
	rows, err := x.rows(ctx, l, w, l.Done)
	if err != nil {
		return err
	}
	rows = good(rows)
	numbers := make([]sms.MSISDN, len(rows))
	for i := range rows {
		numbers[i] = rows[i].number
	}
	return x.step(ctx, l, func(ctx context.Context, tx ImportTx, now time.Time) error {
		if err := Know(ctx, tx, x.Keys, l.GroupID, numbers, now.UnixMilli()); err != nil {
			return err
		}
		grants, err := x.grants(ctx, tx, l, w, rows)
		if err != nil {
			return err
		}
		if len(grants) > 0 {
			if err := Add(ctx, tx, x.recorder(tx), grants, now.UnixMilli()); err != nil {
				return err
			}
		}
		l.Activated += len(grants)
		_, err = tx.EmptyChunks(ctx, l.ID, l.Done, 1)
		return err
	})
}

// grants are the consents of some rows, but of those that failed the review, and of people
// whom the list named before.
func (x *Importer) grants(ctx context.Context, tx ImportTx, l *List, w *Wording, rows []row) ([]Grant, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	failed := map[int]bool{}
	sample, err := tx.Sample(ctx, l.ID, rows[0].line-1, chunkLines)
	if err != nil {
		return nil, err
	}
	for _, s := range sample {
		failed[s.Line] = s.State == "failed"
	}
	ids, given := make([][16]byte, len(rows)), map[[16]byte]bool{}
	for i := range rows {
		ids[i] = x.Keys.PhoneID(rows[i].number)
	}
	if err := tx.Grants(ctx, l.GroupID, ids, func(g Grant) {
		if g.Claims == l.Claims {
			given[g.PhoneID] = true
		}
	}); err != nil {
		return nil, err
	}
	var out []Grant
	for i, r := range rows {
		switch {
		case failed[r.line]:
		case given[ids[i]]:
			l.Repeated++
		default:
			s := Statement{Method: l.Method, Source: l.Source, Wording: w, PerWeek: w.PerWeek, GivenAt: r.given, ValidTo: w.Until(r.given)}
			g := s.Grant(x.IDs.Next(), ids[i], l.GroupID, Import)
			g.Claims, g.ProofHash = l.Claims, sha256.Sum256([]byte(r.proof))
			out = append(out, g)
		}
	}
	return out, nil
}

// Shown is a row of the sample as a reviewer sees it.
type Shown struct {
	Sampled
	Number string // masked
	Given  int64
	Proof  string
}

// Show opens rows of the sample.
func (x *Importer) Show(ctx context.Context, l *List, w *Wording, list []Sampled) ([]Shown, error) {
	out := make([]Shown, len(list))
	read := map[int]row{}
	for i, s := range list {
		out[i].Sampled = s
		no := (s.Line - 2) / chunkLines
		if _, ok := read[s.Line]; !ok && !ImportTerminal(l.State) && (l.State != ImportActivating || no >= l.Done) {
			rows, err := x.rows(ctx, l, w, no)
			if err != nil {
				return nil, err
			}
			for _, r := range rows {
				read[r.line] = r
			}
		}
		if r, ok := read[s.Line]; ok {
			out[i].Number, out[i].Given, out[i].Proof = r.number.String(), r.given, r.proof
		}
	}
	return out, nil
}
