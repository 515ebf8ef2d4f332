package archtest

import (
	"flag"
	"os"
	"os/exec"
	"sort"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the list of linked modules anew")

// Which modules each program links is a file in the repository, so that a change shows
// what it drags in.
func TestDependenciesAreListed(t *testing.T) {
	var b strings.Builder
	for _, program := range []string{"zhunxin", "zhunxin-verify"} {
		out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}} {{.Version}}{{end}}", module+"cmd/"+program).Output() //nolint:noctx // bounded by the test's time
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for _, line := range strings.Split(string(out), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line+"/", module) {
				seen[line] = true
			}
		}
		list := make([]string, 0, len(seen))
		for m := range seen {
			list = append(list, m)
		}
		sort.Strings(list)
		b.WriteString(program + "\n")
		for _, m := range list {
			b.WriteString("    " + m + "\n")
		}
	}
	const file = "dependencies.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the programs link; if the change is meant, run: go test ./internal/archtest -run Dependencies -update\n%s", file, b.String())
	}
}
