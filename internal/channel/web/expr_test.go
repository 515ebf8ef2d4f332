package web

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // what upstreams ask for
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
)

// seen is what the expressions of these tests see.
func seen(t testing.TB) (*vocabulary, *scope) {
	t.Helper()
	v, err := newVocabulary()
	if err == nil {
		v, err = v.with(names{
			"phone": cel.StringType, "text": cel.StringType, "n": cel.IntType, "yes": cel.BoolType, "json": cel.DynType,
			"values": cel.ListType(cel.StringType), "params": cel.MapType(cel.StringType, cel.StringType),
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	body, ok := readJSON([]byte(`{"id":9007199254740993,"far":18446744073709551616,"price":0.10,"list":[1,"a",null,true,{"k":[2]}],"s":"it's {}"}`))
	if !ok {
		t.Fatal("the test's JSON does not read")
	}
	return v, &scope{vars: map[string]any{
		"phone": "17000000001", "text": "您好 a&b", "n": int64(7), "yes": true, "json": body,
		"values": []string{"246810", "5"}, "params": map[string]string{"code": "246810"},
	}}
}

func TestTemplates(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"nothing":                {"", ""},
		"no expression":          {"a $b {c} $$ }", "a $b {c} $$ }"},
		"a name":                 {"${phone}", "17000000001"},
		"among text":             {"to=${phone}&n=${n}&ok=${yes};", "to=17000000001&n=7&ok=true;"},
		"a brace in a text":      {"${'}' + phone + \"{\"}", "}17000000001{"},
		"an escaped quote":       {`${'it\'s }' + "\"}"}|`, `it's }"}|`},
		"a raw text":             {`${r'\' + phone}|`, `\17000000001|`},
		"three quotes":           {`${'''a'}b''' + """c"}d"""}|`, `a'}bc"}d|`},
		"an empty text":          {`${''}|${""}`, "|"},
		"a map":                  {"${{'a': {'b': 'c'}}['a']['b']}!", "c!"},
		"a dollar before it":     {"$${n}", "$7"},
		"int with all digits":    {"${json.id}", "9007199254740993"},
		"int beyond 64 bits":     {"${json.far}", "18446744073709551616"},
		"a fraction as written":  {"${json.price}", "0.10"},
		"variables of the text":  {"${params.code},${values[1]},${size(values)}", "246810,5,2"},
		"percent-encoded":        {"${urlencode(text)}", "%E6%82%A8%E5%A5%BD%20a%26b"},
		"the string extension":   {"${'a,b'.split(',')[1].upperAscii()}${phone.substring(7)}${values.join('-')}${'aXbX'.replace('X','')}${'aXbX'.replace('X','',1)}", "B0001246810-5ababX"},
		"md5 in small letters":   {"${hex(md5('abc'))}", "900150983cd24fb0d6963f7d28e17f72"},
		"sm3 of the standard":    {"${hex(sm3('abc'))}", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"},
		"sha1 in base64":         {"${base64(sha1('abc'))}", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="},
		"sha256 of a sha256":     {"${hex(sha256(sha256('')))}", "5df6e0e2761359d30a8275058e299fcc0381534545f55cf43e41983f5d4c9456"},
		"sha512":                 {"${hex(sha512('abc')).substring(0,16)}", "ddaf35a193617aba"},
		"hmac under text":        {"${base64(hmac('sha1', 'key', text))}", macOf("key", "您好 a&b")},
		"hmac under bytes":       {"${base64(hmac('sha1', b'key', bytes(text)))}", macOf("key", "您好 a&b")},
		"a condition":            {"${yes ? 'Y' : 'N'}", "Y"},
		"a text that has a }":    {"${json.s}", "it's {}"},
		"two at the end":         {"${n}${n}", "77"},
		"comparing what came":    {"${json.list[0] == 1 && json.list[4].k[0] < 3}", "true"},
		"what is not there":      {"${has(json.id) && !has(json.nobody)}", "true"},
		"a text in a long chain": {"${text.substring(0, 2)}${text.size()}", "您好6"},
	} {
		t.Run(name, func(t *testing.T) {
			v, s := seen(t)
			x, err := v.template("field", c.template)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.fill(s); err != nil || got != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func macOf(key, text string) string {
	m := hmac.New(sha1.New, []byte(key))
	m.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// What is wrong with a template is said when the channel is edited, with its field.
func TestTemplatesThatDoNotCompile(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"no end":              {"a${phone", "the ${ at byte 1 has no }"},
		"no end of a text":    {"${'a}", "has no }"},
		"nothing in it":       {"${}", "field: "},
		"an unknown name":     {"${phon}", "undeclared reference to 'phon' (did you mean 'phone'?), at character 1"},
		"the names are told":  {"${phon}", "json, n, params, phone, text, values, yes"},
		"syntax":              {"${phone +}", "at character 8"},
		"bytes":               {"${md5(text)}", "put it into hex(…) or base64(…)"},
		"a list":              {"a${values}", "gives list(string)"},
		"a fraction":          {"${1.5}", "gives double"},
		"a hash of no kind":   {"${hex(hmac('md4', phone, text))}", "md5, sha1, sha256, sha512, sm3"},
		"format, unbounded":   {"${'%s'.format([text])}", "undeclared reference to 'format'"},
		"a huge pattern":      {"${text.matches('a{1000}{1000}')}", "field: "},
		"longer than it may":  {strings.Repeat("a", maxSource+1), "it has 10001 bytes, the most is 10000"},
		"adding int and text": {"${phone + 1}", "no matching overload"},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := seen(t)
			_, err := v.template("field", c.template)
			if err == nil || !strings.HasPrefix(err.Error(), "field: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q of the field", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than one line: %q", err)
			}
		})
	}
}

// What can't be computed names the field, and repeats nothing of what came.
func TestTemplatesThatCanNotBeFilled(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"a missing name":        {"${json.nobody}", "what it reads is not there"},
		"a missing name of one": {"${params[phone]}", "what it reads is not there"},
		"another type":          {"${json.list + 1}", "what it reads is of another type"},
		"behind the end":        {"${values[2]}", "what it reads is shorter"},
		"behind the text's end": {"${phone.substring(99)}", "what it reads is shorter"},
		"no number":             {"${int(text)}", "it can't be computed"},
		"a number too long":     {"${int(phone + phone)}", "it can't be computed"},
		"null as text":          {"a${json.list[2]}", "it gave null_type"},
		"a map as text":         {"a${json}", "it gave map"},
		"a hash of no kind":     {"${hex(hmac(phone, phone, text))}", "md5, sha1, sha256, sha512, sm3"},
		"no text in join":       {"${json.list.join(',')}", "what it reads is of another type"},
	} {
		t.Run(name, func(t *testing.T) {
			v, s := seen(t)
			x, err := v.template("field", c.template)
			if err != nil {
				t.Fatal(err)
			}
			_, err = x.fill(s)
			if err == nil || !strings.HasPrefix(err.Error(), "field: ") || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q of the field", err, c.want)
			}
			for _, personal := range []string{"17000000001", "您好"} {
				if strings.Contains(err.Error(), personal) {
					t.Errorf("the error holds %q: %v", personal, err)
				}
			}
		})
	}
}

// Neither what an expression computes nor what it gives is without bound.
func TestExpressionsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 60<<10)
	hundred := "[0,1,2,3,4,5,6,7,8,9].map(a,[0,1,2,3,4,5,6,7,8,9])"
	for name, c := range map[string]struct{ template, want string }{
		"steps":               {"${[" + strings.Repeat("0,", 99) + "0].all(a, [" + strings.Repeat("0,", 99) + "0].all(b, [" + strings.Repeat("0,", 99) + "0].all(c, [" + strings.Repeat("0,", 99) + "0].all(d, true))))}", "too costly"},
		"steps over a list":   {"${" + hundred + ".all(a, a.all(b, " + hundred + ".all(c, c.all(d, " + hundred + ".all(e, e.all(f, true))))))}", "too costly"},
		"a text that grows":   {"${text" + strings.Repeat("+text", 100) + "}", "too costly"},
		"replacing nothing":   {"${text.replace('', text)}", "would grow beyond 1 MiB"},
		"replacing everytime": {"${text.replace('x', text)}", "would grow beyond 1 MiB"},
		"joining a long text": {"${[" + strings.Repeat("text,", 20) + "text].join(text)}", "would grow beyond 1 MiB"},
		"joining by it":       {"${text.split('').map(a, text).join('')}", "would grow beyond 1 MiB"},
		"a pattern that came": {"${text.matches(text)}", "it can't be computed"},
		"hashing it again":    {"${[" + strings.Repeat("0,", 999) + "0].all(a, hex(md5(text)) != '')}", "too costly"},
		"counting it again":   {"${[" + strings.Repeat("0,", 999) + "0].all(a, size(text) > 0)}", "too costly"},
		"what it gives":       {"${text}${text}", "it became longer than 65536 bytes"},
		"what one gives":      {"${text + text}", "it gave more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			v, s := seen(t)
			s.vars["text"] = long
			x, err := v.template("field", c.template)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := x.fill(s); err == nil || !strings.HasPrefix(err.Error(), "field: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %d bytes (%v), want %q", len(got), err, c.want)
			}
		})
	}
	t.Run("all of them together", func(t *testing.T) {
		v, s := seen(t)
		s.vars["text"] = long
		x, err := v.template("field", "${hex(md5(text))}")
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			if _, err := x.fill(s); err != nil {
				if n < 100 || !strings.Contains(err.Error(), "too costly together") {
					t.Errorf("stopped after %d by %v", n, err)
				}
				return
			}
			if n > 10_000 {
				t.Fatal("it was never stopped")
			}
		}
	})
}

