package smstext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Alphabet is which codings a channel takes.
type Alphabet uint8

// The alphabets.
const (
	// ASCIIShort is what CMPP channels are used to: ASCII if the text is of ASCII
	// characters and one unit, UCS2 otherwise.
	ASCIIShort Alphabet = iota
	// UCS2Only is UCS2 whatever the text.
	UCS2Only
	// GSM7Allowed is GSM7 if all characters are in it, at any length; else UCS2.
	GSM7Allowed
	// GBOnly is GB18030; only a text with private characters that it lacks is UCS2.
	GBOnly
	// Fewest is the one of GSM7, UCS2 and GB that needs the fewest segments, in this
	// order where they need the same: for channels that take all three.
	Fewest
)

// Join is how the parts of a long text are tied together.
type Join uint8

// The ways to tie parts together.
const (
	// UDH8 is a header with a reference of 8 bits: 6 bytes of each part.
	UDH8 Join = iota
	// UDH16 is a header with a reference of 16 bits: 7 bytes of each part.
	UDH16
	// SAR leaves the content without a header. Part.UDH goes into SMPP's parameters
	// sar_msg_ref_num, sar_total_segments and sar_segment_seqnum (SMPP 3.4 §5.3.2).
	SAR
)

// Reserve is the room that a text leaves to what the carrier adds to it, such as a
// signature 【…】 or how to opt out, in UTF-16 code units: each 0 to MaxReserve, both
// together at most 68. Whatever there is to add is taken to be Chinese that GBK has, so
// that such a text is never sent in an alphabet that the carrier would have to leave.
type Reserve struct {
	Head int // before the first segment's text
	Tail int // after the last segment's
}

// MaxReserve is the most that a carrier may add at one end, in UTF-16 code units.
const MaxReserve = 50

// maxReserves leaves room for one character: a text of one cannot be split.
const maxReserves = SingleUnits - 2

func (r Reserve) valid() error {
	if min(r.Head, r.Tail) < 0 || max(r.Head, r.Tail) > MaxReserve || r.Head+r.Tail > maxReserves {
		return fmt.Errorf("%w: room of %d and %d code units; each may be 0 to %d, both together %d", ErrOptions, r.Head, r.Tail, MaxReserve, maxReserves)
	}
	return nil
}

// Options are a channel's wishes. Their zero value is what Split does.
type Options struct {
	Alphabet Alphabet
	Join     Join
	// PeerHeader is with SAR what the peer needs of each part's 140 bytes for a header
	// of its own: 0 stands for 6, the 8-bit header; else 6 to 20.
	PeerHeader int
	Reserve    Reserve
	// MaxSegments is the most PDUs that a text may become, 1 to 255; 0 stands for the
	// constant of that name.
	MaxSegments int
}

const (
	header8       = 6
	header16      = 7
	maxPeerHeader = 20 // MaxReserve still fits beside it
)

func (o *Options) valid() error {
	switch {
	case o.Alphabet > Fewest:
		return fmt.Errorf("%w: there is no alphabet %d", ErrOptions, o.Alphabet)
	case o.Join > SAR:
		return fmt.Errorf("%w: there is no way %d to join", ErrOptions, o.Join)
	case o.PeerHeader != 0 && (o.Join != SAR || o.PeerHeader < header8 || o.PeerHeader > maxPeerHeader):
		return fmt.Errorf("%w: a peer's header of %d bytes; with SAR it has %d to %d", ErrOptions, o.PeerHeader, header8, maxPeerHeader)
	case o.MaxSegments < 0 || o.MaxSegments > 255:
		return fmt.Errorf("%w: %d segments, at most 255 can be numbered", ErrOptions, o.MaxSegments)
	}
	return o.Reserve.valid()
}

func (o *Options) most() int {
	if o.MaxSegments == 0 {
		return MaxSegments
	}
	return o.MaxSegments
}

// header is how many bytes of a part are not for the text.
func (o *Options) header() int {
	switch {
	case o.Join == UDH16:
		return header16
	case o.PeerHeader > 0:
		return o.PeerHeader
	default:
		return header8
	}
}

// Part is the content of one PDU.
type Part struct {
	Coding  Coding
	UDHI    bool   // the content begins with a header
	Total   uint8  // PDUs of the message
	Number  uint8  // from 1
	Ref     uint16 // the same for all parts of a message; 0 if it has one PDU
	Content []byte // at most 140 bytes; with GSM7 160 septets, less than a header's 140
}

// UDH is the part's place in its message, which SAR has no header for.
func (p Part) UDH() UDH { return UDH{p.Ref, p.Total, p.Number} }

// SplitWith makes the PDUs of a text as a channel wishes. ref ties the parts of a long
// text together, as for Split; UDH8 uses its lower 8 bits. No character is cut: not a
// surrogate pair, not an escape from what it announces.
//
// The errors are ErrEmpty, ErrEncoding, a *LimitError and ErrOptions.
func SplitWith(text string, ref uint16, o Options) ([]Part, error) {
	if err := checkWith(text, &o); err != nil {
		return nil, err
	}
	return split(text, ref, &o)
}

