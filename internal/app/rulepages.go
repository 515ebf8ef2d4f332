package app

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// RulebookPages writes the documentation of the rules that the program carries.
type RulebookPages struct {
	Folder string `arg:"" type:"existingdir" help:"Where to; pages that are there are written anew."`
}

// Run writes the coverage table and a page for each rule.
func (c *RulebookPages) Run() error {
	pages, err := rulePages()
	if err != nil {
		return err
	}
	for _, p := range pages {
		if err := os.WriteFile(filepath.Join(c.Folder, p.Name), []byte(p.Text), 0o644); err != nil { //nolint:gosec // documentation is for everybody
			return err
		}
	}
	fmt.Printf("%d pages in %s\n", len(pages), c.Folder)
	return nil
}

func rulePages() ([]rulebook.Page, error) {
	d, err := redraft(nil)
	if err != nil {
		return nil, err
	}
	return d.Book.Pages(d.Cases)
}
