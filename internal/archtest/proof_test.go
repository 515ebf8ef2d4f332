package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// tests are the names of all tests of the repository.
func tests(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	found := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		src, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(src), -1) {
			found[m[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// What is promised, or guaranteed as a rule, is shown by tests that exist.
func TestGuaranteesNameTheirTests(t *testing.T) {
	have := tests(t)
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	guaranteed := 0
	for _, raw := range packs {
		p, err := rulebook.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Rules {
			for _, name := range r.Proof {
				guaranteed++
				if !have[name] {
					t.Errorf("rule %s names %s, and there is no such test", r.ID, name)
				}
			}
		}
	}
	promises, err := os.ReadFile("../../docs/promises.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(promises), -1) {
		guaranteed++
		if !have[m[1]] {
			t.Errorf("docs/promises.md names %s, and there is no such test", m[1])
		}
	}
	if guaranteed < 60 {
		t.Errorf("only %d names were found: the pattern is wrong", guaranteed)
	}
}
