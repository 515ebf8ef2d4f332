package rulebook

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// Member is one of a record's besides the facts of rules; its value is JSON.
type Member struct {
	Name  string
	Value []byte
}

// named is a fact as records name it.
type named struct {
	name string
	fact int
}

// byName lists the facts in order of their names.
func (b *Book) byName() []named {
	list := make([]named, 0, len(b.index))
	for name, i := range b.index {
		list = append(list, named{name, i})
	}
	slices.SortFunc(list, func(x, y named) int { return strings.Compare(x.name, y.name) })
	return list
}

// Record writes the facts of some stages, from the first to the last, for the decision's
// record: a JSON object whose members, with those that are given in order, stand in order of
// their names. Lexicons of which the text holds no word are not named.
func (f *Facts) Record(first, last Stage, more ...Member) []byte {
	to := append(make([]byte, 0, 4096), '{')
	for _, n := range f.book.named {
		v, stage := f.vals[n.fact], f.book.stages[n.fact]
		if stage < first || stage > last || v == int64(0) && strings.HasPrefix(n.name, lexPrefix) {
			continue
		}
		for len(more) > 0 && more[0].Name < n.name {
			to = append(appendName(to, more[0].Name), more[0].Value...)
			more = more[1:]
		}
		to = appendValue(appendName(to, n.name), v)
	}
	for _, m := range more {
		to = append(appendName(to, m.Name), m.Value...)
	}
	return append(to, '}')
}

// appendName begins a member.
func appendName(to []byte, name string) []byte {
	if to[len(to)-1] != '{' {
		to = append(to, ',')
	}
	to = append(to, '"')
	return append(append(to, name...), '"', ':')
}

func appendValue(to []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		return strconv.AppendBool(to, v)
	case int64:
		return strconv.AppendInt(to, v, 10)
	case string:
		if plain(v) {
			return append(append(append(to, '"'), v...), '"')
		}
	}
	b, _ := json.Marshal(v) // texts, and what is not known: it can't fail
	return append(to, b...)
}

// plain tells whether a text stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return false
		}
	}
	return true
}
