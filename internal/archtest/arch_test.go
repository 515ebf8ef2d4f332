// Package archtest holds the rules of the code's shape (design: shape of the code),
// each with its reason in the failure's text.
package archtest

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/zhunxin/zhunxin/"

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	Imports    []string
	GoFiles    []string
	Deps       []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Imports,GoFiles,Deps", module+"...").Output() //nolint:noctx // bounded by the test's time
	if err != nil {
		t.Fatal(err)
	}
	var list []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); err == io.EOF { //nolint:errorlint // the decoder gives it bare
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		p.ImportPath = strings.TrimPrefix(p.ImportPath, module)
		list = append(list, p)
	}
}

func under(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(r string) bool { return path == r || strings.HasPrefix(path, r+"/") })
}

// Imports only go down.
func TestImportDirection(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			own, isOwn := strings.CutPrefix(imported, module)
			switch {
			case isOwn && under(p.ImportPath, "protocol") && !under(own, "protocol"):
				t.Errorf("%s imports %s: protocol is a public library without product imports", p.ImportPath, own)
			case isOwn && under(p.ImportPath, "evidence") && !under(own, "evidence"):
				t.Errorf("%s imports %s: a verifier must not need the product", p.ImportPath, own)
			case isOwn && p.ImportPath == "internal/sms":
				t.Errorf("%s imports %s: the kernel types stand below everything", p.ImportPath, own)
			case isOwn && under(own, "internal/app") && p.ImportPath != "cmd/zhunxin" && p.ImportPath != "internal/gate/gatetest":
				t.Errorf("%s imports %s: app joins the parts and stands above all of them", p.ImportPath, own)
			case isOwn && under(own, "internal/ingress") && p.ImportPath != "internal/app":
				t.Errorf("%s imports %s: an interface is the outermost layer", p.ImportPath, own)
			case isOwn && own == "internal/store" && !under(p.ImportPath, "internal/app", "internal/store", "internal/gate/gatetest"):
				t.Errorf("%s imports %s: a package declares the small store interface that it needs", p.ImportPath, own)
			}
		}
	}
}

// What must be pure has no clock, no files, no network and no database.
func TestPurePackages(t *testing.T) {
	pure := []string{
		"internal/sms", "internal/rulebook", "internal/lexicon", "internal/classify", "internal/routing", "internal/assess",
		"protocol/wire", "protocol/cmpp", "protocol/sgip", "protocol/smgp", "protocol/smpp", "protocol/smstext", "evidence",
	}
	for _, p := range packages(t) {
		if !under(p.ImportPath, pure...) {
			continue
		}
		for _, imported := range p.Imports {
			if slices.Contains([]string{"net", "net/http", "os", "database/sql", "os/exec"}, imported) {
				t.Errorf("%s imports %s: it is pure, so that a decision can be replayed and a proof checked anywhere", p.ImportPath, imported)
			}
		}
		for _, name := range p.GoFiles {
			eachUse(t, filepath.Join(p.Dir, name), func(pkg, fn string, _ bool) {
				if pkg == "time" && fn == "Now" {
					t.Errorf("%s/%s uses time.Now: the clock comes in as a value", p.ImportPath, name)
				}
			})
		}
	}
}

// eachUse names what a file selects, called or passed on, through whatever expression it
// is reached: x.Fn, s.tx.Fn, f().Fn. receiver is the last name before it, "" when that is
// no name.
func eachUse(t *testing.T, file string, each func(receiver, name string, called bool)) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	called := map[ast.Expr]bool{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr: // comes before what it calls
			called[ast.Unparen(n.Fun)] = true
		case *ast.SelectorExpr:
			each(lastName(n.X), n.Sel.Name, called[n])
		}
		return true
	})
}

func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// Money is arithmetic: what the ledger says depends on what it is given, and its one way to
// the rows is the small interface that it declares.
func TestLedgerIsArithmetic(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "internal/ledger" {
			continue
		}
		for _, imported := range p.Imports {
			if own, ok := strings.CutPrefix(imported, module); ok && own != "internal/sms" || under(imported, "time", "net", "os", "io", "database", "syscall") {
				t.Errorf("the ledger imports %s: it needs no store, no network and no clock", imported)
			}
		}
		return
	}
	t.Error("there is no internal/ledger")
}

