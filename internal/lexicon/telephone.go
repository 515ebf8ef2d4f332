package lexicon

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// run is a number as it is written: groups of digits with separators between them.
type run struct {
	groups []string
	at     [][2]int // where each of them stands
	before string
}

// separators may stand between the digits of one number, three at the most. Commas and
// strokes stand between numbers.
const (
	separators = " -._*·~\n\r\t()+"
	together   = 3
)

// telephones finds numbers that may be called: where public telephones stand, and how many
// mobile numbers there are.
func telephones(folded string) (public [][2]int, mobile int) {
	for _, r := range runs(folded) {
		p, m := r.count()
		public, mobile = append(public, p...), mobile+m
	}
	return public, mobile
}

// digits are the digits of a number as it is written.
func digits(s string) string {
	var b []byte
	for _, c := range s {
		if n := numeral(c); n >= 0 {
			b = append(b, byte('0'+n))
		}
	}
	return string(b)
}

// runs finds the numbers of a text. Where digits go on as Chinese numerals, or these as
// digits, another group begins: the one may be a number without the other.
func runs(folded string) []run {
	var out []run
	var now run
	var group []byte
	var at [2]int
	gap, han := 0, false
	push := func() {
		if len(group) > 0 {
			now.groups, now.at, group = append(now.groups, string(group)), append(now.at, at), nil
		}
	}
	end := func() {
		if push(); len(now.groups) > 0 {
			out = append(out, now)
		}
		now = run{}
	}
	for i, c := range folded {
		n := numeral(c)
		switch {
		case n >= 0:
			if han != (c > '9') {
				push()
			}
			if len(now.groups)+len(group) == 0 {
				now.before = folded[:i]
			}
			if len(group) == 0 {
				at[0] = i
			}
			at[1] = i + utf8.RuneLen(c)
			group, gap, han = append(group, byte('0'+n)), 0, c > '9'
		case strings.ContainsRune(separators, c) && gap < together:
			push()
			gap++
		default:
			end()
		}
	}
	end()
	return out
}

// count goes through the groups from left to right and takes the first that make a number.
func (r run) count() (public [][2]int, mobile int) {
	for at := 0; at < len(r.groups); {
		n := r.take(at, mobileNumber)
		if n > 0 {
			mobile++
		} else {
			if at == 0 && hotline(r.groups[0]) && calls(r.before) {
				n = 1
			} else {
				n = r.take(at, publicNumber)
			}
			if n > 0 {
				public = append(public, [2]int{r.at[at][0], r.at[at+n-1][1]})
			}
		}
		at += max(n, 1)
	}
	return public, mobile
}

// longest is how many digits a number has at the most, with 0086 in front.
const longest = 15

// take tells how many groups from one on make a number, 0 if none do.
func (r run) take(at int, is func(groups []string, digits string) bool) int {
	digits := ""
	for end := at; end < len(r.groups) && len(digits) <= longest; end++ {
		digits += r.groups[end]
		if is(r.groups[at:end+1], digits) {
			return end + 1 - at
		}
	}
	return 0
}

// mobileNumber tells whether groups are a number of the mainland's mobile networks, with or
// without the country's code.
func mobileNumber(groups []string, digits string) bool {
	for _, country := range []string{"0086", "86", ""} {
		d, ok := strings.CutPrefix(digits, country)
		if !ok || len(d) != 11 || d[0] != '1' || d[1] < '3' {
			continue
		}
		return !dated(groups)
	}
	return false
}

// dated tells whether groups look like a day with what stands beside it: a year, and no
// group that only a telephone number has.
func dated(groups []string) bool {
	if len(groups) == 1 || !slices.ContainsFunc(groups, func(g string) bool { return len(g) == 4 && g[:2] == "20" }) {
		return false
	}
	return !slices.ContainsFunc(groups, func(g string) bool { return len(g) > 4 || len(g) == 3 })
}

// publicNumber tells whether groups are a landline or a 400 number.
func publicNumber(groups []string, digits string) bool {
	switch {
	case len(digits) == 10 && digits[:3] == "400":
		return len(groups) <= 4
	case len(digits) >= 10 && len(digits) <= 12 && digits[0] == '0' && digits[1] != '0':
		return len(groups) == 1 || len(groups) <= 3 && (len(groups[0]) == 3 || len(groups[0]) == 4)
	}
	return false
}

// hotline tells whether digits may be a 95 number. Alone, they may be a code or an order.
func hotline(digits string) bool {
	return len(digits) >= 5 && len(digits) <= 8 && digits[:2] == "95"
}

// calls tells whether a text ends by announcing a telephone number.
func calls(before string) bool {
	if strings.HasSuffix(strings.TrimRight(before, ":("), "客服") {
		return true
	}
	before = strings.TrimRight(before, ":, (为是")
	return slices.ContainsFunc([]string{"电话", "热线", "拨打", "致电", "咨询", "详询", "拨", "联系"}, func(w string) bool {
		return strings.HasSuffix(before, w)
	})
}
