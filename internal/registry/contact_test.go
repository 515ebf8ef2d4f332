package registry

import (
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// A filed host stands for those below it, a filed path for what goes on after a stroke, and
// neither for what merely looks like it.
func TestFiledContactsCover(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, filed, text string
		covers            bool
	}{
		{Link, "example.com", "https://example.com/a", true},
		{Link, "example.com", "见 www.example.com", true},
		{Link, "example.com", "https://example.com:8443/a?b=c", true},
		{Link, "example.com", "https://badexample.com", false},
		{Link, "example.com", "https://example.com.evil.cn", false},
		{Link, "example.com", "https://example.com@evil.cn/a", false},
		{Link, "https://Example.com/", "https://example.com", true},
		{Link, "example.com/shop", "https://example.com/shop", true},
		{Link, "example.com/shop", "https://example.com/shop/1", true},
		{Link, "example.com/shop", "https://example.com/shop?id=1", true},
		{Link, "example.com/shop", "https://example.com/shopping", false},
		{Link, "example.com/shop", "https://m.example.com/shop", false},
		{Link, "example.com/shop", "https://example.com", false},
		{Telephone, "95000", "热线95000", true},
		{Telephone, "95000", "热线95001", false},
		{Telephone, "400-000-0000", "4000000000", true},
		{Telephone, "010 00000000", "电话010-00000000", true},
		{Telephone, "010 00000000", "电话01000000001", false},
	} {
		f := ContactFiling{Kind: c.kind, Value: c.filed}
		if err := f.Normalise(); err != nil {
			t.Errorf("%s: %v", c.filed, err)
			continue
		}
		_, marks := lexicon.Read(c.text, lexicon.Fold(c.text))
		if len(marks) != 1 {
			t.Fatalf("%s: %+v", c.text, marks)
		}
		f.State = Approved
		s := &Snapshot{additions: (&Additions{Contacts: []ContactFiling{f}}).index()}
		if got := s.Contact(0, "", &marks[0], 1) != nil; got != c.covers {
			t.Errorf("%s stands for %s (%s): %t", c.filed, c.text, marks[0].Value, got)
		}
	}
}

// What is no contact, more than one, or one that no text may hold, is not filed.
func TestContactsThatCantBeFiled(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{Link, "localhost"},
		{Link, "example.com 或 example.org"},
		{Link, "好"},
		{Link, "010-00000000"},
		{Telephone, "13000000001"},
		{Telephone, "example.com"},
		{Telephone, "12345"},
		{Telephone, "4000000000,4000000001"},
		{Telephone, "微信zhunxin1"},
	} {
		if err := (&ContactFiling{Kind: c[0], Value: c[1]}).Normalise(); err == nil {
			t.Errorf("%s %s is taken", c[0], c[1])
		}
	}
}

// A sheet has what waits for its carrier, and no formula.
func TestContactSheet(t *testing.T) {
	t.Parallel()
	s := &Snapshot{Party: map[sms.ID]*Party{1: {ID: 1, Name: "=示例"}}, additions: (&Additions{Contacts: []ContactFiling{
		{ID: 8, PartyID: 1, Carrier: sms.Mobile, Kind: Telephone, Value: "95000", State: Draft},
		{ID: 7, PartyID: 1, Carrier: sms.Mobile, Kind: Link, Value: "example.com", State: Draft},
		{ID: 6, PartyID: 1, Carrier: sms.Mobile, Kind: Link, Value: "example.org", State: Submitted, Batch: 5},
		{ID: 9, PartyID: 1, Carrier: sms.Unicom, Kind: Link, Value: "example.com", State: Draft},
	}}).index()}
	var b strings.Builder
	if err := s.WriteContactSheet(&b, 4, s.ContactSheet(sms.Mobile, 0)); err != nil {
		t.Fatal(err)
	}
	if want := "ZX-4-7,'=示例,,链接,example.com\r\nZX-4-8,'=示例,,电话,95000\r\n"; !strings.HasSuffix(b.String(), want) || strings.Count(b.String(), "\n") != 3 {
		t.Errorf("%s", b.String())
	}
	if list := s.ContactSheet(sms.Mobile, 5); len(list) != 1 || list[0].ID != 6 {
		t.Errorf("%+v", list)
	}
}
