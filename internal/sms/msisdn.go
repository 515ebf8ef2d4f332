package sms

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

// MSISDN is a subscriber's number in E.164 digits without the plus sign. Its
// String, Format and LogValue mask it (P7); only Reveal gives the digits, and
// every caller of Reveal is about to seal, hash or submit it.
//
// The zero value is no number.
type MSISDN struct{ digits string }

// MaxNumberInput bounds what ParseMSISDN reads, in bytes. E.164 allows 15
// digits; the rest is room for prefixes and separators.
const MaxNumberInput = 32

// ParseMSISDN reads a number as customers write it: 11 mainland digits, or the
// same with 86, +86 or 0086 before it; any other country needs a plus sign or
// 00. Spaces and hyphens between digits are dropped. The error is a *NumberError:
// it says what is wrong, never the number itself.
func ParseMSISDN(s string) (MSISDN, error) {
	switch {
	case strings.TrimSpace(s) == "":
		return MSISDN{}, numberError("phone number is empty; write 11 digits for the mainland, or + and the country code", "号码为空，内地号码请写 11 位数字，境外号码以 + 和国家码开头")
	case len(s) > MaxNumberInput && strings.ContainsFunc(s[:MaxNumberInput], wide): // eleven of them are longer
		return MSISDN{}, errWide
	case len(s) > MaxNumberInput:
		return MSISDN{}, numberError(fmt.Sprintf("phone number is %d bytes long, the most is %d", len(s), MaxNumberInput), fmt.Sprintf("号码长 %d 字节，至多 %d 字节", len(s), MaxNumberInput))
	}
	var b [MaxNumberInput]byte
	n, plus := 0, false
	for i, r := range s {
		switch {
		case r >= '0' && r <= '9':
			b[n] = byte(r)
			n++
		case r == '+' && n == 0 && !plus:
			plus = true
		case (r == ' ' || r == '-') && i > 0:
		case wide(r):
			return MSISDN{}, errWide
		default:
			return MSISDN{}, numberError(
				fmt.Sprintf("phone number has %q at byte %d; only ASCII digits, a leading +, spaces and hyphens are read", r, i),
				fmt.Sprintf("号码第 %d 字节处有 %q，只能有半角数字、开头的 +、空格和连字符", i, r))
		}
	}
	d := string(b[:n])
	switch {
	case plus:
	case strings.HasPrefix(d, "00"):
		d = d[2:]
	case len(d) == 11 && d[0] == '1':
		d = "86" + d
	case len(d) == 13 && strings.HasPrefix(d, "86"):
	default:
		return MSISDN{}, numberError(
			fmt.Sprintf("phone number has %d digits; write 11 digits for the mainland, or + and the country code", len(d)),
			fmt.Sprintf("号码有 %d 位数字，内地号码请写 11 位，境外号码以 + 和国家码开头", len(d)))
	}
	return fromE164(d)
}

var errWide = numberError("phone number has digits that are not ASCII, such as full-width ones; write 0-9", "号码含全角等非 ASCII 数字，请改用半角 0-9")

// wide tells whether a character is a digit to people, and none here.
func wide(r rune) bool { return r > unicode.MaxASCII && unicode.IsDigit(r) }

func fromE164(d string) (MSISDN, error) {
	if strings.HasPrefix(d, "86") {
		if len(d) != 13 || d[2] != '1' || d[3] < '3' {
			return MSISDN{}, numberError("phone number is not a mainland mobile number: after 86 come 11 digits from 13 to 19", "不是内地手机号码：86 之后应为以 13 至 19 开头的 11 位数字")
		}
		return MSISDN{d}, nil
	}
	if len(d) < 8 || len(d) > 15 || d[0] == '0' {
		return MSISDN{}, numberError(
			fmt.Sprintf("phone number has %d digits with its country code; E.164 allows 8 to 15", len(d)),
			fmt.Sprintf("号码连同国家码有 %d 位数字，E.164 允许 8 至 15 位", len(d)))
	}
	return MSISDN{d}, nil
}

// NumberError says what is wrong with a number, in both languages.
type NumberError struct{ En, Zh string }

func numberError(en, zh string) error { return &NumberError{en, zh} }

func (e *NumberError) Error() string { return e.En }

// NumberFault is the failure of ParseMSISDN at a place.
func NumberFault(field string, err error) *Error {
	e := Errorf(BadNumber, field, "%s", err)
	if n := (*NumberError)(nil); errors.As(err, &n) {
		e.Zh = n.Zh
	}
	return e
}

// Echo shows what was given for a number and is none, so that its sender finds it: at most 32
// characters, and of digits that may be somebody's number only the first three and the last four.
func Echo(s string) string {
	const shown, most = 7, 32
	list := []rune(s)
	list = list[:min(most, len(list))]
	digits := 0
	for _, r := range list {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	at := 0
	for i, r := range list {
		switch {
		case !unicode.IsDigit(r):
		case digits > shown && at >= 3 && at < digits-4:
			list[i] = '*'
			at++
		default:
			at++
		}
	}
	return string(list)
}

// Valid tells whether m holds a number.
func (m MSISDN) Valid() bool { return m.digits != "" }

// Reveal returns the E.164 digits in clear, without a plus sign.
func (m MSISDN) Reveal() string { return m.digits }

// Mainland tells whether the number belongs to China's mainland (+86).
func (m MSISDN) Mainland() bool { return strings.HasPrefix(m.digits, "86") }

// National returns the 11 digits that mainland carriers use, or the E.164
// digits for other countries. It reveals the number.
func (m MSISDN) National() string {
	if m.Mainland() {
		return m.digits[2:]
	}
	return m.digits
}

// Dialled is the form of protocol/session: 11 digits of the mainland, or a plus sign and
// E.164. It reveals the number.
func (m MSISDN) Dialled() string {
	if m.Mainland() {
		return m.digits[2:]
	}
	return "+" + m.digits
}

// String masks: 138****8000.
func (m MSISDN) String() string {
	if m.digits == "" {
		return ""
	}
	n := m.National()
	if len(n) < 8 {
		return "****"
	}
	return n[:3] + strings.Repeat("*", len(n)-7) + n[len(n)-4:]
}

// Format masks under every verb, so that no fmt call prints the digits.
func (m MSISDN) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(m.String())) }

// LogValue masks in structured logs.
func (m MSISDN) LogValue() slog.Value { return slog.StringValue(m.String()) }

// MarshalText masks in JSON.
func (m MSISDN) MarshalText() ([]byte, error) { return []byte(m.String()), nil }
