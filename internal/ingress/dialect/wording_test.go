package dialect

import (
	"errors"
	"testing"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// A cloud's wording becomes one of ours: each variable has a type, said or suggested.
func TestCloudWordings(t *testing.T) {
	for _, v := range []struct {
		category        sms.Category
		content, rules  string
		want, code      string
		tencent, listed string // what comes back
	}{
		{sms.OTP, "您的验证码为${code}，${min}分钟内有效。", "", "您的验证码为${code:code}，${min:digits}分钟内有效。", "", "", "您的验证码为${code}，${min}分钟内有效。"},
		{sms.OTP, "${Product}的验证码为${verifyCode}", "", "${product:text}的验证码为${verifycode:code}", "", "", "${product}的验证码为${verifycode}"},
		{sms.OTP, "验证码${x}", `{"x":"numberCaptcha"}`, "验证码${x:code}", "", "", "验证码${x}"},
		{sms.Notice, "${name}，订单${no}共${sum}元，${t}送达。", `{"name":"user_nick","t":"time"}`, "${name:name}，订单${no:text}共${sum:amount}元，${t:date}送达。", "", "", "${name}，订单${no}共${sum}元，${t}送达。"},
		{sms.Notice, "订单${no:digits}已发出", "", "订单${no:digits}已发出", "", "", "订单${no}已发出"},
		{sms.Notice, "订单${no}", `{"no":"others","more":"others"}`, "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "订单${no}", `{"no":"phone_number2"}`, "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "订单${no}", `{"no":"anything"}`, "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "订单${no}", `["no"]`, "", "isv.INVALID_JSON_PARAM", "", ""},
		{sms.Notice, "订单${1}", "", "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "订单${no}、${no}", "", "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "【示例】订单", "", "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "订单{no}", "", "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.Notice, "订单${no", "", "", "isv.SMS_TEMPLATE_ILLEGAL", "", ""},
		{sms.OTP, "您的验证码为{1}，{2}分钟内有效。", "tencent", "您的验证码为${p1:code}，${p2:digits}分钟内有效。", "", "", "您的验证码为{1}，{2}分钟内有效。"},
		{sms.Notice, "{2}的订单{1}", "tencent", "", "isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.InvalidTemplateFormat", ""},
		{sms.Notice, "订单${1}", "tencent", "", "isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.InvalidTemplateFormat", ""},
		{sms.Notice, "订单{no}", "tencent", "", "isv.SMS_TEMPLATE_ILLEGAL", "InvalidParameterValue.InvalidTemplateFormat", ""},
	} {
		body, err := "", error(nil)
		var back string
		if v.rules == "tencent" {
			body, err = tencentBody(v.category, v.content)
			back = tencentContent(body)
		} else {
			body, err = aliyunBody(v.category, v.content, v.rules)
			back, _ = aliyunContent(body)
		}
		var word *told
		switch errors.As(err, &word); {
		case v.code == "" && (err != nil || body != v.want || back != v.listed):
			t.Errorf("%s: %s, back %s, %v", v.content, body, back, err)
		case v.code != "" && (word == nil || word.cloud.Aliyun != v.code || v.tencent != "" && word.cloud.Tencent != v.tencent):
			t.Errorf("%s: %s %v", v.content, body, err)
		}
	}
}

// Each of Aliyun's types is one of ours, or none; and each of ours is one of Aliyun's.
func TestTypesOfVariables(t *testing.T) {
	for rule, kind := range aliyunRules {
		if _, err := aliyunBody(sms.Notice, "订单${x}", `{"x":"`+rule+`"}`); (err == nil) != (kind != "") {
			t.Errorf("%s: %v", rule, err)
		}
	}
	for _, kind := range registry.VariableTypes() {
		if _, ok := aliyunRules[aliyunRuleOf[kind]]; !ok {
			t.Errorf("%s is none of Aliyun's", kind)
		}
	}
}

// Whatever a cloud's program sends as a wording is refused, or is a wording of ours that says
// the same.
func FuzzCloudWording(f *testing.F) {
	for _, s := range []string{"验证码${code}，${min}分钟", "{1}{2}", "${a:text}", "${", "{}", "${A}${a}", "】"} {
		f.Add(s, `{"a":"name"}`)
	}
	f.Fuzz(func(t *testing.T, content, rules string) {
		if body, err := aliyunBody(sms.OTP, content, rules); err == nil {
			if _, err := registry.Compile(body); err != nil {
				t.Fatalf("%q: %v", body, err)
			}
			again, err := aliyunBody(sms.OTP, body, "")
			if back, _ := aliyunContent(body); err != nil || again != body || len(back) > len(content) {
				t.Fatalf("%q, again %q, back %q: %v", body, again, back, err)
			}
		}
		if body, err := tencentBody(sms.Notice, content); err == nil {
			if back := tencentContent(body); back != content {
				t.Fatalf("%q, back %q", body, back)
			}
		}
	})
}
