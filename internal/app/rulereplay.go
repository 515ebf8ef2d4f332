package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/replay"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// RulebookReplay decides past decisions again under packs.
type RulebookReplay struct {
	Folder
	Files  []string `arg:"" type:"existingfile" help:"Packs to add, or to put in the place of one of the same name."`
	Since  string   `help:"How far back, such as 7d or 36h." default:"7d"`
	From   string   `help:"First day, such as 2026-11-01; instead of --since."`
	To     string   `help:"Day before which it ends; without it, now."`
	Resume string   `help:"File that holds how far it came: stopped, it goes on there." type:"path"`
	Format string   `help:"How the result is written." enum:"text,json" default:"text"`
}

// Run replays, and prints what would have been decided otherwise.
func (c *RulebookReplay) Run(ctx context.Context) (err error) {
	o, err := c.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, o.db.Close()) }()
	x, packs, err := c.drafts(ctx, o.db)
	if err != nil {
		return err
	}
	from, to, err := c.span(o.now())
	if err != nil {
		return err
	}
	f := resumeFile{path: c.Resume, packs: packs}
	run, err := f.load(from, to, c.From != "" || c.To != "")
	if err != nil {
		return err
	}
	began, first, told, last := time.Now(), run.Share(), time.Time{}, run.Tally.Decisions
	err = run.Go(ctx, x, func(ctx context.Context, from, to sms.ID, limit int) (list []sms.Decision, err error) {
		err = o.db.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
			list, err = tx.DecisionsBetween(ctx, from, to, limit)
			return err
		})
		return list, err
	}, func(r *replay.Run) {
		if time.Since(told) < time.Second && r.Next < r.To {
			return
		}
		told = time.Now()
		spent, done := told.Sub(began), r.Share()
		left := time.Duration(float64(spent) * (1 - done) / max(done-first, 1e-9)).Round(time.Second)
		fmt.Fprintf(os.Stderr, "\r%d decisions, %.0f/s, %.0f %%, %s left   ", r.Tally.Decisions, float64(r.Tally.Decisions-last)/spent.Seconds(), 100*done, left)
	})
	fmt.Fprintln(os.Stderr)
	if stored := f.store(run); err != nil || stored != nil {
		if errors.Is(err, context.Canceled) && c.Resume != "" && stored == nil {
			return fmt.Errorf("stopped at %s; the same command goes on there", run.Next.Time().In(rulebook.Shanghai).Format(time.DateTime))
		}
		return errors.Join(err, stored)
	}
	return c.print(os.Stdout, run)
}

// drafts loads the book that the node runs and the draft that the files make of it, and
// names the draft's bytes.
func (c *RulebookReplay) drafts(ctx context.Context, db *store.DB) (x *replay.Replayer, packs string, err error) {
	builtin, err := rulebook.Builtin()
	if err != nil {
		return nil, "", err
	}
	shelf, err := edition.NewShelf(builtin)
	if err != nil {
		return nil, "", err
	}
	more, _, err := readPacks(c.Files)
	if err != nil {
		return nil, "", err
	}
	names := map[string]bool{}
	for _, s := range more {
		p, err := rulebook.Parse(s.Text)
		if err != nil {
			return nil, "", err
		}
		names[p.Name] = true
	}
	var texts, stay *edition.Texts
	err = db.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		active, err := tx.ActiveRulePacks(ctx)
		if err != nil {
			return err
		}
		if texts, err = shelf.Read(ctx, tx, active); err != nil {
			return err
		}
		stay, err = shelf.Read(ctx, tx, slices.DeleteFunc(slices.Clone(active), func(p registry.RulePack) bool { return names[p.Name] }))
		return err
	})
	if err != nil {
		return nil, "", err
	}
	now, err := shelf.Compile(texts).Book()
	if err != nil {
		return nil, "", errors.Join(err, errors.Unwrap(err))
	}
	sources := append(stay.Sources(), more...)
	d, err := rulebook.Assemble(builtin, sources...)
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	for _, s := range sources {
		fmt.Fprintf(h, "%d\n", len(s.Text))
		h.Write(s.Text)
	}
	fmt.Fprintf(os.Stderr, "%s → %s\n", now.Versions(), d.Book.Versions())
	return replay.New(d.Book, now), hex.EncodeToString(h.Sum([]byte(d.Book.Versions()))), nil
}

