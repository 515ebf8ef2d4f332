// Package strictjson refuses JSON that two readers could read in two ways. Go's decoder takes
// and mends it in silence: a member that stands twice, bytes that are not UTF-8, halves of
// surrogate pairs. It also bounds the depth.
package strictjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxDepth is how deep objects and lists may be nested.
const MaxDepth = 32

// Fault is what is wrong with a document, and where.
type Fault struct {
	Path string // of the value, like recipients[0].to; "" is the document
	At   int    // of the character in the value, from 0, or -1
	En   string
	Zh   string
}

// Error implements error.
func (f *Fault) Error() string {
	if f.Path == "" {
		return f.En
	}
	return f.Path + ": " + f.En
}

// Text tells whether the fault is in the characters of a text, not in the document's shape.
func (f *Fault) Text() bool { return f.At >= 0 }

// frame is an open object or list.
type frame struct {
	list  bool
	index int
	name  string
	names map[string]bool
}

type reader struct {
	b      []byte
	open   []frame
	folded bool
}

// Check reads a document through. Folded has names that differ in their case only be the same.
func Check(b []byte, folded bool) error {
	r := &reader{b: b, folded: folded}
	if err := r.scan(); err != nil {
		return err
	}
	return nil
}

func (r *reader) scan() error {
	for i := 0; i < len(r.b); i++ {
		switch c := r.b[i]; c {
		case '{', '[':
			if r.open = append(r.open, frame{list: c == '['}); len(r.open) > MaxDepth {
				return &Fault{"", -1, fmt.Sprintf("it is nested more than %d deep", MaxDepth), fmt.Sprintf("嵌套超过 %d 层", MaxDepth)}
			}
		case '}', ']':
			r.open = r.open[:max(0, len(r.open)-1)]
		case ',':
			if n := len(r.open); n > 0 {
				r.open[n-1].index++
			}
		case '"':
			end, err := r.text(i)
			if err != nil {
				return err
			}
			if n := len(r.open); n > 0 && !r.open[n-1].list && bytes.HasPrefix(bytes.TrimLeft(r.b[end:], " \t\r\n"), []byte(":")) {
				if err := r.note(&r.open[n-1], r.b[i:end]); err != nil {
					return err
				}
			}
			i = end - 1
		default:
			if c >= utf8.RuneSelf {
				if _, n := utf8.DecodeRune(r.b[i:]); n <= 1 {
					return &Fault{"", -1, "it is not UTF-8", "不是 UTF-8 编码"}
				}
			}
		}
	}
	return nil
}

// note remembers a name of an object.
func (r *reader) note(f *frame, quoted []byte) error {
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return err
	}
	f.name = clip(name, 40)
	if r.folded {
		name = strings.ToLower(name)
	}
	if f.names[name] {
		return &Fault{r.path(), -1, fmt.Sprintf("the name %q stands twice; write it once", f.name), fmt.Sprintf("名称 %q 重复出现，请只写一次", f.name)}
	}
	if f.names == nil {
		f.names = map[string]bool{}
	}
	f.names[name] = true
	return nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// path is where the reader is.
func (r *reader) path() string {
	var b strings.Builder
	for _, f := range r.open {
		switch {
		case f.list:
			b.WriteString("[" + strconv.Itoa(f.index) + "]")
		case b.Len() > 0:
			b.WriteString("." + f.name)
		default:
			b.WriteString(f.name)
		}
	}
	return b.String()
}

// text finds the end of a string that begins at a place. A pair of surrogates is one character.
func (r *reader) text(at int) (int, error) {
	b, char := r.b, 0
	for i := at + 1; i < len(b); char++ {
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c >= utf8.RuneSelf:
			_, n := utf8.DecodeRune(b[i:])
			if n <= 1 {
				return 0, &Fault{r.path(), char, fmt.Sprintf("its character %d is not UTF-8", char), fmt.Sprintf("第 %d 个字符（从 0 起）不是 UTF-8 编码", char)}
			}
			i += n
		case c != '\\':
			i++
		case surrogate(b[i:]) == 0:
			i += 2 // whatever is escaped: Go's decoder knows what may be
			if i-1 < len(b) && b[i-1] == 'u' {
				i = min(len(b), i+hexDigits(b[i:]))
			}
		case surrogate(b[i:]) < 0xDC00 && surrogate(b[min(len(b), i+6):]) >= 0xDC00:
			i += 12
		default:
			return 0, &Fault{
				r.path(), char,
				fmt.Sprintf(`its character %d is half of a surrogate pair, like \ud83d alone; write both halves`, char),
				fmt.Sprintf(`第 %d 个字符（从 0 起）是不成对的代理项（如单独的 \ud83d），请成对书写`, char),
			}
		}
	}
	return 0, &Fault{r.path(), -1, "a string has no end", "字符串没有结束"}
}

// hexDigits counts the digits of an escape, four when it is whole.
func hexDigits(b []byte) (n int) {
	for n < 4 && n < len(b) && strings.IndexByte("0123456789abcdefABCDEF", b[n]) >= 0 {
		n++
	}
	return n
}

// surrogate reads an escaped one from the beginning of a text, 0 when there is none.
func surrogate(b []byte) uint64 {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0
	}
	v, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil || v < 0xD800 || v > 0xDFFF {
		return 0
	}
	return v
}
