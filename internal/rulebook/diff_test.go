package rulebook_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// Whatever a pack decides by shows in a comparison.
func TestDiffOverlooksNothing(t *testing.T) {
	t.Parallel()
	for change, want := range map[[2]string]string{
		{`"百家乐", `, ""}: "lexicon gambling gone: 百家乐",
		{`harmless: ["百家乐器"]`, `harmless: ["百家乐队"]`}: "lexicon gambling harmless added: 百家乐队",
		{"whole: [R, ", "whole: ["}:                  "opt_out whole gone: R",
		{"code: CONSENT_MISSING", "code: OPTED_OUT"}: "CNS-01 code: CONSENT_MISSING → OPTED_OUT",
		{"to: 2026-05-01", "to: 2026-05-02"}:         "instruments added: 《通信短信息服务管理规定》（工信部令第31号） (2015-06-30 – 2026-05-02)",
		{"2026-02-28, ", ""}:                         "calendar added: 2026: ",
		{"length: 168h", "length: 167h"}:             "windows added: mkt_7d (MKT, group, 167h0m0s)",
		{"value: 1200, unit", "value: 1199, unit"}:   "TIM-01 parameters: ",
		{"categories: [MKT]\n    against: \"!text.refusal\"", "categories: [OTP]\n    against: \"!text.refusal\""}: "OPT-01 categories: [MKT] → [OTP]",
		{"无需处理，到", "不必处理，到"}:                                                                                       "TIM-01 remedy: ",
	} {
		packs := builtin(t)
		found := false
		for i, raw := range packs {
			if bytes.Contains(raw, []byte(change[0])) {
				packs[i], found = bytes.Replace(raw, []byte(change[0]), []byte(change[1]), 1), true
				break
			}
		}
		after, err := rulebook.Load(packs...)
		if !found || err != nil {
			t.Fatalf("%q: in a pack: %t, %v", change[0], found, err)
		}
		var got strings.Builder
		for _, c := range rulebook.Diff(book(t), after) {
			fmt.Fprintf(&got, "%s %s\n", c.Rule, c.What)
		}
		if !strings.Contains(got.String(), want) {
			t.Errorf("%q becomes %q: %s", change[0], change[1], got.String())
		}
	}
	if same := rulebook.Diff(book(t), book(t)); len(same) > 0 {
		t.Errorf("%v", same)
	}
}
