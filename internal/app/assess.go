package app

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/assess"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Assess answers whether a 106 SMS business is lawful.
type Assess struct {
	Folder
	Party         string `help:"Whom to judge: its id, 统一社会信用代码 or name. Without it, the operator."`
	Questionnaire bool   `help:"Judge a plan by questions in place of a party: for those who own nothing yet."`
	Answers       string `help:"With --questionnaire: file of answers (YAML or JSON) in place of the terminal." type:"existingfile"`
	WriteAnswers  string `help:"Write an empty form of answers to this file and end." type:"path"`
	Format        string `help:"text, html or json." enum:"text,html,json" default:"text"`
	Lang          string `help:"zh, en or both." enum:"zh,en,both" default:"both"`
	Fail          bool   `help:"End with status 1 unless the verdict is lawful as far as is known."`
}

// assessment is what a report and an advice have in common.
type assessment interface {
	Text(l assess.Language) string
	HTML(l assess.Language) ([]byte, error)
}

// assessing is what an assessment asks, by the rulebook that the program carries.
func assessing() (*assess.Catalogue, error) {
	packs, err := rulebook.Builtin()
	if err != nil {
		return nil, err
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		return nil, err
	}
	return assess.Load(book)
}

// Run prints the assessment.
func (c *Assess) Run(ctx context.Context) error {
	catalogue, err := assessing()
	if err != nil {
		return err
	}
	if c.WriteAnswers != "" {
		if err := writeNew(c.WriteAnswers, catalogue.Form()); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "fill it in, then: zhunxin assess --questionnaire --answers %s\n", c.WriteAnswers)
		return nil
	}
	if c.Questionnaire || c.Answers != "" {
		answers, err := c.answers(catalogue, os.Stdin, os.Stderr)
		if err != nil {
			return err
		}
		advice := catalogue.Advise(answers, time.Now())
		return c.print(os.Stdout, advice, advice.Verdict)
	}
	report, err := c.judge(ctx, catalogue)
	if err != nil {
		return err
	}
	return c.print(os.Stdout, report, report.Verdict)
}

func (c *Assess) print(w io.Writer, a assessment, v assess.Verdict) (err error) {
	switch c.Format {
	case "html":
		var page []byte
		if page, err = a.HTML(assess.Language(c.Lang)); err == nil {
			_, err = w.Write(page)
		}
	case "json":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(a)
	default:
		_, err = io.WriteString(w, a.Text(assess.Language(c.Lang)))
	}
	if err == nil && c.Fail && v.Kind != assess.Lawful {
		err = errors.New(v.Text.En)
	}
	return err
}

// judge reads the data folder, beside a node that may be running.
func (c *Assess) judge(ctx context.Context, catalogue *assess.Catalogue) (report *assess.Report, err error) {
	cfg, err := c.settings()
	if err != nil {
		return nil, err
	}
	o, err := c.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w; to judge a plan without a platform: zhunxin assess --questionnaire", err)
	}
	defer func() { err = errors.Join(err, o.db.Close()) }()
	err = o.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		f := assess.Facts{Keep: cfg.Keep, Named: true}
		if f.At, err = tx.Now(ctx); err != nil {
			return err
		}
		if f.Registry, err = tx.Registry(ctx); err != nil {
			return err
		}
		party, err := findParty(f.Registry, c.Party)
		if err != nil {
			return err
		}
		if err := catalogue.Gather(ctx, tx, &f, party); err != nil {
			return err
		}
		report, err = catalogue.Assess(f, party)
		return err
	})
	return report, err
}

// findParty finds a party by its id, code or name; the operator by nothing.
func findParty(snap *registry.Snapshot, wanted string) (sms.ID, error) {
	var hits []sms.ID
	for id, p := range snap.Party {
		if wanted == "" && p.Kind == registry.Operator || wanted != "" && slices.Contains([]string{id.String(), p.USCC, p.Name}, wanted) {
			hits = append(hits, id)
		}
	}
	slices.Sort(hits)
	switch {
	case len(hits) == 1:
		return hits[0], nil
	case len(hits) > 1:
		return 0, fmt.Errorf("several parties answer to %q: give the id of one of %v", wanted, hits)
	case wanted == "":
		return 0, errors.New("this platform has no operator yet: make it by POST /v1/setup, or judge a plan: zhunxin assess --questionnaire")
	}
	var known strings.Builder
	for i, id := range sortedParties(snap) {
		if i == 50 {
			fmt.Fprintf(&known, "\n  … and %d more", len(snap.Party)-i)
			break
		}
		fmt.Fprintf(&known, "\n  %s  %s  %s %s", id, snap.Party[id].Kind, snap.Party[id].USCC, snap.Party[id].Name)
	}
	return 0, fmt.Errorf("no party has the id, code or name %q. There are:%s", wanted, &known)
}

func sortedParties(snap *registry.Snapshot) []sms.ID {
	ids := make([]sms.ID, 0, len(snap.Party))
	for id := range snap.Party {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// answers come from a file or from somebody at the terminal.
func (c *Assess) answers(catalogue *assess.Catalogue, in io.Reader, out io.Writer) (assess.Answers, error) {
	if c.Answers == "" {
		return c.ask(catalogue, in, out)
	}
	f, err := os.Open(c.Answers)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	b, err := io.ReadAll(io.LimitReader(f, assess.MaxAnswers+1))
	if err != nil {
		return nil, err
	}
	return catalogue.ReadAnswers(b)
}

// ask asks one question after the other. An empty line skips one, the end of input the rest.
func (c *Assess) ask(catalogue *assess.Catalogue, in io.Reader, out io.Writer) (assess.Answers, error) {
	l, a, lines := assess.Language(c.Lang), assess.Answers{}, bufio.NewScanner(in)
	for i, q := range catalogue.Questions() {
		fmt.Fprintf(out, "\n%d/%d %s\n", i+1, len(catalogue.Questions()), l.Of(q.Text, " "))
		for n, x := range q.Choices {
			fmt.Fprintf(out, "  %d) %s\n", n+1, l.Of(x.Both, " "))
		}
		for {
			fmt.Fprintf(out, "1-%d, %s > ", len(q.Choices), l.Of(rulebook.Both{Zh: "回车跳过", En: "Enter skips"}, " "))
			if !lines.Scan() {
				fmt.Fprintln(out)
				return a, lines.Err()
			}
			text := strings.TrimSpace(lines.Text())
			if text == "" {
				break
			}
			if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(q.Choices) {
				a[q.ID] = q.Choices[n-1].ID
				break
			}
		}
	}
	fmt.Fprintln(out)
	return a, nil
}
