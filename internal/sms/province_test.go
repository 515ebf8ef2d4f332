package sms

import "testing"

func TestCoverage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]Province{
		"": nil, " ": nil, "44": {"44"}, "广东, 广西壮族自治区,北京市": {"11", "44", "45"}, "31,上海,上海市": {"31"},
	} {
		c, err := ParseCoverage(text)
		if err != nil {
			t.Fatal(err)
		}
		covered := map[Province]bool{}
		for _, p := range want {
			covered[p] = true
		}
		for _, p := range Provinces() {
			if c.Covers(p.Code) != covered[p.Code] {
				t.Errorf("%q covers %s: %t", text, p.Zh, c.Covers(p.Code))
			}
		}
		if c.Covers("") || c.Count() != len(want) {
			t.Errorf("%q covers %d provinces, what is unknown: %t", text, c.Count(), c.Covers(""))
		}
	}
	for _, text := range []string{"44,", "99", "广", "广东省广州市", "Guangdong", "台湾"} {
		if c, err := ParseCoverage(text); err == nil {
			t.Errorf("%q is %b", text, c)
		}
	}
	if all, err := ParseCoverage("44,*"); err != nil || !all.Covers("") || !all.Covers("65") || all.Count() != 31 {
		t.Errorf("the whole country is %b, %v", all, err)
	}
}

func TestProvincesHaveTheirPlaces(t *testing.T) {
	t.Parallel()
	for i, p := range Provinces() {
		if p.Code.Index() != i+1 || ProvinceAt(i+1) != p.Code {
			t.Errorf("%s is at %d, where %s stands", p.Zh, p.Code.Index(), ProvinceAt(i+1))
		}
	}
	if Province("").Index() != 0 || Province("99").Index() != 0 || ProvinceAt(0) != "" || ProvinceAt(32) != "" || ProvinceAt(-1) != "" {
		t.Error("what is no province has a place")
	}
}