func TestJSONTemplates(t *testing.T) {
	for name, c := range map[string]struct{ template, want string }{
		"types are kept":     {`{"a":"${n}","b":"${yes}","c":"${values}","d":"${params}","e":"${null}","f":"${1.5}","g":"${json.id}"}`, `{"a":7,"b":true,"c":["246810","5"],"d":{"code":"246810"},"e":null,"f":1.5,"g":9007199254740993}`},
		"more than one":      {`["${n}","n${n}","${n}${n}"]`, `[7,"n7","77"]`},
		"what stands as is":  {`{"x":1.5,"y":null,"z":[],"o":{},"t":true}`, `{"o":{},"t":true,"x":1.5,"y":null,"z":[]}`},
		"not for HTML":       {`{"text":"${text}<"}`, `{"text":"您好 a&b<"}`},
		"all that came":      {`["${json.list}"]`, `[[1,"a",null,true,{"k":[2]}]]`},
		"made in it":         {`{"v":"${{'phone': [phone], 'n': n + 1}}"}`, `{"v":{"n":8,"phone":["17000000001"]}}`},
		"a text by itself":   {`"${phone}"`, `"17000000001"`},
		"a list of entries":  {`{"list":[{"to":"${phone}"}]}`, `{"list":[{"to":"17000000001"}]}`},
		"a map of ints":      {`{"v":"${values.map(x, int(x))}"}`, `{"v":[246810,5]}`},
		"an int from a text": {`{"v":"${int(phone)}"}`, `{"v":17000000001}`},
	} {
		t.Run(name, func(t *testing.T) {
			v, s := seen(t)
			x, err := v.json("field", value(t, c.template))
			if err != nil {
				t.Fatal(err)
			}
			got, err := x.fill(s)
			if err != nil {
				t.Fatal(err)
			}
			if text, err := writeJSON(got); err != nil || text != c.want {
				t.Errorf("got %s (%v), want %s", text, err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ template, want string }{
		"the place of an error":   {`{"a":{"to":["x","${nobody}"]}}`, "field.a.to.1: undeclared"},
		"bytes":                   {`{"a":"${md5(phone)}"}`, "field.a: "},
		"a name that is computed": {`{"${n}":1}`, "can't be computed"},
	} {
		t.Run(name, func(t *testing.T) {
			v, _ := seen(t)
			if _, err := v.json("field", value(t, c.template)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ template, want string }{
		"bytes of any type":    {`{"a":"${[dyn(b'x')]}"}`, "field.a: it gave bytes, which JSON can't hold"},
		"a name that is none":  {`{"a":"${{1: 2}}"}`, "field.a: a name in it is not text"},
		"no number":            {`{"a":"${0.0/0.0}"}`, "field.a: it gave double, which JSON can't hold"},
		"one text many times":  {`{"a":"${json.list.map(x, values.map(y, text + text)).map(x, [x,x,x,x,x,x,x,x,x,x])}"}`, "field.a: it gave more than 65536 bytes"},
		"an entry that is not": {`{"a":{"b":"${values[3]}"}}`, "field.a.b: what it reads is shorter"},
	} {
		t.Run(name, func(t *testing.T) {
			v, s := seen(t)
			s.vars["text"] = strings.Repeat("x", 1000)
			x, err := v.json("field", value(t, c.template))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := x.fill(s); err == nil || err.Error() != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// value reads JSON as a description's is.
func value(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestReadJSON(t *testing.T) {
	for text, want := range map[string]any{
		`9223372036854775807`: int64(9223372036854775807),
		`9223372036854775808`: "9223372036854775808",
		`-0`:                  int64(0),
		` [1.50, 1e3]` + "\n": []any{"1.50", "1e3"},
		`{"a":{"b":[0]}}`:     map[string]any{"a": map[string]any{"b": []any{int64(0)}}},
		`"x"`:                 "x",
		`null`:                nil,
	} {
		if got, ok := readJSON([]byte(text)); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s gives %#v (%v), want %#v", text, got, ok, want)
		}
	}
	for _, text := range []string{``, ` `, `0,1234567890`, `{}{}`, `{"a":1} x`, `{"a":`, `ok`, `01`} {
		if got, ok := readJSON([]byte(text)); ok || got != nil {
			t.Errorf("%s gives %#v, and is no JSON", text, got)
		}
	}
}
