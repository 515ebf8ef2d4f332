package lexicon

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func words(t testing.TB) *Words {
	t.Helper()
	w, err := NewWords([]List{
		{Name: "gambling", Words: []string{"百家乐", "赌球", "pos机"}},
		{Name: "absolute", Words: []string{"第一", "no.1", "100%"}, Harmless: []string{"第一时间", "第一季度"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWords(t *testing.T) {
	t.Parallel()
	w := words(t)
	short := func(hits []Hit) string {
		out := []string{}
		for _, h := range hits {
			out = append(out, fmt.Sprintf("{%s %s %t}", h.List, h.Word, h.Disguised))
		}
		return fmt.Sprint(out)
	}
	for text, want := range map[string]string{
		"百家乐开户":          "[{gambling 百家乐 false}]",
		"百 家-乐开户":        "[{gambling 百家乐 true}]",
		"百\u200b家乐":      "[{gambling 百家乐 true}]",
		"百家，乐在其中":        "[]", // a stop ends the phrase
		"百家乐、百 家 乐":      "[{gambling 百家乐 false}]",
		"办ＰＯＳ机":          "[{gambling pos机 false}]",
		"办POS机":          "[{gambling pos机 false}]",
		"销量第一":           "[{absolute 第一 false}]",
		"第一时间通知您":        "[]",
		"第一时间通知您，销量第一":   "[{absolute 第一 false}]",
		"销量NO.1":         "[{absolute no.1 false}]",
		"CASINO.1":       "[]",
		"销量NO.12":        "[]",
		"100%有效，2100%无效": "[{absolute 100% false}]",
		"赌球第一":           "[{gambling 赌球 false} {absolute 第一 false}]",
		"":               "[]",
		"百":              "[]",
	} {
		if got := short(w.Find(text, Fold(text))); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

// What hides a word from a plain search is seen through and told (TPL-14), and the hit says
// where it stands in the text as it came.
func TestDisguisesAreSeenThrough(t *testing.T) {
	t.Parallel()
	w, err := NewWords([]List{
		{Name: "lead", Words: []string{"加微信", "加qq群", "关注公众号"}},
		{Name: "gambling", Words: []string{"百家乐", "赌球", "casino"}, Spellings: map[string][]string{"百家乐": {"baijiale", "bjl平台"}}},
		{Name: "loan", Words: []string{"办贷款", "信用卡套现"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"请加微信领取":            "加微信=加微信 open",
		"请加威信领取":            "加微信=加威信 hidden",
		"请加薇信领取":            "加微信=加薇信 hidden",
		"请加V信领取":            "加微信=加V信 hidden",
		"请加 W X 领取":         "加微信=加 W X hidden",
		"请力口微信领取":           "加微信=力口微信 hidden",
		"请力口薇信领取":           "加微信=力口薇信 hidden",
		"请加扣扣群":             "加qq群=加扣扣群 hidden",
		"请加ＱＱ群":             "加qq群=加ＱＱ群 open",
		"請關注公眾號":            "关注公众号=關注公眾號 hidden",
		"赌王求今晚":             "",
		"贝者球今晚":             "赌球=贝者球 hidden",
		"BaiJiaLe开户":        "百家乐=BaiJiaLe hidden",
		"就上BJL平台":           "百家乐=BJL平台 hidden",
		"订单BJL已出":           "",
		"саsinо今晚":          "casino=саsinо hidden",
		"亻言用卡套现":            "信用卡套现=亻言用卡套现 hidden",
		"办_亻弋款":             "",
		"办代贝款":              "办贷款=办代贝款 hidden",
		"【】，百\u200b家*乐，百家乐": "百家乐=百\u200b家*乐 hidden",
		"本店威信很高":            "",
		"我的qq群里":            "",
	} {
		got := ""
		for _, h := range w.Find(text, Fold(text)) {
			got += h.Word + "=" + text[h.From:h.To] + map[bool]string{true: " hidden", false: " open"}[h.Disguised]
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// Words that mean something only beside others: 移动 of a carrier and of a table.
func TestListCountsOnlyWithWhatItNeeds(t *testing.T) {
	t.Parallel()
	w, err := NewWords([]List{{Name: "carrier", Words: []string{"移动", "电信"}, With: []string{"套餐", "宽带"}, Harmless: []string{"移动电源"}}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"移动套餐八折": 1, "宽带装机，电信办理": 1, "移动餐车到店": 0, "移动电源八折，送套餐": 0, "套餐八折": 0, "移动、电信宽带": 2,
	} {
		if got := w.Find(text, Fold(text)); len(got) != want {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

// A word is an exception only if it is one wherever it stands.
func TestExceptionHoldsEverywhereOrNotAtAll(t *testing.T) {
	t.Parallel()
	w, err := NewWords([]List{{
		Name: "absolute", Words: []string{"最佳"},
		Exceptions: []*regexp.Regexp{regexp.MustCompile(`最佳食用(?:时间|期)`), regexp.MustCompile(`本店[^，]{0,6}最佳`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"品质最佳": 0, "月饼最佳食用时间七日": 1, "本店月度最佳": 2, "月饼最佳食用期七日，品质最佳": 0, "品质最佳，月饼最佳食用期七日": 0,
		"本店八折。品质最佳": 0, "最\u200b佳食用时间": 0, "最佳食用期、本店最佳": 1,
	} {
		hits := w.Find(text, Fold(text))
		if len(hits) != 1 || hits[0].Exception != want {
			t.Errorf("%q: %+v, want exception %d", text, hits, want)
		}
	}
}

// Data files hold what they should: no character is searched as one that is searched as
// another, and no radical begins a word of its own.
func TestDataFilesAreSound(t *testing.T) {
	t.Parallel()
	if len(fields(traditionalData)) < 1000 || len(joined) < 80 || len(pieces) < 20 {
		t.Errorf("%d pairs, %d splits, %d pieces", len(fields(traditionalData)), len(joined), len(pieces))
	}
	for _, pair := range fields(traditionalData) {
		r := []rune(pair)
		if len(r) != 2 || r[0] == r[1] || simplified(r[0]) != r[1] || simplified(r[1]) != r[1] {
			t.Errorf("%s is no pair of a traditional character and its simplified one", pair)
		}
	}
	for _, three := range fields(splitData) {
		if r := []rune(three); len(r) != 3 || r[0] < firstHan || r[0] > lastHan || joined[string(r[:2])] != r[2] {
			t.Errorf("%s is no radical, rest and character, or stands twice with another", three)
		}
	}
}

// Wherever a word is put, the hit gives its place.
func TestPlacesAreThoseOfTheTextAsItCame(t *testing.T) {
	t.Parallel()
	w := words(t)
	rapid.Check(t, func(t *rapid.T) {
		noise := rapid.SliceOfN(rapid.SampledFrom([]string{"尊", "，", "。", "①", "Ａ", "\u200b", "é", "㍿", "亻", "〜", "關", "\u0301", " ", "🎉"}), 0, 8)
		spelling := rapid.SampledFrom([]string{"百家乐", "百 家乐", "百\u200b家-乐", "百家樂"}).Draw(t, "spelling")
		before, after := strings.Join(noise.Draw(t, "before"), ""), strings.Join(noise.Draw(t, "after"), "")
		text := before + spelling + after
		hits := w.Find(text, Fold(text))
		if len(hits) != 1 || hits[0].From != len(before) || !strings.HasPrefix(text[hits[0].From:hits[0].To], strings.TrimRight(spelling, "\u200b")) {
			t.Fatalf("%+q: %+v", text, hits)
		}
	})
}

func FuzzFind(f *testing.F) {
	w := words(f)
	for _, s := range []string{"百 家 乐", "賭球", "亻言第一", "\xff百家乐", "㍿第一", "〜100%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		folded := Fold(s)
		if n := len(origins(s, len(folded))); n != len(folded)+1 {
			t.Errorf("%+q folds to %d bytes, and %d have an origin", s, len(folded), n-1)
		}
		for _, h := range w.Find(s, folded) {
			if h.From < 0 || h.To > len(s) || h.From >= h.To {
				t.Errorf("%+q: %+v", s, h)
			}
		}
	})
}

func TestWordsThatCannotBeSearchedAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "赌", "赌-", "\u200b\u200b", strings.Repeat("长", 33)} {
		if _, err := NewWords([]List{{Name: "x", Words: []string{bad}}}); err == nil || !strings.Contains(err.Error(), "list x") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, bad := range []map[string][]string{{"赌博": {"dubo"}}, {"赌球": {"dq"}}} {
		if _, err := NewWords([]List{{Name: "x", Words: []string{"赌球"}, Spellings: bad}}); err == nil || !strings.Contains(err.Error(), "list x") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

// Every word of a text is found, and nothing that is not in it.
func TestWordsAgreeWithASearchForEach(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		letter := rapid.SampledFrom([]rune("赌球博彩第一，a1"))
		list := rapid.SliceOfDistinct(rapid.StringOfN(letter, 2, 4, -1), rapid.ID[string]).Draw(t, "words")
		text := rapid.StringOfN(letter, 0, 20, -1).Draw(t, "text")
		w, err := NewWords([]List{{Name: "x", Words: list}})
		if err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, h := range w.Find(text, Fold(text)) {
			got = append(got, h.Word)
		}
		for _, word := range list {
			for at := 0; at+len(word) <= len(text); at++ {
				if text[at:at+len(word)] == word && bounded(text, at, at+len(word)) {
					want = append(want, word)
					break
				}
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("found %v, there are %v", got, want)
		}
	})
}

// 100,000 words and a text of 200 characters.
func BenchmarkFind(b *testing.B) {
	var list []string
	for i := range 100_000 {
		list = append(list, string([]rune{rune(0x4e00 + i%5000), rune(0x4e00 + i/20), rune(0x4e00 + i%77)}))
	}
	w, err := NewWords([]List{{Name: "x", Words: list}})
	if err != nil {
		b.Fatal(err)
	}
	text := strings.Repeat("尊敬的会员，今日全场八折，详询客服热线，", 10)
	folded := Fold(text)
	b.ReportAllocs()
	for b.Loop() {
		w.Find(text, folded)
	}
}

// A list of a million words is compiled and searched; one more is refused.
func TestAMillionWords(t *testing.T) {
	words := make([]string, MaxWords)
	for i := range words {
		words[i] = fmt.Sprintf("词%06d语", i)
	}
	w, err := NewWords([]List{{Name: "large", Words: words}})
	if err != nil {
		t.Fatal(err)
	}
	if hits := w.Find("前词123456语后", Fold("前词123456语后")); len(hits) != 1 || hits[0].Word != "词123456语" {
		t.Errorf("%+v", hits)
	}
	if _, err := NewWords([]List{{Name: "large", Words: words}, {Name: "one", Words: []string{"再一"}}}); err == nil || !strings.Contains(err.Error(), "more than 1000000 words") {
		t.Errorf("%v", err)
	}
}
