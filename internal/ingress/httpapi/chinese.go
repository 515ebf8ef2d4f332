package httpapi

import "strings"

// phrases are the validator's messages and what they are in Chinese. A * stands for a value.
var phrases = []struct{ en, zh string }{
	{"unexpected property", "不是接口定义的字段，请删去或核对拼写（区分大小写）"},
	{"unknown query parameter", "不是接口定义的查询参数，请删去或核对拼写"},
	{"expected required property * to be present", "为必填，请补上"},
	{"expected property * to be present when * is present", "须有字段 *（因为有 *）"},
	{"required * parameter is missing", "为必填参数，请补上"},
	{"expected boolean", "应为布尔值 true 或 false"},
	{"expected integer", "应为整数"},
	{"expected number >= *", "应不小于 *"},
	{"expected number > *", "应大于 *"},
	{"expected number <= *", "应不大于 *"},
	{"expected number < *", "应小于 *"},
	{"expected number to be a multiple of *", "应为 * 的倍数"},
	{"expected number", "应为数字"},
	{"expected string to be RFC 3339 date-time", "应为 RFC 3339 时间，如 2026-11-27T10:00:00+08:00"},
	{"expected string to be RFC 3339 date", "应为日期，如 2026-11-27"},
	{"expected string to be RFC 3339 time", "应为时刻，如 10:00:00+08:00"},
	{"expected string to be base64 encoded", "应为 base64 编码的文本"},
	{"expected string to match pattern *", "应符合正则表达式 *"},
	{"expected string to be *", "应为 * 格式的文本"},
	{"expected string", "应为文本（字符串）"},
	{"expected array items to be unique", "各项不得重复"},
	{"expected array length >= *", "至少 * 项"},
	{"expected array length <= *", "至多 * 项"},
	{"expected array", "应为数组"},
	{"expected object with at least * properties", "至少 * 个字段"},
	{"expected object with at most * properties", "至多 * 个字段"},
	{"expected object", "应为对象"},
	{"expected value to be one of *", "应为以下之一：*"},
	{"expected value to be *", "应为 *"},
	{"expected length >= *", "至少 * 个字符"},
	{"expected length <= *", "至多 * 个字符"},
	{"invalid integer", "应为整数"},
	{"invalid float*", "应为数字"},
	{"invalid boolean", "应为布尔值 true 或 false"},
	{"invalid date/time*", "应为 RFC 3339 时间，如 2026-11-27T10:00:00+08:00"},
	{"unexpected end of JSON input", "不是完整的 JSON，请检查是否被截断"},
	{"invalid character *", "不是有效的 JSON：*"},
	{"request body is required", "缺少请求体"},
	{"request body read timeout", "请求体未在时限内收完，请重试"},
}

// inChinese translates a message of the validator; what it does not know stands as it came.
func inChinese(msg string) string {
	for _, p := range phrases {
		values, ok := match(p.en, msg)
		if !ok {
			continue
		}
		zh := p.zh
		for _, v := range values {
			zh = strings.Replace(zh, "*", v, 1)
		}
		return zh
	}
	return "有误：" + msg
}

// match finds the values at a phrase's stars.
func match(phrase, msg string) (values []string, ok bool) {
	head, rest, more := strings.Cut(phrase, "*")
	msg, ok = strings.CutPrefix(msg, head)
	if !ok || !more {
		return nil, ok && msg == ""
	}
	next, _, _ := strings.Cut(rest, "*")
	if next == "" {
		return []string{msg}, true
	}
	v, _, ok := strings.Cut(msg, next)
	if !ok {
		return nil, false
	}
	values, ok = match(rest, msg[len(v):])
	return append([]string{v}, values...), ok
}

// between is what stands between a head and a tail.
func between(s, head, tail string) (string, bool) {
	values, ok := match(head+"*"+tail, s)
	if !ok {
		return "", false
	}
	return values[0], true
}
