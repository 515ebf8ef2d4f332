package consent

import (
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// CNS-10: a consent is to the kinds that it names, or to promotion when it names none.
func TestConsentsCoverTheirKinds(t *testing.T) {
	t.Parallel()
	for claims, want := range map[string]string{
		"": "promotion", "age=ADULT,guardian": "promotion", "kinds=event": "event", "age=ADULT,kinds=event+finance,recipient_named": "event finance", "kinds=": "", "xkinds=event": "promotion",
	} {
		got := ""
		for _, k := range ContentKinds {
			if (&Grant{Claims: claims}).CoversKind(k) {
				got += " " + k
			}
		}
		if got != "" {
			got = got[1:]
		}
		if got != want {
			t.Errorf("%q covers %q, not %q", claims, got, want)
		}
	}
	grants := []Grant{{ID: 1, Purpose: sms.MKT, Grade: HostedPage, ValidFrom: 1}, {ID: 2, Purpose: sms.MKT, Grade: Import, ValidFrom: 1, Claims: "kinds=event"}}
	for kind, want := range map[string]sms.ID{"": 1, Promotion: 1, "event": 2, "finance": 0} {
		var got sms.ID
		if g := Best(grants, sms.MKT, kind, 2, 0); g != nil {
			got = g.ID
		}
		if got != want {
			t.Errorf("best of %q is %d, not %d", kind, got, want)
		}
	}
}

// A statement takes its kinds from its wording, keeps to them, and says them in its claims.
func TestStatementsKeepToTheirWordingsKinds(t *testing.T) {
	t.Parallel()
	packs, err := rulebook.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	book, err := rulebook.Load(packs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		types  string
		stated []string
		claims string
		rule   string
	}{
		{"", nil, "", ""},
		{"event,finance", nil, "kinds=event+finance", ""},
		{"event,finance", []string{"finance"}, "kinds=finance", ""},
		{"event", []string{"event", "finance"}, "kinds=event+finance", "CNS-05"},
		{"", []string{"promotion"}, "kinds=promotion", ""},
		{"", []string{"event"}, "kinds=event", "CNS-05"},
	} {
		s := Statement{Method: "form", Source: "shop", Wording: &Wording{Types: c.types, PerWeek: 1, Days: 1}, GivenAt: 1, Kinds: c.stated}
		found := s.Judge(book, time.Now())
		rule := ""
		if len(found) > 0 {
			rule = found[0].Rule
		}
		if rule != c.rule || s.Claims() != c.claims {
			t.Errorf("%q, %v: %q, %q", c.types, c.stated, rule, s.Claims())
		}
		var back Statement
		if back.read(s.Claims()); back.Claims() != c.claims {
			t.Errorf("%q comes back as %q", c.claims, back.Claims())
		}
	}
}
