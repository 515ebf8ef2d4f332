package bundle

import (
	"errors"
	"strings"
)

var errPhone = errors.New("what you gave with --phone is not a phone number 号码格式不正确: write 11 digits, also with 86, +86 or 0086 before them, or + and the country code")

// Digits are those that a record is committed to: E.164 without the plus sign. A number may be
// written as for sending; spaces and hyphens are dropped.
func Digits(number string) (string, error) {
	d := strings.NewReplacer(" ", "", "-", "").Replace(number)
	d, plus := strings.CutPrefix(d, "+")
	if strings.Trim(d, "0123456789") != "" {
		return "", errPhone
	}
	switch {
	case plus:
	case strings.HasPrefix(d, "00"):
		d = d[2:]
	case len(d) == 11 && d[0] == '1':
		d = "86" + d
	case len(d) == 13 && strings.HasPrefix(d, "86"):
	default:
		return "", errPhone
	}
	switch {
	case strings.HasPrefix(d, "86") && (len(d) != 13 || d[2] != '1' || d[3] < '3'), len(d) < 8, len(d) > 15, d[0] == '0':
		return "", errPhone
	}
	return d, nil
}
