package web

import (
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // what upstreams ask for
	"crypto/sha1" //nolint:gosec // what upstreams ask for
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"
	"github.com/emmansun/gmsm/sm3"
)

// Limits of what a description may say and compute. A person writes it, but a peer
// brings what it is computed from.
const (
	costLimit  = 1_000_000 // of one expression: about one for a step or for ten bytes read
	costBudget = 3_000_000 // of all expressions of one request or callback
	maxSource  = 10_000    // bytes of one template or expression
	maxGiven   = 64 << 10  // bytes that one template or expression gives
	maxGrown   = 1 << 20   // bytes of a text inside an expression
	maxPattern = 1_000     // instructions of a regular expression
)

// hashes are the functions of that name.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha512": sha512.New, "sm3": sm3.New,
}

var (
	errGrows = errors.New("a text would grow beyond 1 MiB")
	errHash  = errors.New("a hash is one of md5, sha1, sha256, sha512, sm3")
)

// names are what expressions may call by name, with their types.
type names map[string]*cel.Type

// vocabulary is the language of one kind of field.
type vocabulary struct {
	env   *cel.Env
	names names
}

// newVocabulary is CEL with our functions and no names.
func newVocabulary() (*vocabulary, error) {
	str, raw := cel.StringType, cel.BytesType
	opts := []cel.EnvOption{
		ext.Strings(),
		cel.RegexProgramSizeLimit(maxPattern),
		// What can multiply its arguments is bounded before it does; format can't be.
		cel.Function("format", cel.DisableDeclaration(true), cel.MemberOverload("string_format", []*cel.Type{str, cel.ListType(cel.DynType)}, str)),
		cel.Function("replace",
			cel.MemberOverload("string_replace_string_string", []*cel.Type{str, str, str}, str, cel.FunctionBinding(replace)),
			cel.MemberOverload("string_replace_string_string_int", []*cel.Type{str, str, str, cel.IntType}, str, cel.FunctionBinding(replace))),
		cel.Function("join",
			cel.MemberOverload("list_join", []*cel.Type{cel.ListType(str)}, str, cel.UnaryBinding(func(l ref.Val) ref.Val { return join(l, types.String("")) })),
			cel.MemberOverload("list_join_string", []*cel.Type{cel.ListType(str), str}, str, cel.BinaryBinding(join))),
		cel.Function("hex", cel.Overload("hex_bytes", []*cel.Type{raw}, str, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return types.String(hex.EncodeToString(v.(types.Bytes)))
		}))),
		cel.Function("base64", cel.Overload("base64_bytes", []*cel.Type{raw}, str, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return types.String(base64.StdEncoding.EncodeToString(v.(types.Bytes)))
		}))),
		cel.Function("urlencode", cel.Overload("urlencode_string", []*cel.Type{str}, str, cel.UnaryBinding(func(v ref.Val) ref.Val {
			return types.String(percent(string(v.(types.String))))
		}))),
	}
	for name, of := range hashes {
		sum := cel.UnaryBinding(func(v ref.Val) ref.Val { return digest(of(), v) })
		opts = append(opts, cel.Function(name,
			cel.Overload(name+"_string", []*cel.Type{str}, raw, sum), cel.Overload(name+"_bytes", []*cel.Type{raw}, raw, sum)))
	}
	for _, key := range []*cel.Type{str, raw} {
		for _, text := range []*cel.Type{str, raw} {
			opts = append(opts, cel.Function("hmac", cel.Overload("hmac_"+key.String()+"_"+text.String(), []*cel.Type{str, key, text}, raw, cel.FunctionBinding(mac))))
		}
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		return nil, fmt.Errorf("build the language of expressions: %w", err)
	}
	return &vocabulary{env, names{}}, nil
}

// with adds names.
func (v *vocabulary) with(more names) (*vocabulary, error) {
	var opts []cel.EnvOption
	for name, t := range more {
		opts = append(opts, cel.Variable(name, t))
	}
	env, err := v.env.Extend(opts...)
	if err != nil {
		return nil, fmt.Errorf("build the language of expressions: %w", err)
	}
	all := maps.Clone(v.names)
	maps.Copy(all, more)
	return &vocabulary{env, all}, nil
}

