package edition_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/edition"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// stored are activated packs with their texts.
type stored map[sms.ID]string

func (s stored) RulePackText(_ context.Context, id sms.ID) (text, cases []byte, err error) {
	if s[id] == "" {
		return nil, nil, errors.New("the database is away")
	}
	return []byte(s[id]), nil, nil
}

// shelve gives the edition of packs.
func shelve(s *edition.Shelf, texts stored, active []registry.RulePack) (*edition.Edition, error) {
	t, err := s.Read(context.Background(), texts, active)
	if err != nil {
		return nil, err
	}
	return s.Compile(t), nil
}

// row is what the registry says of a pack.
func row(t *testing.T, id sms.ID, text string) registry.RulePack {
	t.Helper()
	p, err := rulebook.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(text))
	return registry.RulePack{ID: id, Name: p.Name, Version: p.Version, Layer: p.Layer, Hash: sum[:], State: registry.Active}
}

// program is a shelf whose law pack has a version.
func program(t *testing.T, version string) (*edition.Shelf, string) {
	t.Helper()
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	law := regexp.MustCompile(`(?m)^version: .*$`).ReplaceAllString(string(packs[0]), "version: "+version)
	packs[0] = []byte(law)
	s, err := edition.NewShelf(packs)
	if err != nil {
		t.Fatal(err)
	}
	return s, law
}

// Of an activated law pack and the program's own the newer one runs, so that an upgrade
// brings its law with it; which one does, and why, is said.
func TestNewerOfTwoLawPacksRuns(t *testing.T) {
	t.Parallel()
	_, text := program(t, "2026.12")
	active := []registry.RulePack{row(t, 7, text)}
	for own, want := range map[string]string{"2026.11.2": "law@2026.12,", "2026.9": "law@2026.12,", "2026.12": "law@2026.12,", "2026.12.1": "law@2026.12.1,", "2027.1": "law@2027.1,"} {
		s, _ := program(t, own)
		e, err := shelve(s, stored{7: text}, active)
		if err != nil {
			t.Fatal(err)
		}
		book, err := e.Book()
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(book.Versions(), want) {
			t.Errorf("the program has %s: %s runs", own, book.Versions())
		}
		runs := ""
		for _, x := range e.Standings {
			if x.Why.Zh == "" || x.Why.En == "" {
				t.Errorf("%+v says no why", x)
			}
			if x.Name == "law" && x.Runs {
				runs += x.Name + "@" + x.Version + ","
			}
		}
		if runs != want {
			t.Errorf("the program has %s: it says that %s runs", own, runs)
		}
	}
}

// P11: packs that this program can't load, or that were altered, leave it without any
// rulebook, and never with an older one; a store that is away is asked again.
func TestPackThatDoesNotLoad(t *testing.T) {
	t.Parallel()
	s, _ := program(t, "2026.11.2")
	loose := "pack: house\nversion: '1'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1260}]\n"
	fine := "pack: house\nversion: '2'\nlayer: house\nadjust: [{rule: TIM-01, param: close, value: 1140}]\n"
	altered := row(t, 9, fine)
	altered.Hash = make([]byte, 32)
	for name, c := range map[string]struct {
		active registry.RulePack
		texts  stored
	}{
		"looser than the law": {row(t, 8, loose), stored{8: loose}},
		"altered":             {altered, stored{9: fine}},
	} {
		e, err := shelve(s, c.texts, []registry.RulePack{c.active})
		if err != nil {
			t.Fatal(name, err)
		}
		book, err := e.Book()
		var known *sms.Error
		if book != nil || !errors.As(err, &known) || known.Code != sms.RulebookUnusable {
			t.Errorf("%s: %v, %v", name, book != nil, err)
		}
	}
	good := []registry.RulePack{row(t, 10, fine)}
	if _, err := shelve(s, stored{}, good); err == nil {
		t.Error("a text that can't be read gives an edition")
	}
	e, err := shelve(s, stored{10: fine}, good)
	if err != nil {
		t.Fatal(err)
	}
	if book, err := e.Book(); err != nil || !strings.HasSuffix(book.Versions(), ",house@2") {
		t.Errorf("afterwards: %v", err)
	}
}
