package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
)

// piece is a part of a template: what stands there, or what is computed.
type piece struct {
	literal string
	prg     *program
}

// textTemplate gives a text.
type textTemplate struct {
	field  string
	pieces []piece
	escape func(string) string // of what is computed; nil leaves it
	most   int                 // bytes that it may give
}

// template reads a text with ${…} in it.
func (v *vocabulary) template(field, text string) (*textTemplate, error) {
	pieces, err := v.pieces(field, text, texts)
	return &textTemplate{field: field, pieces: pieces, most: maxGiven}, err
}

// pieces cuts a template at its ${…} and compiles them; whole are the kinds of a text
// that is nothing but one.
func (v *vocabulary) pieces(field, text string, whole []types.Kind) ([]piece, error) {
	if len(text) > maxSource {
		return nil, fmt.Errorf("%s: it has %d bytes, the most is %d", field, len(text), maxSource)
	}
	var out []piece
	for rest := text; rest != ""; {
		before, from, found := strings.Cut(rest, "${")
		if before != "" {
			out = append(out, piece{literal: before})
		}
		if !found {
			break
		}
		n := closing(from)
		if n < 0 {
			return nil, fmt.Errorf("%s: the ${ at byte %d has no }", field, len(text)-len(from)-2)
		}
		kinds := texts
		if rest = from[n+1:]; rest == "" && len(out) == 0 {
			kinds = whole
		}
		prg, err := v.compile(field, from[:n], kinds)
		if err != nil {
			return nil, err
		}
		out = append(out, piece{prg: prg})
	}
	return out, nil
}

// closing finds the } that ends an expression: not one of a map, or in a text.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth == 0 {
				return i
			}
			depth--
		case '\'', '"':
			n := quoted(s[i:], i > 0 && (s[i-1] == 'r' || s[i-1] == 'R'))
			if n < 0 {
				return -1
			}
			i += n - 1
		}
	}
	return -1
}

// quoted is the length of the CEL string that s begins with, -1 if it has no end. A raw
// one has no escapes.
func quoted(s string, raw bool) int {
	end := s[:1]
	if three := strings.Repeat(end, 3); strings.HasPrefix(s, three) {
		end = three
	}
	for i := len(end); i < len(s); i++ {
		switch {
		case s[i] == '\\' && !raw:
			i++
		case strings.HasPrefix(s[i:], end):
			return i + len(end)
		}
	}
	return -1
}

// fill gives the text.
func (t *textTemplate) fill(s *scope) (string, error) {
	var b strings.Builder
	for _, p := range t.pieces {
		text := p.literal
		if p.prg != nil {
			var err error
			if text, err = p.prg.text(s, texts, t.most); err != nil {
				return "", err
			}
			if t.escape != nil {
				text = t.escape(text)
			}
		}
		if b.WriteString(text); b.Len() > t.most {
			return "", fmt.Errorf("%s: it became longer than %d bytes", t.field, t.most)
		}
	}
	return b.String(), nil
}

// uses tells whether the template reads a name.
func (t *textTemplate) uses(name string) bool {
	return slices.ContainsFunc(t.pieces, func(p piece) bool { return p.prg != nil && p.prg.uses[name] })
}

// named is a template with its name: of a parameter or a header.
type named struct {
	name string
	text *textTemplate
}

// templates reads a list of parameters or headers.
func (v *vocabulary) templates(field string, list map[string]string) ([]named, error) {
	var out []named
	for _, name := range slices.Sorted(maps.Keys(list)) {
		t, err := v.template(field+"."+name, list[name])
		if err != nil {
			return nil, err
		}
		out = append(out, named{name, t})
	}
	return out, nil
}

// fillAll gives each to set.
func fillAll(list []named, s *scope, set func(name, value string)) error {
	for _, n := range list {
		value, err := n.text.fill(s)
		if err != nil {
			return err
		}
		set(n.name, value)
	}
	return nil
}

// wish is an expression of a description.
type wish struct {
	to         **program
	name, text string
	kinds      []types.Kind
	must       bool
}

// expressions compiles those of one part of a description.
func (v *vocabulary) expressions(field string, list []wish) (err error) {
	for _, w := range list {
		switch {
		case w.text != "":
			*w.to, err = v.compile(field+"."+w.name, w.text, w.kinds)
		case w.must:
			err = fmt.Errorf("%s.%s: it is missing", field, w.name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// jsonTemplate gives a JSON value: exactly one of its fields is used.
type jsonTemplate struct {
	literal any
	text    *textTemplate
	whole   *program
	list    []*jsonTemplate
	object  map[string]*jsonTemplate
}

// json reads a JSON value whose texts are templates.
func (v *vocabulary) json(field string, value any) (t *jsonTemplate, err error) {
	t = &jsonTemplate{}
	switch value := value.(type) {
	case string:
		var pieces []piece
		if pieces, err = v.pieces(field, value, jsons); len(pieces) == 1 && pieces[0].prg != nil {
			t.whole = pieces[0].prg
		} else {
			t.text = &textTemplate{field: field, pieces: pieces, most: maxGiven}
		}
	case []any:
		t.list = make([]*jsonTemplate, len(value))
		for i, x := range value {
			if t.list[i], err = v.json(field+"."+strconv.Itoa(i), x); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		t.object = map[string]*jsonTemplate{}
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if strings.Contains(name, "${") {
				return nil, fmt.Errorf("%s: the name %q can't be computed, only what stands under it", field, clipBytes(name, 80))
			}
			if t.object[name], err = v.json(field+"."+name, value[name]); err != nil {
				return nil, err
			}
		}
	case nil, bool, float64, int, int64, json.Number:
		t.literal = value
	default:
		return nil, fmt.Errorf("%s: %T is no JSON", field, value)
	}
	return t, err
}

// fill gives the value.
func (t *jsonTemplate) fill(s *scope) (any, error) {
	switch {
	case t.whole != nil:
		v, err := t.whole.eval(s)
		if err != nil {
			return nil, err
		}
		left := maxGiven
		out, err := native(v, &left)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.whole.field, err)
		}
		return out, nil
	case t.text != nil:
		return t.text.fill(s)
	case t.list != nil:
		out := make([]any, len(t.list))
		for i, x := range t.list {
			var err error
			if out[i], err = x.fill(s); err != nil {
				return nil, err
			}
		}
		return out, nil
	case t.object != nil:
		out := make(map[string]any, len(t.object))
		for name, x := range t.object {
			v, err := x.fill(s)
			if err != nil {
				return nil, err
			}
			out[name] = v
		}
		return out, nil
	}
	return t.literal, nil
}

// writeJSON is the body of a value, with & and < as they are.
func writeJSON(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// readJSON reads a body. Numbers keep all their digits: ints that fit are ints, all other
// numbers are texts.
func readJSON(b []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if d.Decode(&v) != nil || d.InputOffset() != int64(len(bytes.TrimRight(b, " \t\r\n"))) {
		return nil, false
	}
	return numbers(v), true
}

func numbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		return x.String()
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	case map[string]any:
		for name := range x {
			x[name] = numbers(x[name])
		}
	}
	return v
}
