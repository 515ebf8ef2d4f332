package registry

import (
	"slices"
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// SubcodesOf lists the active bindings of a signature.
func (s *Snapshot) SubcodesOf(signature sms.ID) []*Subcode { return s.bySig[signature] }

// digitsKey is a sub-code under an access code.
type digitsKey struct {
	accessCode sms.ID
	digits     string
}

// SubcodesAt lists the active bindings of the digits under an access code.
func (s *Snapshot) SubcodesAt(accessCode sms.ID, digits string) []*Subcode {
	return s.byDigits[digitsKey{accessCode, digits}]
}

// Bound finds the active binding that fits whose access code and digits are the longest that
// a number begins with, or nil: what follows them is the customer's extension.
func (s *Snapshot) Bound(number string, fits func(*AccessCode, *Subcode) bool) (best *Subcode, extension string) {
	for _, code := range s.AccessCode {
		rest, ok := strings.CutPrefix(number, code.Code)
		for n := len(rest); ok && n >= 0; n-- {
			i := slices.IndexFunc(s.SubcodesAt(code.ID, rest[:n]), func(x *Subcode) bool { return fits(code, x) })
			if i < 0 {
				continue
			}
			sub, left := s.SubcodesAt(code.ID, rest[:n])[i], rest[n:]
			if best == nil || len(left) < len(extension) || len(left) == len(extension) && sub.ID < best.ID {
				best, extension = sub, left
			}
			break
		}
	}
	return best, extension
}

// Subcode finds the signature's binding under an access code, or nil.
func (s *Snapshot) Subcode(signature, accessCode sms.ID) *Subcode {
	for _, c := range s.bySig[signature] {
		if c.AccessCodeID == accessCode {
			return c
		}
	}
	return nil
}
