package lexicon

import (
	"fmt"
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
		if got := fmt.Sprint(w.Find(text, Fold(text))); got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestWordsThatCannotBeSearchedAreRefused(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "赌", "赌-", "\u200b\u200b", strings.Repeat("长", 33)} {
		if _, err := NewWords([]List{{Name: "x", Words: []string{bad}}}); err == nil || !strings.Contains(err.Error(), "list x") {
			t.Errorf("%q: %v", bad, err)
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