// percent encodes all but letters, digits and -._~; a space is %20.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// octets are the bytes of a text or of bytes.
func octets(v ref.Val) []byte {
	switch v := v.(type) {
	case types.String:
		return []byte(v)
	case types.Bytes:
		return v
	}
	return nil
}

func digest(h hash.Hash, v ref.Val) ref.Val {
	h.Write(octets(v))
	return types.Bytes(h.Sum(nil))
}

func mac(args ...ref.Val) ref.Val {
	of := hashes[string(octets(args[0]))]
	if of == nil {
		return types.WrapErr(errHash)
	}
	return digest(hmac.New(of, octets(args[1])), args[2])
}

func replace(args ...ref.Val) ref.Val {
	s, from, to, most := string(octets(args[0])), string(octets(args[1])), string(octets(args[2])), int64(-1)
	if len(args) == 4 {
		most = int64(args[3].(types.Int))
	}
	n := int64(strings.Count(s, from))
	if most >= 0 {
		n = min(n, most)
	}
	if int64(len(s))+n*int64(max(0, len(to)-len(from))) > maxGrown {
		return types.WrapErr(errGrows)
	}
	return types.String(strings.Replace(s, from, to, int(n)))
}

func join(list, between ref.Val) ref.Val {
	var b strings.Builder
	for i, it := 0, list.(traits.Lister).Iterator(); it.HasNext() == types.True; i++ {
		s, ok := it.Next().(types.String)
		if !ok {
			return types.NewErr("no such overload: join")
		}
		if i > 0 {
			b.Write(octets(between))
		}
		if b.WriteString(string(s)); b.Len() > maxGrown {
			return types.WrapErr(errGrows)
		}
	}
	return types.String(b.String())
}

// prices charge our functions, and those of CEL that it takes for cheap, by what they
// read and give.
type prices struct{}

// CallCost implements cost.ActualCostEstimator.
func (prices) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	_, ours := hashes[function]
	if !ours && !slices.Contains([]string{"hmac", "hex", "base64", "urlencode", "size", "string", "bytes", "strings.quote"}, function) {
		return nil
	}
	n := 10 + len(octets(result))
	for _, a := range args {
		n += len(octets(a))
	}
	price := uint64(n / 10)
	return &price
}

// program is one compiled expression.
type program struct {
	field string
	prg   cel.Program
	uses  map[string]bool
}

// The kinds of value that a field may have.
var (
	truths = []types.Kind{types.BoolKind}
	words  = []types.Kind{types.StringKind, types.IntKind}
	lists  = []types.Kind{types.ListKind}
	texts  = []types.Kind{types.StringKind, types.IntKind, types.UintKind, types.BoolKind}
	jsons  = append([]types.Kind{types.NullTypeKind, types.DoubleKind, types.ListKind, types.MapKind}, texts...)
)

var kindNames = map[types.Kind]string{
	types.BoolKind: "true or false", types.StringKind: "text", types.IntKind: "int", types.UintKind: "uint",
	types.ListKind: "list", types.NullTypeKind: "null", types.DoubleKind: "double", types.MapKind: "map",
}

// compile reads an expression that must give one of the kinds. Errors name the field.
func (v *vocabulary) compile(field, text string, kinds []types.Kind) (*program, error) {
	if len(text) > maxSource {
		return nil, fmt.Errorf("%s: it has %d bytes, the most is %d", field, len(text), maxSource)
	}
	tree, issues := v.env.Compile(text)
	if issues.Err() != nil {
		e := issues.Errors()[0]
		return nil, fmt.Errorf("%s: %s, at character %d of %q; the names here are %s", field, strings.TrimSuffix(e.Message, " (in container '')"),
			e.Location.Column()+1, clipBytes(text, 80), strings.Join(slices.Sorted(maps.Keys(v.names)), ", "))
	}
	if k := tree.OutputType().Kind(); k != types.DynKind && !slices.Contains(kinds, k) {
		var want []string
		for _, k := range kinds {
			want = append(want, kindNames[k])
		}
		hint := ""
		if k == types.BytesKind {
			hint = "; put it into hex(…) or base64(…)"
		}
		return nil, fmt.Errorf("%s: %q gives %s, and it must be %s%s", field, clipBytes(text, 80), tree.OutputType(), strings.Join(want, ", "), hint)
	}
	for _, call := range ast.MatchDescendants(ast.NavigateAST(tree.NativeRep()), ast.FunctionMatcher("hmac")) {
		first := call.AsCall().Args()[0]
		if first.Kind() == ast.LiteralKind && hashes[string(octets(first.AsLiteral()))] == nil {
			return nil, fmt.Errorf("%s: %w", field, errHash)
		}
	}
	prg, err := v.env.Program(tree, cel.EvalOptions(cel.OptOptimize), cel.CostTracking(prices{}), cel.CostLimit(costLimit))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	p := &program{field, prg, map[string]bool{}}
	for _, r := range tree.NativeRep().ReferenceMap() {
		if v.names[r.Name] != nil {
			p.uses[r.Name] = true
		}
	}
	return p, nil
}