// Only the store knows SQL drivers, and each table of a promise has one writer.
func TestSingleWriters(t *testing.T) {
	// A method that writes a table of a promise, and the packages that may call it.
	writers := map[string][]string{
		"InsertMessages":  {"internal/gate", "internal/app"}, // app: the bench's old messages
		"InsertDecisions": {"internal/gate"}, "Redecide": {"internal/gate"},
		"Post": {"internal/ledger"}, "PutSuppression": {"internal/consent"}, "InsertGrants": {"internal/consent"}, "WithdrawGrants": {"internal/consent"},
		"InsertPossession": {"internal/consent"}, "ConfirmRequest": {"internal/consent"}, "PutConsentRequests": {"internal/gate"}, "ProvePossession": {"internal/consent"}, "PageOfWording": {"internal/consent"},
		"PutCase": {"internal/review"}, "CloseCase": {"internal/review"}, "ApproveFirst": {"internal/review"},
		"LockChunk": {"internal/gate"}, "FinishChunk": {"internal/gate"}, "SaveCampaign": {"internal/campaign"}, "PutCampaignChunk": {"internal/campaign"},
		"SuspendGrants": {"internal/consent"}, "LiftSuppression": {"internal/consent"}, "PutVacant": {"internal/consent"}, "InsertSigned": {"internal/consent"}, "SaveImport": {"internal/consent"},
		"PutCheckpoint": {"internal/evlog"}, "PutTile": {"internal/evlog"}, "PlaceLeaves": {"internal/evlog"},
		// Who does what is proved appends its proof. app: the bench's consents; gatetest: a test's.
		"AppendLeaf": {"internal/evlog", "internal/gate", "internal/dispatch", "internal/inbound", "internal/consent", "internal/app", "internal/gate/gatetest"},
	}
	// What has the name of such a method, is none, and leads to who may call it.
	namesakes := map[string]string{
		"internal/gate money.Post":       "the ledger's own batch, which works out the entries",
		"internal/app Gate.Redecide":     "the gate's own, which decides",
		"internal/dispatch cfg.Redecide": "the gate's own, as it is given to the worker",
	}
	seen := map[string]bool{}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if (strings.Contains(imported, "modernc.org/sqlite") || strings.Contains(imported, "jackc/pgx")) && !under(p.ImportPath, "internal/store") {
				t.Errorf("%s imports %s: only store knows the databases", p.ImportPath, imported)
			}
			if imported == "crypto/aes" && p.ImportPath != "internal/vault" {
				t.Errorf("%s imports %s: only vault touches keys", p.ImportPath, imported)
			}
		}
		if under(p.ImportPath, "internal/store", "apptest") {
			continue
		}
		for _, name := range p.GoFiles {
			eachUse(t, filepath.Join(p.Dir, name), func(receiver, fn string, called bool) {
				may, ok := writers[fn]
				if !ok || slices.Contains(may, p.ImportPath) {
					return
				}
				if fn == "Post" && (receiver == "http" || !called) { // also what a webhook sends
					return
				}
				if by := p.ImportPath + " " + receiver + "." + fn; namesakes[by] != "" {
					seen[by] = true
					return
				}
				t.Errorf("%s/%s uses %s.%s: only %s may, so that no other way round exists", p.ImportPath, name, receiver, fn, may[0])
			})
		}
	}
	for by := range namesakes {
		if !seen[by] {
			t.Errorf("%s is excused and is not there", by)
		}
	}
}

// The verifier is small enough to be read by those who must trust it.
func TestVerifierNeedsLittle(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "cmd/zhunxin-verify" {
			continue
		}
		for _, d := range p.Deps {
			if own, ok := strings.CutPrefix(d, module); ok && !under(own, "evidence") {
				t.Errorf("zhunxin-verify depends on %s: it needs evidence/ and the standard library alone", own)
			}
			if first, _, _ := strings.Cut(d, "/"); strings.Contains(first, ".") && !strings.HasPrefix(d, module) && !strings.HasPrefix(d, "golang.org/x/mod/") {
				t.Errorf("zhunxin-verify depends on %s: besides the standard library it needs golang.org/x/mod alone", d)
			}
		}
		return
	}
	t.Error("there is no cmd/zhunxin-verify")
}

// A newcomer finds out what a package is for, and reads files of bearable length.
func TestPackagesAreReadable(t *testing.T) {
	const longest = 600
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		for _, bad := range []string{"util", "utils", "common", "helpers", "manager"} {
			if filepath.Base(p.ImportPath) == bad {
				t.Errorf("%s: the name says nothing", p.ImportPath)
			}
		}
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(string(b), "\n"); n > longest {
				t.Errorf("%s/%s has %d lines, more than %d", p.ImportPath, filepath.Base(f), n, longest)
			}
		}
	}
}
