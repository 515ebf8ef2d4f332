package smpp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Receipt is a delivery receipt, raw. SMPP 3.4 Appendix B.
type Receipt struct {
	MessageID   string // from submit_sm_resp, perhaps in another base: see DecimalID and HexID
	Sub         string // parts submitted
	Dlvrd       string // parts delivered
	SubmitDate  string // see ReceiptTime
	DoneDate    string // likewise, from another clock
	Stat        string // seven characters
	State       MessageState
	Err         string // the network's or the centre's code
	Text        string // the first 20 bytes of the message
	Network     uint8  // of network_error_code: 1 ANSI-136, 2 IS-95, 3 GSM; zero when there is none
	NetworkCode uint16 // of network_error_code
}

// Sizes in the text of a receipt. Appendix B has 10 for the id, which no centre
// keeps to, and 10 for the dates, which have 12 when they tell seconds.
const (
	countSize   = 3
	dateSize    = 12
	statSize    = 7
	errSize     = 3
	receiptText = 20
)

var (
	errReceipt   = errors.New("smpp: a receipt needs an id or a stat")
	errReceiptID = errors.New("smpp: the id of the receipt is too long")
)

// Append appends the text. Stat comes from State when it is empty.
func (p *Receipt) Append(dst []byte) ([]byte, error) {
	stat := p.Stat
	if stat == "" {
		stat = p.State.Stat()
	}
	out := dst
	for _, f := range [...]struct {
		name, value string
		most        int
	}{
		{"id", p.MessageID, MaxMessageID},
		{"sub", p.Sub, countSize},
		{"dlvrd", p.Dlvrd, countSize},
		{"submit date", p.SubmitDate, dateSize},
		{"done date", p.DoneDate, dateSize},
		{"stat", stat, statSize},
		{"err", p.Err, errSize},
		{"text", p.Text, receiptText},
	} {
		if len(f.value) > f.most {
			return dst, fmt.Errorf("smpp: %s has %d bytes, the most is %d: shorten it", f.name, len(f.value), f.most)
		}
		if f.name != "text" && strings.IndexFunc(f.value, notPrintable) >= 0 {
			return dst, fmt.Errorf("smpp: %s is %q: a blank or a control character would end it", f.name, f.value)
		}
		if len(out) > len(dst) {
			out = append(out, ' ')
		}
		out = append(append(append(out, f.name...), ':'), f.value...)
	}
	return out, nil
}

func notPrintable(r rune) bool { return r <= ' ' || r > '~' }

// ParseReceipt reads the text of a receipt. Fields may be missing, in another
// order, in any case and with blanks around their colon. Of a field that comes
// twice the first counts. Text goes on to the end, colons and all; only when it
// comes before both id and stat it ends at the next field. What has neither id
// nor stat is an error.
func ParseReceipt(content []byte) (Receipt, error) {
	var p Receipt
	p.read(string(content))
	if err := p.check(); err != nil {
		return Receipt{}, err
	}
	return p, nil
}

func (p *Receipt) check() error {
	if len(p.MessageID) > MaxMessageID {
		return fmt.Errorf("%w: %d characters, the most is %d", errReceiptID, len(p.MessageID), MaxMessageID)
	}
	if p.MessageID == "" && p.State == 0 && p.Stat == "" {
		return errReceipt
	}
	return nil
}

// read walks over the words of s. All fields are parts of s, so that they cost
// nothing.
func (p *Receipt) read(s string) {
	for s != "" {
		s = strings.TrimLeft(s, blanks)
		name, n := fieldAt(s)
		if n == 0 {
			s = s[wordLen(s):]
			continue
		}
		s = s[n:]
		if name == "text" {
			n = p.textLen(s)
		} else {
			n = valueLen(s)
		}
		if f := p.field(name); *f == "" {
			*f = strings.Trim(s[:n], blanks)
		}
		s = s[n:]
	}
	p.State = ParseStat(p.Stat)
}

func (p *Receipt) field(name string) *string {
	switch name {
	case "id":
		return &p.MessageID
	case "sub":
		return &p.Sub
	case "dlvrd":
		return &p.Dlvrd
	case "submit date":
		return &p.SubmitDate
	case "done date":
		return &p.DoneDate
	case "stat":
		return &p.Stat
	case "err":
		return &p.Err
	default:
		return &p.Text
	}
}

// valueLen is where a value other than the text ends: it is a word, or nothing
// when the next field follows its blanks.
func valueLen(s string) int {
	t := strings.TrimLeft(s, blanks)
	n := len(s) - len(t)
	if n > 0 && atField(t) {
		return n
	}
	return n + wordLen(t)
}

// textLen is where the text ends. It is the sender's own and may look like a
// field, so it must not set anything once id or stat is known.
func (p *Receipt) textLen(s string) int {
	if p.MessageID != "" || p.Stat != "" {
		return len(s)
	}
	for i := range len(s) {
		if (i == 0 || isBlank(s[i-1])) && atField(s[i:]) {
			return i
		}
	}
	return len(s)
}

