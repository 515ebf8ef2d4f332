package dialect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of what is read of foreign JSON and of flat parameters.
const (
	maxDepth = 32
	maxItems = 2000 // of a list, as many as parameters
)

// decodeJSON reads one value, and nothing that two readers could read in two ways.
func decodeJSON(b []byte, into any) error {
	if err := plain(b); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more stands behind the JSON")
	}
	return nil
}

// plain refuses what Go's decoder takes and mends in silence: bytes that are not UTF-8, halves
// of surrogate pairs, names that stand twice in an object, whatever their case; and depth.
func plain(b []byte) error {
	if !utf8.Valid(b) {
		return errors.New("it is not UTF-8")
	}
	var names []map[string]bool // of each open object and array
	for i := 0; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if names = append(names, nil); len(names) > maxDepth {
				return fmt.Errorf("it is nested more than %d deep", maxDepth)
			}
		case '}', ']':
			names = names[:max(0, len(names)-1)]
		case '"':
			end, err := stringEnd(b, i)
			if err != nil {
				return err
			}
			if name := b[i:end]; len(names) > 0 && bytes.HasPrefix(bytes.TrimLeft(b[end:], " \t\r\n"), []byte(":")) {
				if err := note(&names[len(names)-1], name); err != nil {
					return err
				}
			}
			i = end - 1
		}
	}
	return nil
}

// note remembers a name of an object.
func note(seen *map[string]bool, quoted []byte) error {
	var name string
	if err := json.Unmarshal(quoted, &name); err != nil {
		return err
	}
	name = strings.ToLower(name)
	if (*seen)[name] {
		return fmt.Errorf("the name %q stands twice", clip(name, 40))
	}
	if *seen == nil {
		*seen = map[string]bool{}
	}
	(*seen)[name] = true
	return nil
}

var errHalf = errors.New(`it has half of a surrogate pair, like \ud83d alone`)

// stringEnd finds the end of a string that begins at a place.
func stringEnd(b []byte, at int) (int, error) {
	for i := at + 1; i < len(b); i++ {
		switch {
		case b[i] == '"':
			return i + 1, nil
		case b[i] != '\\':
		case surrogate(b[i:]) == 0:
			i++ // whatever is escaped: Go's decoder knows what may be
		case surrogate(b[i:]) < 0xDC00 && surrogate(b[min(len(b), i+6):]) >= 0xDC00:
			i += 11
		default:
			return 0, errHalf
		}
	}
	return 0, errors.New("a string has no end")
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

// unflatten makes JSON of parameters: A.0, A.1 are a list. Everything is a text there; numbers
// are read from texts.
func unflatten(params map[string]string) ([]byte, error) {
	out, lists := map[string]any{}, map[string]map[int]string{}
	for k, v := range params {
		name, index, nested := strings.Cut(k, ".")
		if !nested {
			out[k] = v
			continue
		}
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= maxItems || strconv.Itoa(i) != index {
			return nil, fmt.Errorf("the parameter %q is none of a list: those are A.0, A.1 and so on", clip(k, 40))
		}
		if lists[name] == nil {
			lists[name] = map[int]string{}
		}
		lists[name][i] = v
	}
	for name, l := range lists {
		if _, both := out[name]; both {
			return nil, fmt.Errorf("the parameter %q is a list and a text", clip(name, 40))
		}
		list := make([]string, 0, len(l))
		for i := range len(l) {
			v, ok := l[i]
			if !ok {
				return nil, fmt.Errorf("the list %q lacks its item %d", clip(name, 40), i)
			}
			list = append(list, v)
		}
		out[name] = list
	}
	return json.Marshal(out)
}
