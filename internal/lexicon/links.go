package lexicon

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:embed data/shorteners.txt
var shortenerData string

//go:embed data/brands.txt
var brandData string

var (
	address = regexp.MustCompile(`[a-z][a-z0-9+]{1,11}://` + inside + `+`) // with its scheme, up to what is hardly in one
	bare    = regexp.MustCompile(`[a-z0-9\p{Han}-]+\s?\.\s?` + ending + `(?:[^a-z0-9]|$)|` +
		`[a-z0-9-]*[a-z][a-z0-9-]*\s?[。点]\s?` + ending + `(?:[^a-z0-9]|$)|` + // a code may stand before a stop
		`[a-z0-9\p{Han}-]\.(?:中国|公司|网络)|` +
		`(?:^|[^0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:[^0-9]|$)`)
	path    = regexp.MustCompile(`^` + inside + `*`)
	program = regexp.MustCompile(`[^\s.]\.(?:x?apk|exe|ipa|msi|scr|bat|cmd|vbs|hap|dmg|mobileconfig)(?:[^a-z0-9]|$)`)
)

// inside is what an address is made of. Wide stops fold to commas and the like, which end it.
const inside = `[a-z0-9%&*+./:=?@_~#$|-]`

// ending is how names of hosts end.
const ending = `(?:com|cn|net|org|top|xyz|cc|vip|io|co|me|info|biz|shop|site|club|online|link|ltd|tech|app|wang|ink|fun|store|cloud|tv|ren|so|im|work|live|pro|mobi|icu|ly|gl|nu|hk)`

// link is an address of the web in a folded text.
type link struct {
	from, to int
	host     string
}

// links finds addresses of the web, and gives the text with blanks in place of those that
// have a scheme: what stands in them is no telephone.
func links(folded string) (out []link, rest string) {
	if strings.Contains(folded, "://") {
		for _, at := range address.FindAllStringIndex(folded, -1) {
			_, after, _ := strings.Cut(folded[at[0]:at[1]], "://")
			out = append(out, link{at[0], at[1], hostOf(after)})
			folded = folded[:at[0]] + strings.Repeat(" ", at[1]-at[0]) + folded[at[1]:]
		}
	}
	if !dotted(folded) {
		return out, folded
	}
	for at := 0; at < len(folded); {
		m := bare.FindStringIndex(folded[at:])
		if m == nil {
			break
		}
		l := whole(folded, at+m[0], at+m[1])
		out = append(out, l)
		at = max(l.to, at+m[1]-width(folded[at+m[0]:]))
	}
	return out, folded
}

// whole is the address of which a piece was found.
func whole(folded string, from, to int) link {
	if r, n := utf8.DecodeLastRuneInString(folded[from:to]); !hostly(r) && r != '国' && r != '司' && r != '络' {
		to -= n // what ended it
	}
	if r, n := utf8.DecodeRuneInString(folded[from:to]); !hostly(r) && !han(r) {
		from += n
	}
	if i := strings.LastIndexFunc(folded[from:to], han); i >= 0 && from+i+3 < to && latin(folded[from+i+3]) && folded[from+i:from+i+3] != "点" {
		from += i + 3 // words in front of it
	}
	for from > 0 && hostly(rune(folded[from-1])) {
		from--
	}
	for to < len(folded) && hostly(rune(folded[to])) {
		to++
	}
	host := hostOf(strings.NewReplacer("。", ".", "点", ".", " ", "").Replace(folded[from:to]))
	if to < len(folded) && folded[to] == '/' {
		to += len(path.FindString(folded[to:]))
	}
	return link{from, to, host}
}

func hostly(r rune) bool { return r < 0x80 && (latin(byte(r)) || r == '-' || r == '.') }

func han(r rune) bool { return r >= firstHan && r <= lastHan }

// hostOf is the host at the front of an address without its scheme.
func hostOf(rest string) string {
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	host, _, _ := strings.Cut(rest, ":")
	return strings.Trim(host, ".-")
}

// pathOf is what follows the host of an address, without stops at its end.
func pathOf(address string) string {
	if _, after, ok := strings.Cut(address, "://"); ok {
		address = after
	}
	i := strings.IndexAny(address, "/?#")
	if i < 0 {
		return ""
	}
	return strings.TrimRight(address[i:], ".:")
}

// dotted tells whether something that may end an address follows a dot: a letter, the
// first character of 中国, 公司 or 网络, or a digit.
func dotted(folded string) bool {
	dot := false
	for _, r := range folded {
		if dot && (r == ' ' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '中' || r == '公' || r == '网') {
			return true
		}
		dot = r == '.' || r == '。' || r == '点'
	}
	return false
}

var shorteners = func() map[string]bool {
	out := map[string]bool{}
	for _, host := range fields(shortenerData) {
		out[host] = true
	}
	return out
}()

// short tells whether a host gives short addresses in place of long ones (TPL-10).
func short(host string) bool { return shorteners[strings.TrimPrefix(host, "www.")] }

// brands are the names that frauds like to borrow.
var brands = func() (b struct {
	like    map[string]bool // their labels, as look-alikes of them fold
	domains []string        // that are truly theirs
	within  []string        // these with dots on both sides
},
) {
	b.like = map[string]bool{}
	for line := range strings.Lines(brandData) {
		if f := strings.Fields(line); len(f) > 1 && f[0] != "#" {
			b.like[likeness.Replace(f[0])] = true
			b.domains = append(b.domains, f[1:]...)
		}
	}
	for _, d := range b.domains {
		b.within = append(b.within, "."+d+".")
	}
	return b
}()

// likeness folds what is taken for something else in a host's name.
var likeness = strings.NewReplacer("0", "o", "1", "l", "3", "e", "5", "s", "i", "l", "rn", "m", "vv", "w")

// imitates tells whether a host is made to look like a known name's: by its label or a part
// of it between hyphens, or by beginning with the name's own domain.
func imitates(host string) bool {
	if owned(host) {
		return false
	}
	label := likeness.Replace(registrable(host))
	for part := range strings.SplitSeq(label, "-") {
		if brands.like[part] {
			return true
		}
	}
	dots := "." + host
	return brands.like[label] || slices.ContainsFunc(brands.within, func(d string) bool { return strings.Contains(dots, d) })
}

// registrable is the label of a host that somebody registered: of www.example.com.cn it is
// example.
func registrable(host string) string {
	labels := strings.Split(host, ".")
	n := len(labels) - 2
	if n > 0 && len(labels[n+1]) == 2 && slices.Contains([]string{"com", "net", "org", "gov", "edu", "ac", "co"}, labels[n]) {
		n--
	}
	if n < 0 {
		return ""
	}
	return labels[n]
}

// genuine tells whether an address stands in the text as it is: its letters are ASCII, or wide.
func genuine(text string) bool {
	for _, r := range text {
		if r >= 0x80 && (r < '！' || r > '～') && !han(r) && r != '。' {
			return false
		}
	}
	return true
}

// owned tells whether a host is one of a known name's own.
func owned(host string) bool {
	return slices.ContainsFunc(brands.domains, func(d string) bool {
		head, ok := strings.CutSuffix(host, d)
		return ok && (head == "" || head[len(head)-1] == '.')
	})
}