// blanks are what stands between fields; some centres end with a NUL.
const blanks = " \t\r\n\x00"

func isBlank(c byte) bool { return strings.IndexByte(blanks, c) >= 0 }

func wordLen(s string) int {
	if i := strings.IndexAny(s, blanks); i >= 0 {
		return i
	}
	return len(s)
}

func atField(s string) bool {
	_, n := fieldAt(s)
	return n > 0
}

// fieldAt is the field whose name s begins with, and the length of name and
// colon; zero is none.
func fieldAt(s string) (string, int) {
	for _, name := range [...]string{"id", "sub", "dlvrd", "submit date", "done date", "stat", "err", "text"} {
		if n := nameLen(s, name); n > 0 {
			return name, n
		}
	}
	return "", 0
}

// nameLen compares in any case. The blank of a name may also be an underscore,
// several blanks or missing.
func nameLen(s, name string) int {
	i := 0
	for j := range len(name) {
		switch {
		case name[j] == ' ':
			for i < len(s) && (isBlank(s[i]) || s[i] == '_') {
				i++
			}
		case i < len(s) && s[i]|0x20 == name[j]:
			i++
		default:
			return 0
		}
	}
	for i < len(s) && isBlank(s[i]) {
		i++
	}
	if i == len(s) || s[i] != ':' {
		return 0
	}
	return i + 1
}

// Receipt reads the receipt that the message is; EsmClass.IsReceipt tells
// whether it is one. The parameters receipted_message_id and message_state win
// over the text, which may then be missing. SMPP 3.4 §5.3.2.
func (p *DeliverSM) Receipt() (Receipt, error) { return readReceipt(p.Payload(), p.TLVs) }

// Receipt reads the receipt that the message is, like that of DeliverSM.
func (p *DataSM) Receipt() (Receipt, error) { return readReceipt(p.Payload(), p.TLVs) }

func readReceipt(content []byte, list TLVs) (Receipt, error) {
	var r Receipt
	r.read(string(content))
	if id, _ := list.CString(TagReceiptedMessageID); id != "" {
		r.MessageID = id
	}
	if v, ok := list.Uint(TagMessageState); ok && v <= 0xFF {
		if s := MessageState(v); s.Stat() != "" {
			r.State, r.Stat = s, s.Stat()
		}
	}
	if b, _ := list.Get(TagNetworkErrorCode); len(b) == 3 {
		r.Network, r.NetworkCode = b[0], binary.BigEndian.Uint16(b[1:])
	}
	if err := r.check(); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// SetReceipt makes the message a receipt: its type, its text, and the parameters
// receipted_message_id, message_state and network_error_code as far as they are
// known. On error the message is as before.
func (p *DeliverSM) SetReceipt(r Receipt) error {
	if err := r.check(); err != nil {
		return err
	}
	text, err := r.Append(nil)
	if err != nil {
		return err
	}
	p.EsmClass = p.EsmClass&^(EsmTypeMask|EsmUDHI) | EsmReceipt
	p.SetPayload(text)
	for _, tag := range [...]uint16{TagReceiptedMessageID, TagMessageState, TagNetworkErrorCode} {
		p.TLVs.Delete(tag) // of an earlier use
	}
	if r.MessageID != "" {
		p.TLVs.Set(TagReceiptedMessageID, append([]byte(r.MessageID), 0))
	}
	if r.State != 0 {
		p.TLVs.SetU8(TagMessageState, uint8(r.State))
	}
	if r.Network != 0 {
		p.TLVs.Set(TagNetworkErrorCode, []byte{r.Network, byte(r.NetworkCode >> 8), byte(r.NetworkCode)})
	}
	return nil
}

// ReceiptTime reads a date of a receipt: YYMMDDhhmm, or with ss. No zone is
// told; it is usually the centre's own, which the caller must know. SMPP 3.4 Appendix B.
func ReceiptTime(s string, zone *time.Location) (time.Time, error) {
	layout := "20060102150405"
	if len(s) == dateSize-2 {
		layout = "200601021504"
	}
	t, err := time.ParseInLocation(layout, "20"+s, zone)
	if err != nil || len(s) > dateSize { // Go reads a fraction that no layout names
		return time.Time{}, fmt.Errorf("smpp: the date %q of the receipt is not YYMMDDhhmm or YYMMDDhhmmss", s)
	}
	return t, nil
}

// DecimalID is the number that a message id is in base ten. It is false when it
// is none, or needs more than 64 bits.
//
// Some centres answer a submit in one base and send the receipt in the other:
// HexID of the first is then DecimalID of the second.
func DecimalID(id string) (uint64, bool) { return readID(id, 10) }

// HexID is the number that a message id is in base sixteen, in either case and
// without a prefix. It is false when it is none, or needs more than 64 bits.
func HexID(id string) (uint64, bool) { return readID(id, 16) }

func readID(id string, base int) (uint64, bool) {
	n, err := strconv.ParseUint(id, base, 64)
	return n, err == nil
}
