package session

import (
	"fmt"

	"github.com/zhunxin/zhunxin/protocol/smpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// toSMPP says a coding of the Chinese protocols in SMPP's terms. ASCII goes in the
// centre's own alphabet, GSM 7-bit with one character to an octet; GB18030, which SMPP
// does not have, as UCS2.
func toSMPP(msgFmt uint8, content []byte, udhi bool) (smpp.DataCoding, []byte, error) {
	f, err := smstext.ParseMsgFmt(msgFmt)
	if err != nil {
		return 0, nil, err
	}
	want := f.Coding
	switch f.Coding {
	case smstext.ASCII:
		want = smstext.GSM7
	case smstext.GB:
		want = smstext.UCS2
	}
	if want != f.Coding {
		if content, err = recode(f.Coding, content, want, udhi); err != nil {
			return 0, nil, err
		}
	}
	dcs, err := smstext.Format{Coding: want, Flash: f.Flash}.DataCoding(smstext.GSM7)
	return smpp.DataCoding(dcs), content, err
}

// fromSMPP is the other way: what the Chinese protocols have no coding for becomes ASCII
// or UCS2. The result does not alias content.
func fromSMPP(coding smpp.DataCoding, content []byte, udhi bool) (msgFmt uint8, out []byte, err error) {
	f, err := smstext.ParseDataCoding(uint8(coding), smstext.GSM7)
	if err != nil {
		return 0, nil, err
	}
	out = append([]byte(nil), content...)
	if f.Coding == smstext.GSM7 || f.Coding == smstext.Latin1 {
		if ascii, err := recode(f.Coding, out, smstext.ASCII, udhi); err == nil {
			f.Coding, out = smstext.ASCII, ascii
		} else if out, err = recode(f.Coding, out, smstext.UCS2, udhi); err != nil {
			return 0, nil, err
		} else {
			f.Coding = smstext.UCS2
		}
	}
	msgFmt, err = f.MsgFmt()
	return msgFmt, out, err
}

// recode writes a text in another coding, behind the same user data header.
func recode(from smstext.Coding, content []byte, to smstext.Coding, udhi bool) ([]byte, error) {
	body := content
	if udhi {
		var err error
		if _, body, err = smstext.ParseUDH(content); err != nil {
			return nil, err
		}
	}
	text, err := smstext.Decode(from, body)
	if err != nil {
		return nil, err
	}
	out, err := smstext.Encode(to, text)
	if err != nil {
		return nil, fmt.Errorf("from %s to %s: %w", from, to, err)
	}
	return append(append([]byte(nil), content[:len(content)-len(body)]...), out...), nil
}
