package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cited finds what comments cite: document and section, or message where a document's
// sections have no number that all of its editions share.
var cited = regexp.MustCompile(`(CMPP|SGIP|SMGP|SMPP|GSM) ([0-9][0-9.]*[0-9])(?: and ([0-9.]+[0-9]))? (§[0-9.]*[0-9])|(RFC [0-9]+)|(PIPL|Order [0-9]+) (Art\. [0-9]+)|(C2SP) ([a-z-]+[a-z])` +
	`|(SGIP 1\.2|SMGP 3\.0\.3|SMPP 3\.4),? ((?:Appendix )?[A-Z][A-Za-z_]*)`)

// What the code cites stands in the index, with how far it is honoured.
func TestCitedSectionsAreInTheIndex(t *testing.T) {
	b, err := os.ReadFile("../../spec/index.txt")
	if err != nil {
		t.Fatal(err)
	}
	index := map[string]bool{}
	for n, line := range strings.Split(string(b), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, " | ")
		if len(f) != 4 || !regexp.MustCompile("^(yes|partial|tolerated|no)$").MatchString(f[2]) {
			t.Errorf("spec/index.txt:%d is not document | section | status | what", n+1)
			continue
		}
		if index[f[0]+" "+f[1]] {
			t.Errorf("spec/index.txt:%d stands twice", n+1)
		}
		index[f[0]+" "+f[1]] = true
	}
	found := 0
	for _, p := range packages(t) {
		for _, name := range p.GoFiles {
			src, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range cited.FindAllStringSubmatch(string(src), -1) {
				found++
				for _, key := range keys(m) {
					if !index[key] {
						t.Errorf("%s/%s cites %s, which spec/index.txt lacks: add it with its status", p.ImportPath, name, key)
					}
				}
			}
		}
	}
	if found < 30 {
		t.Errorf("only %d citations were found: the pattern is wrong", found)
	}
}

func keys(m []string) (out []string) {
	switch {
	case m[1] != "":
		out = []string{m[1] + " " + m[2] + " " + m[4]}
		if m[3] != "" {
			out = append(out, m[1]+" "+m[3]+" "+m[4])
		}
	case m[5] != "":
		out = []string{m[5] + " whole"}
	case m[6] != "":
		out = []string{m[6] + " " + m[7]}
	case m[8] != "":
		out = []string{m[8] + " " + m[9]}
	default:
		out = []string{m[10] + " " + m[11]}
	}
	return out
}