// split is SplitWith of a text and options that were checked.
func split(text string, ref uint16, o *Options) ([]Part, error) {
	c, err := plan(text, o)
	if err != nil {
		return nil, err
	}
	if len(c.ends) == 1 {
		return []Part{{Coding: c.coding, Total: 1, Number: 1, Content: c.content}}, nil
	}
	if o.Join == UDH8 {
		ref &= 0xFF
	}
	parts := make([]Part, len(c.ends))
	all := make([]byte, 0, len(c.content)+len(parts)*header16)
	from := 0
	for i, end := range c.ends {
		p := Part{Coding: c.coding, UDHI: o.Join != SAR, Total: uint8(len(parts)), Number: uint8(i + 1), Ref: ref}
		at := len(all)
		switch o.Join {
		case UDH8:
			all = append(all, 5, 0, 3, byte(ref), p.Total, p.Number)
		case UDH16:
			all = append(all, 6, 8, 4, byte(ref>>8), byte(ref), p.Total, p.Number)
		case SAR: // the PDU's parameters say it
		}
		all = append(all, c.content[from:end]...)
		p.Content = all[at:len(all):len(all)]
		parts[i], from = p, end
	}
	return parts, nil
}

// Segments is how many PDUs SplitWith makes, which pace and cost count. Its errors
// are those of SplitWith.
func Segments(text string, o Options) (int, error) {
	if err := checkWith(text, &o); err != nil {
		return 0, err
	}
	c, err := plan(text, &o)
	return len(c.ends), err
}

// cut is a text in its coding, and where its segments end.
type cut struct {
	coding  Coding
	content []byte
	ends    []int
}

// checkWith is what comes before any cutting.
func checkWith(text string, o *Options) error {
	if err := o.valid(); err != nil {
		return err
	}
	switch {
	case text == "":
		return errEmpty
	case len(text) > o.most()*maxPartText: // before anything is allocated for it
		return &LimitError{o.most()}
	case !utf8.ValidString(text):
		return errEncoding
	}
	if strings.ContainsRune(text, swapped) {
		return errEncoding
	}
	return checkRunes(text)
}

// swapped is no character: at the head of UCS2 it says that the bytes are the other way
// round, and a handset that heeds it shows another text than was decided.
const swapped = '\ufffe'

// maxPartText is the most UTF-8 that goes into a segment, in bytes: 160 Greek capitals
// of GSM7. No other coding has room for as much.
const maxPartText = 2 * 160

// plan chooses the coding and the cuts of a text that was checked.
func plan(text string, o *Options) (cut, error) {
	var best cut
	var list [3]Coding
	for _, c := range o.codings(list[:0], text) {
		content, err := Encode(c, text)
		if err != nil {
			continue // the next one has more characters
		}
		ends := cutAt(content, c, o, best.ends)
		if ends != nil {
			best = cut{c, content, ends}
		}
	}
	if best.ends == nil {
		return cut{}, &LimitError{o.most()}
	}
	return best, nil
}

// codings appends those to try. UCS2 holds every text.
func (o *Options) codings(dst []Coding, text string) []Coding {
	plain := o.Reserve == Reserve{} // 【】 is in neither of the small alphabets
	switch {
	case o.Alphabet == ASCIIShort && plain && len(text) <= SingleUnits && isASCII(text):
		return append(dst, ASCII)
	case o.Alphabet == GSM7Allowed && plain && inGSM7(text):
		return append(dst, GSM7)
	case o.Alphabet == GBOnly && inGB(text):
		return append(dst, GB)
	case o.Alphabet == Fewest && plain:
		return append(dst, GSM7, UCS2, GB)
	case o.Alphabet == Fewest:
		return append(dst, UCS2, GB)
	default:
		return append(dst, UCS2)
	}
}

func inGSM7(text string) bool {
	for _, r := range text {
		if septetOf(r) == absent {
			return false
		}
	}
	return true
}

func inGB(text string) bool {
	_, at := lackedByGB(text)
	return at < 0
}

// cutAt finds where the segments of encoded content end, in as few as there can be.
// It gives nil if they are more than allowed, or no fewer than those of rival.
func cutAt(content []byte, c Coding, o *Options, rival []int) []int {
	single, part := MaxContent, MaxContent-o.header()
	if c == GSM7 {
		single, part = MaxContent*8/7, part*8/7
	}
	// GB18030 has two bytes for what a signature is written with, like UCS2.
	head, tail := 2*o.Reserve.Head, 2*o.Reserve.Tail
	if len(content)+head+tail <= single {
		if rival != nil && len(rival) <= 1 {
			return nil
		}
		return []int{len(content)}
	}
	most := o.most()
	if rival != nil {
		most = min(most, len(rival)-1)
	}
	var ends []int
	for at := 0; ; {
		if len(ends) == most {
			return nil
		}
		room := part
		if at == 0 {
			room -= head
		}
		if len(content)-at <= room-tail {
			return append(ends, len(content))
		}
		// Not the last: at least one character is left to the next.
		at = boundary(content, c, at, min(at+room, len(content)-1))
		ends = append(ends, at)
	}
}

// boundary is the last end of a character up to limit, of characters from at on.
// The content is our own and holds whole characters only.
func boundary(content []byte, c Coding, at, limit int) int {
	switch c {
	case UCS2:
		limit -= (limit - at) % 2
		if content[limit]&0xFC == 0xDC { // the second half of a pair
			limit -= 2
		}
	case GSM7:
		if content[limit-1] == escape {
			limit--
		}
	case GB: // only from the front can it be told where characters end
		end := at
		for end+sizeGB(content[end:]) <= limit {
			end += sizeGB(content[end:])
		}
		return end
	}
	return limit
}

// sizeGB is the length of the first character in bytes.
func sizeGB(b []byte) int {
	switch {
	case b[0] < 0x80:
		return 1
	case b[1] >= '0' && b[1] <= '9':
		return 4
	default:
		return 2
	}
}
