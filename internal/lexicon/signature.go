package lexicon

import "strings"

// SplitSignature cuts 【…】 off the front. ok is false unless the text begins
// with one pair and holds no other bracket (SIG-01).
func SplitSignature(text string) (signature, body string, ok bool) {
	const open, shut = "【", "】"
	if !strings.HasPrefix(text, open) {
		return "", text, false
	}
	end := strings.Index(text, shut)
	if end < 0 {
		return "", text, false
	}
	signature, body = text[len(open):end], text[end+len(shut):]
	return signature, body, signature != "" && !strings.ContainsAny(signature, open+shut) && !strings.ContainsAny(body, open+shut)
}
