package registry_test

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/zhunxin/zhunxin/internal/registry"
)

var shanghai = time.FixedZone("CST", 8*60*60)

// No cell of a sheet is a formula to a spreadsheet, whatever a customer calls itself.
func TestSheetHoldsNoFormula(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{"=cmd|' /C calc'!A1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "|x", "%x"} {
		var b bytes.Buffer
		err := registry.WriteSheet(&b, 1, []registry.SheetRow{{
			Signature: &registry.Signature{ID: 2, Text: evil, Mark: evil}, Party: &registry.Party{Name: evil}, Template: &registry.Template{}, Wording: &registry.TemplateVersion{Body: evil},
		}})
		if err != nil {
			t.Fatal(err)
		}
		text, marked := strings.CutPrefix(b.String(), "\ufeff")
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil || !marked || len(rows) != 2 || rows[1][0] != "ZX-1-2" {
			t.Fatalf("%q: %v, %v", evil, rows, err)
		}
		for _, cell := range rows[1] {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r|%") || strings.HasPrefix(cell, "＝") || strings.HasPrefix(strings.TrimLeft(cell, " "), "=") {
				t.Errorf("%q stands in the sheet as %q", evil, cell)
			}
		}
	}
}

func TestAnswersAreRead(t *testing.T) {
	t.Parallel()
	const head = "报备编号 reference,签名,审核结果,驳回原因,有效期至\r\n"
	gb, err := simplifiedchinese.GB18030.NewEncoder().Bytes([]byte(head + "ZX-1-2,,不通过,签名不唯一,\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, shanghai).UnixMilli()
	for name, c := range map[string]struct {
		text string
		want registry.FilingAnswer
	}{
		"approved until a day":     {head + "ZX-1-2,,通过,,2026-12-31\r\n", registry.FilingAnswer{Row: 2, Reference: "ZX-1-2", Result: "approved", Period: registry.Period{To: midnight}}},
		"by signature, and marked": {"\ufeff" + head + "\r\n,【示例】, 通过 ,,2026/12/31", registry.FilingAnswer{Row: 3, Signature: "示例", Result: "approved", Period: registry.Period{To: midnight}}},
		"in GB18030":               {string(gb), registry.FilingAnswer{Row: 2, Reference: "ZX-1-2", Result: "rejected", Reason: "not_unique"}},
		"in words of its own":      {head + "ZX-1-2,,驳回,不行,", registry.FilingAnswer{Row: 2, Reference: "ZX-1-2", Result: "rejected", Reason: "other", Note: "不行"}},
		"in English":               {"signature,result,reason\nx,revoked,stale", registry.FilingAnswer{Row: 2, Signature: "x", Result: "revoked", Reason: "stale"}},
		"a text cell":              {head + "'ZX-1-2,,通过,,", registry.FilingAnswer{Row: 2, Reference: "ZX-1-2", Result: "approved"}},
		"an unknown result":        {head + "ZX-1-2,,maybe,,", registry.FilingAnswer{Row: 2, Reference: "ZX-1-2", Err: `its result "maybe" is none of 通过, 不通过, 注销`}},
		"a day that is none":       {head + "ZX-1-2,,通过,,soon", registry.FilingAnswer{Row: 2, Reference: "ZX-1-2", Result: "approved", Err: `"soon" is no day like 2026-11-23`}},
		"nobody":                   {head + ",,通过,,", registry.FilingAnswer{Row: 2, Result: "approved", Err: "it names no reference and no signature"}},
	} {
		list, err := registry.ReadAnswers([]byte(c.text), shanghai)
		if err != nil || len(list) != 1 || list[0] != c.want {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "no head": "a,b\nc,d", "no result": "报备编号\nx", "bytes": "结果,签名\n\xff\xff\xff,x", "too many lines": "result,signature\n" + strings.Repeat("通过,x\n", registry.MaxSheetSignatures+1),
		"too long": strings.Repeat("x", registry.MaxAnswerBytes+1),
	} {
		if list, err := registry.ReadAnswers([]byte(text), shanghai); err == nil {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

func FuzzReadAnswers(f *testing.F) {
	f.Add([]byte("\ufeff报备编号,结果,原因,有效期至\r\nZX-1-2,通过,,2026-12-31\r\n"))
	f.Add([]byte("signature,result\n\"a\"b,revoked\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		list, err := registry.ReadAnswers(b, shanghai)
		if err != nil {
			return
		}
		for _, a := range list {
			if a.Row < 2 || !utf8.ValidString(a.Reference+a.Signature+a.Note+a.Err) || a.Err == "" && (a.Result == "" || a.Reference == "" && a.Signature == "" || (a.Result != "approved") != (a.Reason != "")) {
				t.Errorf("%+v", a)
			}
		}
	})
}
