package rulebook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// Exceptions of the guideline on absolute terms are shown to the reviewer in both languages,
// and excuse nothing: the text is held all the same.
func TestExceptionsAreShownAndStillHeld(t *testing.T) {
	t.Parallel()
	b := book(t)
	for text, want := range map[string]string{
		"月饼最佳食用时间为七日":        "最佳: 使用提示",
		"续航较上一代提升，为本品牌最佳":    "最佳: 与自家产品比较",
		"特级初榨橄榄油八折":          "特级: 国家、行业、地方标准",
		"走进国家级非物质文化遗产展":      "国家级: 国家认可",
		"《巅峰之路》图书八折":         "巅峰: 仅用于指称",
		"极致®吸尘器八折":           "极致: 仅用于指称",
		"奥运会乒乓球冠军到店签名":       "冠军: 真实的背景事实",
		"100％纯棉四件套":          "100%: 真实的背景事实",
		"截至今天本商场唯一的溜冰场":      "唯一: 写明时间、地域",
		"我们追求极致的服务":          "极致: 不直接指向商品",
		"全网品质最佳":             "",
		"极致吸尘器八折":            "",
		"月饼最佳食用时间为七日，品质全网最佳": "",
	} {
		f := b.NewFacts()
		f.String(rulebook.Category, "MKT")
		f.Text(&lexicon.Traits{Refusal: "r", RefusalLast: true, Addressed: true}, b.Words(text, lexicon.Fold(text)), rulebook.Sender{})
		found, _ := b.Evaluate(rulebook.StageShared, f, time.Date(2026, 11, 2, 10, 0, 0, 0, rulebook.Shanghai))
		r := rulebook.Refusing(found)
		if r == nil || r.Outcome != rulebook.Hold || r.Rule != "AD-01" {
			t.Errorf("%s: %+v", text, found)
			continue
		}
		got := ""
		for _, x := range r.Exceptions {
			if x.En == "" {
				t.Errorf("%s: %+v", text, x)
			}
			got += x.Word + ": " + x.Zh
		}
		if !strings.HasPrefix(got, want) || (got == "") != (want == "") {
			t.Errorf("%s: shown %q, want %q", text, got, want)
		}
	}
}

// The words of a trade are named with what the channel refuses, and not those that it takes.
func TestRefusedTradesNameTheirWords(t *testing.T) {
	t.Parallel()
	b := book(t)
	const text = "办理贷款送优惠券"
	f := b.NewFacts()
	f.String(rulebook.Category, "MKT")
	f.Text(&lexicon.Traits{Refusal: "r", RefusalLast: true, Addressed: true}, b.Words(text, lexicon.Fold(text)), rulebook.Sender{})
	for taken, want := range map[string]string{"": "贷款 优惠券", "coupons": "贷款", "loans": "优惠券", "loans coupons": ""} {
		g := f.Clone()
		g.Industries(strings.Fields(taken))
		found, _ := b.Evaluate(rulebook.StageChannel, g, time.Date(2026, 11, 2, 10, 0, 0, 0, rulebook.Shanghai))
		got := ""
		for _, x := range found {
			got += strings.Join(x.Words, " ")
		}
		if got != want {
			t.Errorf("%q: %q is named, want %q", taken, got, want)
		}
	}
}
