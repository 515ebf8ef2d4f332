package rulebook_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

// recorded reads a record.
func recorded(t interface{ Fatal(...any) }, doc []byte) (out map[string]any) {
	if err := json.Unmarshal(doc, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever the facts are, their record is JSON as the standard library writes it, in order of
// names, and holds every fact of its stages and nothing else but lexicons without a word.
func TestRecordHoldsTheFactsOfItsStages(t *testing.T) {
	t.Parallel()
	b := book(t)
	rapid.Check(t, func(rt *rapid.T) {
		f, want := b.NewFacts(), map[string]any{}
		for stage := rulebook.StageShared; stage <= rulebook.StageChannel; stage++ {
			for _, name := range b.FactsOf(stage) {
				v := drawFact(rt, f, name)
				if stage != rulebook.StageRecipient && (v != int64(0) || !strings.HasPrefix(name, "lex.")) {
					want[name] = v
				}
			}
		}
		for _, stage := range []rulebook.Stage{rulebook.StageShared, rulebook.StageChannel} {
			mine := map[string]any{"against": []string{"A"}, "channel": "7", "zzz": nil}
			for _, name := range b.FactsOf(stage) {
				if v, ok := want[name]; ok {
					mine[name] = v
				}
			}
			doc, _ := json.Marshal(mine)
			got := f.Record(stage, stage, rulebook.Member{Name: "against", Value: []byte(`["A"]`)}, rulebook.Member{Name: "channel", Value: []byte(`"7"`)}, rulebook.Member{Name: "zzz", Value: []byte("null")})
			if string(got) != string(doc) {
				rt.Fatalf("the record is %s, want %s", got, doc)
			}
		}
		if both := recorded(rt, f.Record(rulebook.StageShared, rulebook.StageChannel)); len(both) < len(want) {
			rt.Fatalf("of all stages %d facts are recorded, of two %d", len(both), len(want))
		}
	})
	if doc := book(t).NewFacts().Record(rulebook.StageRecipient, rulebook.StageShared); !reflect.DeepEqual(recorded(t, doc), map[string]any{}) {
		t.Errorf("no stage has facts, the record is %s", doc)
	}
}

// drawFact sets a fact to any value of its type, and returns that.
func drawFact(t *rapid.T, f *rulebook.Facts, name string) any {
	for _, v := range []any{
		rapid.Bool().Draw(t, name), rapid.SampledFrom([]int64{0, 0, 1, -5, 1 << 60}).Draw(t, name), rapid.OneOf(rapid.StringMatching(`[a-zA-Z ,.:]{0,8}`), rapid.String()).Draw(t, name),
	} {
		if f.Set(name, v) {
			return v
		}
	}
	t.Fatalf("%s takes no value", name)
	return nil
}

func BenchmarkRecord(b *testing.B) {
	f := book(b).NewFacts()
	b.ReportAllocs()
	for b.Loop() {
		f.Record(rulebook.StageShared, rulebook.StageShared)
	}
}
