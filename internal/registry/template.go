package registry

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Variable types of a template, each with the pattern that its value must fit
// (TPL-01). No value may hold a bracket, because a signature stands in one.
var variableTypes = map[string]string{
	"code":   `[0-9A-Za-z]{4,8}`,
	"digits": `[0-9]{1,20}`,
	"amount": `[0-9]{1,9}(?:\.[0-9]{1,2})?`,
	"date":   `[0-9年月日时分:：/\- ]{4,24}`,
	"name":   `[^【】\s]{1,20}`,
	"text":   `[^【】\r\n]{1,35}`,
	"link":   `https://[0-9A-Za-z._~/?#=&%\-]{4,60}`,
}

// VariableTypes lists the names of the types, sorted.
func VariableTypes() []string {
	names := make([]string, 0, len(variableTypes))
	for n := range variableTypes {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

var variable = regexp.MustCompile(`\$\{([a-z][a-z0-9_]{0,31}):([a-z]+)\}`)

// MaxTemplateBytes bounds a template's body.
const MaxTemplateBytes = 3000

// Wording is a compiled template body.
type Wording struct {
	re    *regexp.Regexp
	parts []part
	lead  string // literal text before the first variable: a cheap first test
}

type part struct{ literal, name, kind string }

// Compile reads a body. It is what follows the signature.
func Compile(body string) (*Wording, error) {
	if body == "" || len(body) > MaxTemplateBytes || !utf8.ValidString(body) {
		return nil, fmt.Errorf("a template has 1 to %d bytes of valid UTF-8", MaxTemplateBytes)
	}
	if strings.ContainsAny(body, "【】") {
		return nil, fmt.Errorf("a template holds no 【 or 】: the signature is put in front of it")
	}
	w := &Wording{}
	var re strings.Builder
	re.WriteString(`\A`)
	at := 0
	seen := map[string]bool{}
	for _, m := range variable.FindAllStringSubmatchIndex(body, -1) {
		name, kind := body[m[2]:m[3]], body[m[4]:m[5]]
		pattern, ok := variableTypes[kind]
		switch {
		case !ok:
			return nil, fmt.Errorf("variable ${%s:%s} has an unknown type; the types are %s", name, kind, strings.Join(VariableTypes(), ", "))
		case seen[name]:
			return nil, fmt.Errorf("variable %s stands twice", name)
		}
		seen[name] = true
		w.add(&re, body[at:m[0]])
		w.parts = append(w.parts, part{name: name, kind: kind})
		re.WriteString(`(` + pattern + `)`)
		at = m[1]
	}
	w.add(&re, body[at:])
	if i := strings.Index(strings.Join(w.literals(), ""), "${"); i >= 0 {
		return nil, fmt.Errorf("a variable is written ${name:type}, its name in small letters; the types are %s", strings.Join(VariableTypes(), ", "))
	}
	re.WriteString(`\z`)
	compiled, err := regexp.Compile(re.String())
	if err != nil {
		return nil, fmt.Errorf("compile the template: %w", err)
	}
	w.re = compiled
	if len(w.parts) > 0 {
		w.lead = w.parts[0].literal
	}
	return w, nil
}

func (w *Wording) add(re *strings.Builder, literal string) {
	if literal == "" {
		return
	}
	w.parts = append(w.parts, part{literal: literal})
	re.WriteString(regexp.QuoteMeta(literal))
}

func (w *Wording) literals() []string {
	var out []string
	for _, p := range w.parts {
		out = append(out, p.literal)
	}
	return out
}

// samples are values that fit the types and that no rule objects to.
var samples = map[string]string{
	"code": "246810", "digits": "1001", "amount": "99.00", "date": "11月23日10时", "name": "示例", "text": "示例内容", "link": "https://example.com/a",
}

// Sample is the wording with lawful values in place of its variables: what a message of
// it may look like.
func (w *Wording) Sample() string {
	var b strings.Builder
	for _, p := range w.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		b.WriteString(samples[p.kind])
	}
	return b.String()
}

// Fits tells whether a text without its signature is an instance of the template.
func (w *Wording) Fits(text string) bool {
	return strings.HasPrefix(text, w.lead) && w.re.MatchString(text)
}

// Place is what a text has in the place of a variable.
type Place struct {
	Kind     string // the variable's type
	From, To int    // where it stands, in bytes
}

// Places finds the values of the variables in a text that fits, nil in any other.
func (w *Wording) Places(text string) []Place {
	at := w.re.FindStringSubmatchIndex(text)
	if at == nil {
		return nil
	}
	var out []Place
	for _, p := range w.parts {
		if p.name != "" {
			i := 2 * (len(out) + 1)
			out = append(out, Place{p.kind, at[i], at[i+1]})
		}
	}
	return out
}

// Variables counts the variables, and those of them of some types.
func (w *Wording) Variables(kinds ...string) (all, of int) {
	for _, p := range w.parts {
		if p.name != "" {
			all++
			if slices.Contains(kinds, p.kind) {
				of++
			}
		}
	}
	return all, of
}

// Render fills in the variables. A missing, superfluous or ill-typed value is
// an error that names the variable, never its value.
func (w *Wording) Render(values map[string]string) (string, error) {
	var b strings.Builder
	used := 0
	for _, p := range w.parts {
		if p.name == "" {
			b.WriteString(p.literal)
			continue
		}
		v, ok := values[p.name]
		if !ok {
			return "", sms.Errorf(sms.VariablesMismatch, "variables."+p.name, "the variable is missing")
		}
		used++
		b.WriteString(v)
	}
	if used != len(values) {
		for name := range values {
			if !w.has(name) {
				return "", sms.Errorf(sms.VariablesMismatch, "variables."+clip(name), "the template has no such variable")
			}
		}
	}
	out := b.String()
	if !w.re.MatchString(out) {
		return "", w.misfit(values)
	}
	return out, nil
}

func (w *Wording) has(name string) bool {
	for _, p := range w.parts {
		if p.name == name {
			return true
		}
	}
	return false
}

// Names lists the variables in their order.
func (w *Wording) Names() (out []string) {
	for _, p := range w.parts {
		if p.name != "" {
			out = append(out, p.name)
		}
	}
	return out
}

// Only is the name of the one variable, if there is just one and it has this type.
func (w *Wording) Only(kind string) (name string, ok bool) {
	for _, p := range w.parts {
		if p.name == "" {
			continue
		}
		if name != "" || p.kind != kind {
			return "", false
		}
		name = p.name
	}
	return name, name != ""
}

func (w *Wording) misfit(values map[string]string) error {
	for _, p := range w.parts {
		if p.name == "" {
			continue
		}
		if ok, _ := regexp.MatchString(`\A`+variableTypes[p.kind]+`\z`, values[p.name]); !ok {
			return sms.Errorf(sms.VariableFormat, "variables."+p.name, "the value is not of type %s (%s)", p.kind, variableTypes[p.kind])
		}
	}
	return sms.Errorf(sms.VariableFormat, "variables", "the filled-in text does not fit the template")
}

func clip(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}

// CodeTemplate finds a template by which a party sends codes: approved now, of
// verification codes, with the code as its only variable, whose name it returns.
func (s *Snapshot) CodeTemplate(party sms.ID, at int64) (w *ApprovedWording, variable string) {
	for _, t := range s.TemplatesOf(party) {
		if t.Category != sms.OTP || t.State != Active {
			continue
		}
		if w := s.Wording(t.ID); w != nil && w.Version.Holds(at) {
			if name, ok := w.Wording.Only("code"); ok {
				return w, name
			}
		}
	}
	return nil, ""
}
