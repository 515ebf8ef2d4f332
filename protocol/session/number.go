package session

import "strings"

// In CMPP and SMGP 86 may stand before a number or not, in SGIP it must, and SMPP's type of
// number says whether it does: CMPP 3.0 §8.4.3.1, SMPP 3.4 §5.2.5. Here they are one.
//
// Numbers of handsets are 11 digits of the mainland, or a plus sign and E.164, so that
// +1 302 is not taken for a number of the mainland that begins alike.

// with86 is a number with its country code and without the plus sign, as SGIP and SMPP
// write it.
func with86(number string) string {
	if e164, ok := strings.CutPrefix(number, "+"); ok {
		return e164
	}
	if len(number) == 11 && number[0] == '1' {
		return "86" + number
	}
	return number
}

// without86 takes the country code of a mainland number off.
func without86(number string) string {
	number = strings.TrimPrefix(number, "+")
	if len(number) == 13 && strings.HasPrefix(number, "861") {
		return number[2:]
	}
	return number
}

// international reads a number that is known to bear a country code.
func international(number string) string {
	if n := without86(number); len(n) < len(strings.TrimPrefix(number, "+")) {
		return n
	}
	return "+" + strings.TrimPrefix(number, "+")
}

// bare takes the plus sign off: CMPP and SMGP have digits alone. The list is the
// caller's own where nothing is to be taken off.
func bare(numbers []string) []string {
	for i := range numbers {
		if strings.HasPrefix(numbers[i], "+") {
			out := make([]string, len(numbers))
			for k, n := range numbers {
				out[k] = strings.TrimPrefix(n, "+")
			}
			return out
		}
	}
	return numbers
}
