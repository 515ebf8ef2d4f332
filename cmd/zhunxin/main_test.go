package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// What is wrong with a command line is said in one line, with where to read more.
func TestWrongCommandLineGetsOneLine(t *testing.T) {
	for _, x := range []struct{ args, want, hint string }{
		{"serve --config nofile.yaml", "nofile.yaml", "run zhunxin serve --help"},
		{"backup --data nosuch to", "nosuch", "run zhunxin backup --help"},
		{"bench --ingress foo", "--ingress must be one of", "run zhunxin bench --help"},
		{"evidence pack --message 1", "--out", "run zhunxin evidence pack --help"},
		{"sim cmpp --nothing", "--nothing", "run zhunxin sim cmpp --help"},
		{"nothing", "nothing", "run zhunxin --help"},
	} {
		var out, said bytes.Buffer
		status := 0
		k := parser(kong.Writers(&out, &said), kong.Exit(func(code int) { status = code }))
		_, err := k.Parse(strings.Fields(x.args))
		k.FatalIfErrorf(complaint(err))
		if s := said.String(); status == 0 || out.Len() > 0 || strings.Count(s, "\n") != 1 || !strings.Contains(s, x.want) || !strings.Contains(s, x.hint) {
			t.Errorf("%s: status %d, %s%s", x.args, status, out.String(), s)
		}
	}
	k := parser()
	if _, err := k.Parse([]string{"backup", "--data", t.TempDir(), filepath.Join(t.TempDir(), "to")}); complaint(err) != nil {
		t.Error(err)
	}
}
