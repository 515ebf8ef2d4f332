package session

import (
	"errors"
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/smpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// toSMPP says a coding of the Chinese protocols in SMPP's terms. ASCII that the centre's
// alphabet writes alike goes as that; what it does not goes as UCS2, and GB18030, which
// SMPP does not have, too.
func toSMPP(coding uint8, content []byte, udhi bool) (smpp.DataCoding, []byte, error) {
	switch smstext.Coding(coding) {
	case smstext.UCS2:
		return smpp.CodingUCS2, content, nil
	case smstext.Flash:
		return smpp.CodingUCS2 | 0x10, content, nil
	case smstext.Binary:
		return smpp.CodingBinary, content, nil
	case smstext.ASCII, smstext.GB:
		if smstext.Coding(coding) == smstext.ASCII && sameInGSM(content) {
			return smpp.CodingDefault, content, nil
		}
		if udhi {
			return 0, nil, fmt.Errorf("a part in coding %d has no SMPP form: split the text as UCS2", coding)
		}
		text, err := smstext.Decode(smstext.Coding(coding), content)
		if err != nil {
			return 0, nil, err
		}
		return smpp.CodingUCS2, smstext.EncodeUCS2(text), nil
	default:
		return 0, nil, fmt.Errorf("coding %d has no SMPP form", coding)
	}
}

// errSMPPCoding is a text that its data_coding can't be trusted to mean.
var errSMPPCoding = errors.New("data_coding")

// fromSMPP is the other way. The result does not alias content.
func fromSMPP(coding smpp.DataCoding, content []byte, udhi bool) (uint8, []byte, error) {
	content = append([]byte(nil), content...)
	switch coding &^ 0x13 { // the bits of a message class
	case smpp.CodingUCS2:
		return uint8(smstext.UCS2), content, nil
	}
	switch coding {
	case smpp.CodingDefault, smpp.CodingASCII:
		body := content
		if udhi {
			var err error
			if _, body, err = smstext.ParseUDH(content); err != nil {
				return 0, nil, err
			}
		}
		if coding == smpp.CodingASCII || sameInGSM(body) {
			return uint8(smstext.ASCII), content, nil
		}
		return 0, nil, fmt.Errorf("%w %d: the text holds characters that ASCII and the GSM alphabet have in different places", errSMPPCoding, coding)
	case smpp.CodingOctet, smpp.CodingBinary:
		return uint8(smstext.Binary), content, nil
	}
	return 0, nil, fmt.Errorf("%w %d is not supported", errSMPPCoding, coding)
}

// sameInGSM tells whether bytes of ASCII mean the same in the GSM 7-bit alphabet, one to
// an octet. GSM 03.38 §6.2.1.
func sameInGSM(b []byte) bool {
	for _, c := range b {
		switch {
		case c == '\n' || c == '\r':
		case c < ' ' || c > 'z', c == '$', c == '@', c >= '[' && c <= '`':
			return false
		}
	}
	return true
}
