package sdks

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var block = regexp.MustCompile("(?s)<!-- (apptest/\\S+) -->\n```diff\n(.*?)\n```")

// What the pages on moving here show is what the programs do: each line that stays or comes
// stands in the program, in that order, and none that goes.
func TestPagesShowWhatRuns(t *testing.T) {
	for page, programs := range map[string]int{"migrate-from-aliyun.md": 7, "migrate-from-tencent.md": 4, "migrate-from-twilio.md": 2} {
		text, err := os.ReadFile("../../docs/" + page) //nolint:gosec // of this repository
		if err != nil {
			t.Fatal(err)
		}
		found := block.FindAllSubmatch(text, -1)
		if len(found) != programs {
			t.Errorf("%s shows %d programs, not %d", page, len(found), programs)
		}
		for _, m := range found {
			name := string(m[1])
			program, err := os.ReadFile("../../" + name) //nolint:gosec // of this repository
			if err != nil {
				t.Fatal(err)
			}
			rest := spaced(string(program))
			for line := range strings.Lines(string(m[2])) {
				want, there := spaced(line[1:]), false
				if line[0] == '-' {
					if strings.Contains(spaced(string(program)), want) {
						t.Errorf("%s: %s has %q, which is to go", page, name, want)
					}
					continue
				}
				if _, rest, there = strings.Cut(rest, want); !there {
					t.Fatalf("%s: %s lacks %q there", page, name, want)
				}
			}
		}
	}
}

// spaced is text with one space for any white space, and one in front.
func spaced(text string) string { return " " + strings.Join(strings.Fields(text), " ") }
