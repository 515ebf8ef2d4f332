package app

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// loadBook reads the built-in packs and any house packs after them.
func loadBook(files []string) (*rulebook.Book, error) {
	packs, err := rulebook.Builtin()
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		packs = append(packs, b)
	}
	return rulebook.Load(packs...)
}

// RulebookList prints the rules.
type RulebookList struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"House packs to add."`
}

// Run prints one paragraph for each rule, in the order of evaluation.
func (c *RulebookList) Run() error {
	book, err := loadBook(c.Files)
	if err != nil {
		return err
	}
	fmt.Println(book.Versions())
	for _, r := range book.Rules() {
		fmt.Printf("\n%s  %s  %s\n", r.ID, r.Title.Zh, r.Title.En)
		basis := make([]string, len(r.Basis))
		for i, b := range r.Basis {
			basis[i] = b.Instrument + " " + b.Article
		}
		fmt.Printf("  %s; %s, %s, status %s, from %s\n", strings.Join(basis, "; "), r.Layer, r.Outcome, r.Status, r.From.Format("2006-01-02"))
		fmt.Printf("  against: %s\n", strings.TrimSpace(r.Against))
		for _, name := range slices.Sorted(maps.Keys(r.Params)) {
			fmt.Printf("  %s = %d %s\n", name, r.Params[name].Value, r.Params[name].Unit)
		}
	}
	return nil
}

// RulebookTest runs the rules' own examples.
type RulebookTest struct {
	Files []string `arg:"" optional:"" type:"existingfile" help:"House packs to add."`
}

// Run fails when an example does.
func (c *RulebookTest) Run() error {
	book, err := loadBook(c.Files)
	if err != nil {
		return err
	}
	examples := 0
	for _, r := range book.Rules() {
		examples += len(r.Examples)
	}
	failed := book.RunExamples("")
	for _, f := range failed {
		fmt.Println(f)
	}
	fmt.Printf("%s: %d rules, %d examples, %d failed\n", book.Versions(), len(book.Rules()), examples, len(failed))
	if len(failed) > 0 {
		return errors.New("the rulebook's examples failed")
	}
	return nil
}
