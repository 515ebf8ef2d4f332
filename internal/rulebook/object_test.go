package rulebook_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/rulebook"
)

var morning = time.Date(2026, 11, 23, 10, 0, 0, 0, rulebook.Shanghai)

func rulesOf(found []rulebook.Finding) (ids []string) {
	for _, f := range found {
		ids = append(ids, f.Rule)
	}
	return ids
}

// What is not known of an object stands against it (P11).
func TestUnknownFactStandsAgainstAnObject(t *testing.T) {
	t.Parallel()
	b := book(t)
	if found := b.Judge(rulebook.ObjectLicence, map[string]any{"licence.own_name": true}, morning); !slices.Equal(rulesOf(found), []string{"LIC-04", "LIC-07"}) {
		t.Errorf("%v", found)
	}
	if found := b.Judge(rulebook.ObjectLicence, map[string]any{"licence.own_name": true, "licence.elsewhere": int64(0), "licence.provinces": int64(31), "licence.capital": int64(10_000_000)}, morning); found != nil {
		t.Errorf("%v", found)
	}
}

// A refusal of an object names its article and its parameters, as one of a message does.
func TestFindingAboutAnObjectIsComplete(t *testing.T) {
	t.Parallel()
	found := book(t).JudgeSignature(&rulebook.SignatureClaim{Text: "示", Source: "company_short", Name: "示例商城", Entity: "company"}, morning)
	if len(found) != 1 || found[0].Rule != "SIG-02" || len(found[0].Articles) != 1 || found[0].Reason.Zh != "签名须为 2 至 32 个汉字、字母或数字，含汉字，不含空格、符号或“测试”字样" {
		t.Errorf("%+v", found)
	}
}

// A template is judged by what every message of it would say, and by nothing that only a
// message has.
func TestTemplateIsJudgedByItsText(t *testing.T) {
	t.Parallel()
	b := book(t)
	for body, want := range map[string][]string{
		"尊敬的会员，本店今日试营业，保本理财稳赚不赔，拒收请回复R":     {"AD-11"},
		"您好，本店今日试营业，欢迎会员光临，拒收请回复R":          nil,
		"您好，本店今日试营业★，欢迎会员光临，拒收请回复R":         {"TPL-03"},
		"尊敬的会员，本店今日试营业，请加微信：abcdefg，拒收请回复R": {"TPL-11"},
	} {
		found, err := b.JudgeTemplate(&rulebook.TemplateClaim{Category: "MKT", Signature: "示例商城", Body: body, Sample: body, Form: true}, morning)
		if err != nil {
			t.Fatal(err)
		}
		if got := rulesOf(found); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
	if _, err := b.JudgeTemplate(&rulebook.TemplateClaim{Category: "NOTICE", Signature: "示例", Body: "\xff", Sample: "\xff"}, morning); err == nil {
		t.Error("bytes that are no text are judged")
	}
}
