package dialect

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// How variables stand in a wording: ours have a type, Aliyun's a name, Tencent Cloud's a number.
var (
	ourVariable     = regexp.MustCompile(`\$\{([a-z][a-z0-9_]{0,31}):([a-z]+)\}`)
	aliyunVariable  = regexp.MustCompile(`\$\{([^{}]*)\}`)
	tencentVariable = regexp.MustCompile(`\{([^{}]*)\}`)
	variableName    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
)

// aliyunRules are the types of Aliyun's TemplateRule, and ours for each. Links, telephones and
// other contacts stand in no variable (TPL-10, TPL-11): their types have none.
var aliyunRules = map[string]string{
	"numberCaptcha": "code", "characterWithNumber": "code", "characterWithNumber2": "code", "verifyTime": "digits", "time": "date", "money": "amount",
	"user_nick": "name", "name": "name", "unit_name": "name", "address": "text", "license_plate_number": "text", "tracking_number": "text", "pick_up_code": "text",
	"other_number": "text", "other_number2": "text", "others": "text",
	"phone_number": "", "phone_number2": "", "email_address": "", "link_param": "",
}

// aliyunRuleOf is Aliyun's type that is nearest to one of ours.
var aliyunRuleOf = map[string]string{
	"code": "characterWithNumber2", "digits": "other_number2", "amount": "money", "date": "time", "name": "user_nick", "text": "others", "link": "link_param",
}

// slot is a variable of a cloud's wording.
type slot struct {
	from, to   int
	name, kind string
}

// misformed says what is wrong with a wording as such.
func misformed(format string, args ...any) error {
	return as(sms.Errorf(sms.BadText, "TemplateContent", format, args...), "isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.InvalidTemplateFormat")
}

// badVariable says that a variable can't be had.
func badVariable(field, format string, args ...any) error {
	return as(sms.Errorf(sms.VariableForbidden, field, format, args...), "isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.UnsupportedTemplateVariable")
}

// aliyunBody writes Aliyun's wording with our variables. A variable has the type that rules gives
// it, or that stands with it as ${name:type}, or that its place suggests.
func aliyunBody(c sms.Category, content, rules string) (string, error) {
	types, err := aliyunTypes(rules)
	if err != nil {
		return "", err
	}
	var slots []slot
	for _, m := range aliyunVariable.FindAllStringSubmatchIndex(content, -1) {
		name, kind, _ := strings.Cut(content[m[2]:m[3]], ":")
		if name = strings.ToLower(name); !variableName.MatchString(name) {
			return "", misformed("the name of a variable begins with a letter and has letters, digits and _, 32 at most: not ${%.20s}", name)
		}
		if t, ok := types[name]; ok {
			kind = t
			delete(types, name)
		}
		slots = append(slots, slot{m[0], m[1], name, kind})
	}
	for name := range types {
		return "", badVariable("TemplateRule", "the wording has no variable %.20s", name)
	}
	return typed(c, content, slots)
}

// aliyunTypes reads TemplateRule.
func aliyunTypes(rules string) (map[string]string, error) {
	if rules == "" {
		return nil, nil
	}
	var raw map[string]string
	if err := json.Unmarshal([]byte(rules), &raw); err != nil {
		return nil, as(sms.Errorf(sms.VariablesUnreadable, "TemplateRule", "it is no JSON object of texts"), "isv.INVALID_JSON_PARAM", "FailedOperation.JsonParseFail")
	}
	out := map[string]string{}
	for name, rule := range raw {
		kind, ok := aliyunRules[rule]
		switch {
		case !ok:
			return nil, badVariable("TemplateRule", "%.20s is none of Aliyun's types of variables", rule)
		case kind == "":
			return nil, badVariable("TemplateRule", "links and contacts stand in no variable: write them into the text (TPL-10, TPL-11)")
		}
		out[strings.ToLower(name)] = kind
	}
	return out, nil
}

// tencentBody writes Tencent Cloud's wording with our variables: {1} is ${p1:type}.
func tencentBody(c sms.Category, content string) (string, error) {
	var slots []slot
	for i, m := range tencentVariable.FindAllStringSubmatchIndex(content, -1) {
		if content[m[2]:m[3]] != strconv.Itoa(i+1) || strings.HasSuffix(content[:m[0]], "$") {
			return "", misformed("variables are {1}, {2} and so on, in this order, with no $ before them: not {%.20s}", content[m[2]:m[3]])
		}
		slots = append(slots, slot{from: m[0], to: m[1], name: "p" + strconv.Itoa(i+1)})
	}
	return typed(c, content, slots)
}

// typed gives the variables their types, and makes sure that the wording is one.
func typed(c sms.Category, content string, slots []slot) (string, error) {
	if c == sms.OTP && !slices.ContainsFunc(slots, func(x slot) bool { return x.kind == "code" }) {
		if i := codeOf(content, slots); i >= 0 {
			slots[i].kind = "code"
		}
	}
	var b strings.Builder
	at := 0
	for _, x := range slots {
		if x.kind == "" {
			x.kind = suggested(content[x.to:])
		}
		b.WriteString(content[at:x.from] + "${" + x.name + ":" + x.kind + "}")
		at = x.to
	}
	b.WriteString(content[at:])
	body := b.String()
	if rest := ourVariable.ReplaceAllString(body, ""); strings.ContainsAny(rest, "{}") {
		return "", misformed("a { or } stands by itself")
	}
	if _, err := registry.Compile(body); err != nil {
		return "", misformed("%s", err)
	}
	return body, nil
}

// codeOf finds the variable of a verification code that holds it: by its name, else the first
// that counts nothing; -1 when there is none.
func codeOf(content string, slots []slot) int {
	first := -1
	for i, x := range slots {
		if x.kind != "" {
			continue
		}
		if strings.Contains(x.name, "code") || strings.Contains(x.name, "captcha") || strings.Contains(x.name, "otp") {
			return i
		}
		if first < 0 && suggested(content[x.to:]) == "text" {
			first = i
		}
	}
	return first
}

// suggested is the type that what stands behind a variable says, else the widest one.
func suggested(behind string) string {
	for _, unit := range []string{"分钟", "秒", "小时"} {
		if strings.HasPrefix(behind, unit) {
			return "digits"
		}
	}
	if strings.HasPrefix(behind, "元") {
		return "amount"
	}
	return "text"
}

// aliyunContent writes our wording as Aliyun does, and the types of its variables.
func aliyunContent(body string) (content, attribute string) {
	types := map[string]string{}
	content = ourVariable.ReplaceAllStringFunc(body, func(v string) string {
		m := ourVariable.FindStringSubmatch(v)
		types[m[1]] = aliyunRuleOf[m[2]]
		return "${" + m[1] + "}"
	})
	if len(types) == 0 {
		return content, ""
	}
	b, _ := json.Marshal(types) // of texts: it always has its JSON
	return content, string(b)
}

// tencentContent writes our wording as Tencent Cloud does: variables by their place, as SendSms
// takes their values.
func tencentContent(body string) string {
	n := 0
	return ourVariable.ReplaceAllStringFunc(body, func(string) string {
		n++
		return "{" + strconv.Itoa(n) + "}"
	})
}
