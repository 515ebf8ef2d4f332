package lexicon

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed data/lookalikes.txt
var lookalikeData string

type piece struct {
	text string
	as   []string
}

var pieces = func() []piece {
	var out []piece
	for line := range strings.Lines(lookalikeData) {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "#" {
			out = append(out, piece{f[0], f[1:]})
		}
	}
	return out
}()

// mostSpellings bounds under how many forms one word is entered.
const mostSpellings = 64

// lookalikes lists the forms that hide a word by others that look or sound like its
// pieces. A piece that is the whole word means too much to be looked for so.
func lookalikes(form string) []string {
	forms := []string{form}
	for _, p := range pieces {
		for _, f := range forms {
			if f == p.text || !strings.Contains(f, p.text) {
				continue
			}
			for _, as := range p.as {
				x := strings.ReplaceAll(f, p.text, Fold(as))
				if len(forms) < mostSpellings && !slices.Contains(forms, x) {
					forms = append(forms, x)
				}
			}
		}
	}
	return forms[1:]
}