// span is the range that is asked for.
func (c *RulebookReplay) span(now time.Time) (from, to sms.ID, err error) {
	day := func(s string) (sms.ID, error) {
		t, err := time.ParseInLocation(time.DateOnly, s, rulebook.Shanghai)
		if err != nil {
			return 0, fmt.Errorf("%q is not a day like 2026-11-01", s)
		}
		return sms.FirstID(t), nil
	}
	if to = sms.FirstID(now); c.To != "" {
		if to, err = day(c.To); err != nil {
			return 0, 0, err
		}
	}
	if c.From != "" {
		from, err = day(c.From)
	} else {
		var span time.Duration
		span, err = days(c.Since)
		from = sms.FirstID(now.Add(-span))
	}
	if err == nil && from >= to {
		err = errors.New("the range ends before it begins")
	}
	return from, to, err
}

// days reads a span such as 7d or 36h.
func days(s string) (time.Duration, error) {
	if n, ok := strings.CutSuffix(s, "d"); ok {
		if v, err := strconv.ParseUint(n, 10, 16); err == nil && v > 0 {
			return time.Duration(v) * 24 * time.Hour, nil
		}
	} else if v, err := time.ParseDuration(s); err == nil && v > 0 {
		return v, nil
	}
	return 0, fmt.Errorf("%q is not a span like 7d or 36h", s)
}

// resumeFile keeps a replay that was stopped, for the packs that it is about.
type resumeFile struct{ path, packs string }

type resumed struct {
	Packs string      `json:"packs"`
	Run   *replay.Run `json:"run"`
}

// load goes on where the file says, or begins. A range that is named must be the same.
func (f resumeFile) load(from, to sms.ID, named bool) (*replay.Run, error) {
	if f.path == "" {
		return replay.NewRun(from, to), nil
	}
	b, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return replay.NewRun(from, to), nil
	}
	if err != nil {
		return nil, err
	}
	r := resumed{Run: replay.NewRun(0, 0)}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	switch err := d.Decode(&r); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", f.path, err)
	case r.Packs != f.packs:
		return nil, fmt.Errorf("%s is of a replay of other packs: name another file", f.path)
	case named && (r.Run.From != from || r.Run.To != to):
		return nil, fmt.Errorf("%s is of a replay of another range: name another file", f.path)
	}
	return r.Run, nil
}

// store keeps a run, whole or as it was.
func (f resumeFile) store(run *replay.Run) error {
	if f.path == "" {
		return nil
	}
	b, err := json.Marshal(resumed{f.packs, run})
	if err != nil {
		return err
	}
	part := filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+".part")
	if err := os.WriteFile(part, b, 0o600); err != nil {
		return err
	}
	return os.Rename(part, f.path)
}

// kinds says what each kind of change is.
var kinds = []struct{ kind, zh, en string }{
	{"refused", "将被拦下", "newly stopped"},
	{"permitted", "将不再被可重放的规则拦下", "no longer stopped by any rule that can be replayed"},
	{"other", "将由另一条规则或以另一结果拦下", "stopped by another rule or in another way"},
}

func (c *RulebookReplay) print(w io.Writer, run *replay.Run) error {
	t := run.Tally
	t.Sort()
	if c.Format == "json" {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(struct {
			From time.Time `json:"from"`
			To   time.Time `json:"to"`
			*replay.Tally
		}{run.From.Time().In(rulebook.Shanghai), run.To.Time().In(rulebook.Shanghai), t})
	}
	day := func(id sms.ID) string { return id.Time().In(rulebook.Shanghai).Format(time.DateTime) }
	fmt.Fprintf(w, "%s – %s: %d 个决定 decisions, %d 条短信 messages\n", day(run.From), day(run.To), t.Decisions, t.Messages)
	for _, k := range kinds {
		fmt.Fprintf(w, "%s %s: %d\n", k.zh, k.en, t.Concerned(k.kind))
		for _, x := range t.Changes {
			if x.Kind == k.kind {
				fmt.Fprintf(w, "  %s → %s: %d messages of %d decisions, such as %v\n", x.Was, x.Is, x.Messages, x.Decisions, x.Examples)
			}
		}
	}
	if t.OtherPacks > 0 {
		fmt.Fprintf(w, "%d decisions were made under other packs than those in force now\n", t.OtherPacks)
	}
	for _, l := range t.Lacks {
		fmt.Fprintf(w, "not replayed: %s for %d decisions: %s\n", l.Rule, l.Decisions, l.Reason)
	}
	for _, name := range slices.Sorted(maps.Keys(t.Ignored)) {
		fmt.Fprintf(w, "ignored: the fact %s, which the packs do not know, %d times\n", name, t.Ignored[name])
	}
	return nil
}
