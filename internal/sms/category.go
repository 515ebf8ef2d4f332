package sms

import "fmt"

// Category is the legal kind of a message. It decides which rules apply, how
// long the message may wait and in which queue it waits.
type Category string

// The categories of the trade. Order 31 Art. 37 and Order 74 separate
// commercial messages (MKT) from the others; CONSENT exists because asking for
// consent is neither.
const (
	OTP     Category = "OTP"     // 验证码 verification code
	Notice  Category = "NOTICE"  // 通知 business notice
	Public  Category = "PUBLIC"  // 公益 public-interest message
	MKT     Category = "MKT"     // 营销 commercial message
	Consent Category = "CONSENT" // 授权征询 request for consent or its confirmation
)

// Categories lists every category in queue order, most urgent first.
func Categories() []Category { return []Category{OTP, Notice, Consent, Public, MKT} }

// ParseCategory accepts exactly the five names.
func ParseCategory(s string) (Category, error) {
	switch c := Category(s); c {
	case OTP, Notice, Public, MKT, Consent:
		return c, nil
	}
	return "", fmt.Errorf("category %q is not one of OTP, NOTICE, PUBLIC, MKT, CONSENT", s)
}

// Class is the rank of a message in its channel's queues: a lower class leaves
// first. CONSENT travels with NOTICE.
type Class uint8

// Queue classes, in the order in which a channel serves them.
const (
	ClassOTP Class = iota
	ClassNotice
	ClassPublic
	ClassMKT
	NumClasses = 4
)

// Class returns the queue class of the category.
func (c Category) Class() Class {
	switch c {
	case OTP:
		return ClassOTP
	case Notice, Consent:
		return ClassNotice
	case Public:
		return ClassPublic
	default:
		return ClassMKT
	}
}

// Commercial tells whether consent and opt-out rules for marketing apply.
func (c Category) Commercial() bool { return c == MKT }
