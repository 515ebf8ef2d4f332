package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/zhunxin/zhunxin/internal/routing"
)

// segmentFile is a list of number segments with where it comes from.
type segmentFile struct {
	File   string `arg:"" type:"existingfile" help:"Lines of a segment of seven digits, a comma and a province (1390000,北京), or phone.dat of the package phone of PyPI."`
	Source string `required:"" help:"Where it comes from, with its version."`
	Date   string `required:"" help:"Of when it is, such as 2026-11."`
}

func (f *segmentFile) read() (*routing.Segments, error) {
	info, err := os.Stat(f.File)
	if err != nil {
		return nil, err
	}
	if info.Size() > routing.MaxSegmentBytes {
		return nil, fmt.Errorf("%s has %d bytes, the most is %d", f.File, info.Size(), routing.MaxSegmentBytes)
	}
	b, err := os.ReadFile(f.File)
	if err != nil {
		return nil, err
	}
	if filepath.Ext(f.File) == ".dat" {
		return routing.ReadPhoneDat(b, f.Source, f.Date)
	}
	return routing.ReadSegments(bytes.NewReader(b), f.Source, f.Date)
}

// NumbersBuild makes the table of number segments that the program carries.
type NumbersBuild struct {
	segmentFile
	Out string `arg:"" help:"Where the table is written to."`
}

// Run builds it.
func (c *NumbersBuild) Run() error {
	s, err := c.read()
	if err != nil {
		return err
	}
	b, err := s.Encode()
	if err != nil {
		return err
	}
	fmt.Printf("%d segments, %d bytes in %s\n", s.Known(), len(b), c.Out)
	return os.WriteFile(c.Out, b, 0o644) //nolint:gosec // public facts
}

// NumbersImport gives a running node another table.
type NumbersImport struct {
	Remote
	segmentFile
}

// Run imports it.
func (c *NumbersImport) Run(ctx context.Context) error {
	s, err := c.read()
	if err != nil {
		return err
	}
	b, err := s.Encode()
	if err != nil {
		return err
	}
	var out struct {
		Source   string
		Date     string
		Segments int
	}
	if err := c.call(ctx, http.MethodPut, "/v1/admin/number-segments", map[string]any{"table": b}, &out); err != nil {
		return err
	}
	fmt.Printf("%d segments of %s (%s) are in use on all nodes\n", out.Segments, out.Source, out.Date)
	return nil
}
