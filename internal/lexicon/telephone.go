package lexicon

import "strings"

// run is a number as it is written: groups of digits with one separator between each.
type run struct {
	digits []byte
	groups []int // digits in each
	before string
}

// separators may stand between the digits of one number.
const separators = " -._*·~/"

// telephones counts numbers that may be called: those of public telephones, and mobile
// numbers.
func telephones(folded string) (public, mobile int) {
	for _, r := range runs(folded) {
		switch {
		case r.mobile():
			mobile++
		case r.public():
			public++
		}
	}
	return public, mobile
}

// shortest is how many digits the shortest telephone number has: 95 and three more.
const shortest = 5

// runs finds the numbers of a text that are long enough to be called.
func runs(folded string) []run {
	var out []run
	var now run
	start, open := 0, false // where the number begins; whether its last group goes on
	gap := ' '
	end := func() {
		if len(now.digits) >= shortest {
			now.before = folded[:start]
			out = append(out, now)
		}
		now, open = run{}, false
	}
	for i, c := range folded {
		n := numeral(c)
		switch {
		case n >= 0:
			if len(now.groups) == 0 {
				start = i
			}
			if !open {
				now.groups = append(now.groups, 0)
			}
			now.digits, open = append(now.digits, byte('0'+n)), true
			now.groups[len(now.groups)-1]++
		case open && strings.ContainsRune(separators, c) && (len(now.groups) == 1 || c == gap || now.country()):
			open, gap = false, c // another one after it ends the number
		case len(now.groups) > 0:
			end()
		}
	}
	end()
	return out
}

// country tells whether the country's code and the first group of a number were read:
// another separator may follow then.
func (r run) country() bool {
	return len(r.groups) == 2 && r.groups[0] == 2 && string(r.digits[:2]) == "86"
}

// mobile tells whether it is a number of the mainland's mobile networks, written whole, in
// the usual groups or with each digit apart, with or without the country's code.
func (r run) mobile() bool {
	d, g := r.digits, r.groups
	switch {
	case len(d) == 13 && string(d[:2]) == "86" && g[0] == 2:
		d, g = d[2:], g[1:]
	case len(d) == 13 && string(d[:2]) == "86" && g[0] > 2:
		d, g = d[2:], append([]int{g[0] - 2}, g[1:]...)
	}
	return len(d) == 11 && d[0] == '1' && d[1] >= '3' && grouped(g, 11, [][]int{{3, 4, 4}, {3, 8}, {7, 4}})
}

// public tells whether it is a landline, a 400 number, or a 95 number that the text calls
// a telephone: alone, 95 and three to six digits may be a code or an order.
func (r run) public() bool {
	d, g := r.digits, r.groups
	switch {
	case len(d) == 10 && string(d[:3]) == "400":
		return grouped(g, 10, [][]int{{3, 3, 4}, {3, 4, 3}, {3, 7}, {4, 3, 3}, {4, 6}})
	case len(d) >= 10 && len(d) <= 12 && d[0] == '0' && d[1] != '0':
		return len(g) == 1 || len(g) == 2 && (g[0] == 3 || g[0] == 4) && g[1] >= 7
	case len(d) <= 8 && string(d[:2]) == "95":
		return len(g) == 1 && calls(r.before)
	}
	return false
}

// grouped tells whether digits stand together, each apart, or in one of the given shapes.
func grouped(got []int, all int, shapes [][]int) bool {
	if len(got) == 1 || len(got) == all {
		return true
	}
	for _, s := range shapes {
		same := len(s) == len(got)
		for i := 0; same && i < len(s); i++ {
			same = s[i] == got[i]
		}
		if same {
			return true
		}
	}
	return false
}

// calls tells whether a text ends by announcing a telephone number.
func calls(before string) bool {
	before = strings.TrimRight(before, ":, ")
	for _, w := range []string{"电话", "热线", "客服", "拨打", "致电", "咨询", "详询", "请拨"} {
		if strings.HasSuffix(before, w) {
			return true
		}
	}
	return false
}