// scope is what the expressions of one request or callback see, and what they have cost.
type scope struct {
	vars  map[string]any
	spent uint64
}

// ResolveName implements cel.Activation.
func (s *scope) ResolveName(name string) (any, bool) {
	v, ok := s.vars[name]
	return v, ok
}

// Parent implements cel.Activation.
func (s *scope) Parent() cel.Activation { return nil }

// eval computes the expression. CEL's own words are not in the error: they repeat
// values, which may be numbers and texts of people.
func (p *program) eval(s *scope) (ref.Val, error) {
	if s.spent > costBudget {
		return nil, fmt.Errorf("%s: the expressions have become too costly together", p.field)
	}
	v, detail, err := p.prg.Eval(s)
	if detail != nil && detail.ActualCost() != nil {
		s.spent += *detail.ActualCost()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %s", p.field, reason(err))
	}
	return v, nil
}

func reason(err error) string {
	var stopped interpreter.EvalCancelledError
	text := err.Error()
	switch {
	case errors.As(err, &stopped):
		return "it is too costly and was stopped"
	case errors.Is(err, errGrows), errors.Is(err, errHash):
		return text
	case strings.Contains(text, "no such key"), strings.Contains(text, "no such attribute"):
		return "what it reads is not there"
	case strings.Contains(text, "no such overload"):
		return "what it reads is of another type"
	case strings.Contains(text, "out of bounds"), strings.Contains(text, "out of range"):
		return "what it reads is shorter"
	}
	return "it can't be computed from what came"
}

// truth computes a condition.
func (p *program) truth(s *scope) (bool, error) {
	v, err := p.eval(s)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, fmt.Errorf("%s: it gave %s, not true or false", p.field, v.Type().TypeName())
	}
	return bool(b), nil
}

// text computes a value that is text or can be written as such, of at most so many bytes.
func (p *program) text(s *scope, kinds []types.Kind, most int) (string, error) {
	v, err := p.eval(s)
	if err != nil {
		return "", err
	}
	switch t, _ := v.Type().(*types.Type); {
	case t == nil || !slices.Contains(kinds, t.Kind()):
		return "", fmt.Errorf("%s: it gave %s, which can't be written as text", p.field, v.Type().TypeName())
	case t.Kind() == types.StringKind:
		if s := v.(types.String); len(s) <= most {
			return string(s), nil
		}
		return "", fmt.Errorf("%s: it gave more than %d bytes", p.field, most)
	}
	return fmt.Sprint(v.Value()), nil
}

// native is a value as encoding/json takes it. left bounds it: one for a value, and its
// bytes. Ints keep all digits.
func native(v ref.Val, left *int) (any, error) {
	*left -= 1 + len(octets(v))
	if *left < 0 {
		return nil, fmt.Errorf("it gave more than %d bytes", maxGiven)
	}
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool, types.Int, types.Uint, types.String:
		return v.Value(), nil
	case types.Double:
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key, ok := it.Next().(types.String)
			if !ok {
				return nil, errors.New("a name in it is not text")
			}
			*left -= len(key)
			x, err := native(v.Get(key), left)
			if err != nil {
				return nil, err
			}
			out[string(key)] = x
		}
		return out, nil
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			x, err := native(it.Next(), left)
			if err != nil {
				return nil, err
			}
			out = append(out, x)
		}
		return out, nil
	}
	return nil, fmt.Errorf("it gave %s, which JSON can't hold", v.Type().TypeName())
}
