package app

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// literals are the texts in Go files that look like a code of Tencent Cloud's.
func literals(t *testing.T, files ...string) map[string]bool {
	t.Helper()
	code := regexp.MustCompile(`^(AuthFailure|FailedOperation|InternalError|InvalidAction|InvalidParameter|InvalidParameterValue|LimitExceeded|MissingParameter|RequestLimitExceeded|ResourceInUse|ResourceNotFound|ResourceUnavailable|UnauthorizedOperation|UnknownParameter|UnsupportedOperation)(\.[A-Za-z]+)?$`)
	out := map[string]bool{}
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if text, err := strconv.Unquote(l.Value); err == nil && code.MatchString(text) {
					out[text] = true
				}
			}
			return true
		})
	}
	return out
}

// A refusal is told by a code that the official SDK has a constant for, so that programs know it.
func TestTencentCodesAreTheSDKs(t *testing.T) {
	p, err := build.Import("github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sms/v20210111", ".", build.FindOnly)
	if err != nil {
		t.Fatal(err)
	}
	known := literals(t, filepath.Join(p.Dir, "errors.go"))
	if len(known) < 50 {
		t.Fatalf("the SDK has %d codes", len(known))
	}
	files, err := filepath.Glob("../ingress/dialect/*.go")
	if err != nil {
		t.Fatal(err)
	}
	ours := literals(t, append(files, "../sms/cloud.go")...)
	if len(ours) < 25 {
		t.Fatalf("%d codes are found here", len(ours))
	}
	for code := range ours {
		switch { // these are common to all of Tencent Cloud's products
		case strings.HasPrefix(code, "AuthFailure."), code == "RequestLimitExceeded", code == "InvalidAction", code == "InvalidAction.NotFound": // the last is Aliyun's
		case !known[code]:
			t.Errorf("%s is none of the SDK's", code)
		}
	}
}
