package sms

// TwilioOther is the error code of what Twilio has no code for; its more_info leads to the
// catalogue's code.
const TwilioOther = 99000

var twilios = map[Code]int{
	BadNumber:           21211,
	BadText:             21602,
	TextTooLong:         21617,
	SignatureMismatch:   21606,
	SignatureForm:       21606,
	SignatureEntity:     21606,
	SenderUnnamed:       21606,
	SenderAmbiguous:     21606,
	Unauthorised:        21606,
	OptedOut:            21610,
	SuppressedScope:     21610,
	ConsentMissing:      21610,
	ConsentSuspended:    21610,
	AlreadyAsked:        21610,
	VariablesMismatch:   21656,
	VariableFormat:      21656,
	VariablesUnreadable: 21656,
	VariableForbidden:   21656,
	LinkForbidden:       21656,
	ContentForbidden:    30007,
	ContactForbidden:    30007,
	TextDisguised:       30007,
	LinkDangerous:       30007,
	Impersonation:       30007,
	AdForbidden:         30007,
	IndustryRefused:     30007,
	SignatureNotFiled:   30034,
	OutsideHours:        30047,
	Unauthenticated:     20003,
	KeyExpired:          20003,
	AddressNotAllowed:   20003,
	Forbidden:           20003,
	NotFound:            20404,
	UnknownAction:       20404,
	RateLimited:         20429,
	Busy:                20429,
}

// TwilioOf is a reason's error code there.
func TwilioOf(c Code) int {
	if n, ok := twilios[c]; ok {
		return n
	}
	return TwilioOther
}
