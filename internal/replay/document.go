package replay

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// A decision's facts are an object of some hundred names, nearly all with a truth value, a
// number or a word. To read it into maps costs more than to decide again, so its names and
// values are taken where they stand; only what is written in an unusual way is left to
// encoding/json.

var errDocument = errors.New("no JSON of facts")

// members gives the names of an object, without quotes, and the bytes of their values.
func members(doc []byte, each func(name, value []byte) error) error {
	i := skip(doc, 0)
	if i == len(doc) || doc[i] != '{' {
		return errDocument
	}
	for i = skip(doc, i+1); i < len(doc) && doc[i] != '}'; i = skip(doc, i+1) {
		name, next, err := word(doc, i)
		if err != nil {
			return err
		}
		if i = skip(doc, next); i == len(doc) || doc[i] != ':' {
			return errDocument
		}
		from := skip(doc, i+1)
		if i, err = end(doc, from); err != nil {
			return err
		}
		if err := each(name, doc[from:i]); err != nil {
			return err
		}
		if i = skip(doc, i); i == len(doc) || doc[i] != ',' {
			break
		}
	}
	if i == len(doc) || doc[i] != '}' || skip(doc, i+1) != len(doc) {
		return errDocument
	}
	return nil
}

// elements gives the bytes of the values of an array.
func elements(list []byte, each func(value []byte) error) error {
	i := skip(list, 0)
	if i == len(list) || list[i] != '[' {
		return errDocument
	}
	for i = skip(list, i+1); i < len(list) && list[i] != ']'; i = skip(list, i+1) {
		from := i
		var err error
		if i, err = end(list, from); err != nil {
			return err
		}
		if err := each(list[from:i]); err != nil {
			return err
		}
		if i = skip(list, i); i == len(list) || list[i] != ',' {
			break
		}
	}
	if i == len(list) || list[i] != ']' || skip(list, i+1) != len(list) {
		return errDocument
	}
	return nil
}

// skip is the place of the first byte from i on that is no white space.
func skip(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// word reads the string that begins at i, and tells where it ends.
func word(b []byte, i int) (text []byte, next int, err error) {
	if i == len(b) || b[i] != '"' {
		return nil, 0, errDocument
	}
	for next = i + 1; next < len(b) && b[next] != '"'; next++ {
		switch {
		case b[next] == '\\':
			next++
		case b[next] < ' ':
			return nil, 0, errDocument
		}
	}
	if next >= len(b) {
		return nil, 0, errDocument
	}
	next++
	if text = b[i+1 : next-1]; bytes.IndexByte(text, '\\') < 0 {
		return text, next, nil
	}
	var s string
	err = json.Unmarshal(b[i:next], &s)
	return []byte(s), next, err
}

// end tells where the value ends that begins at i.
func end(b []byte, i int) (int, error) {
	if i < len(b) && b[i] == '"' {
		_, next, err := word(b, i)
		return next, err
	}
	depth := 0
	for from := i; i < len(b); i++ {
		switch b[i] {
		case '"':
			_, next, err := word(b, i)
			if err != nil {
				return 0, err
			}
			i = next - 1
		case '{', '[':
			depth++
		case '}', ']', ',':
			if depth == 0 {
				if i == from {
					return 0, errDocument
				}
				return i, nil
			}
			if b[i] != ',' {
				depth--
			}
		}
	}
	return 0, errDocument
}

// scalar reads a value as encoding/json does, but for whole numbers.
func scalar(b []byte) (v any, err error) {
	b = bytes.TrimRight(b, " \t\r\n")
	switch {
	case string(b) == "true":
		return true, nil
	case string(b) == "false":
		return false, nil
	case len(b) > 0 && b[0] == '"':
		text, _, err := word(b, 0)
		return string(text), err
	case len(b) == 1 && b[0] >= '0' && b[0] <= '9':
		return int64(b[0] - '0'), nil
	}
	if !json.Valid(b) {
		return nil, errDocument
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return n, nil
	}
	err = json.Unmarshal(b, &v)
	return v, err
}
