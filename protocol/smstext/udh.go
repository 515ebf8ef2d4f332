package smstext

import "fmt"

// UDH is the concatenation element of a user data header (GSM 03.40 §9.2.3.24.1),
// or what stands for it in SMPP's SAR parameters.
type UDH struct {
	Ref    uint16
	Total  uint8 // 0 when the header tells nothing of parts
	Number uint8 // from 1
}

// valid tells whether it names a part that can exist.
func (u UDH) valid() error {
	if u.Number == 0 || u.Number > u.Total {
		return fmt.Errorf("%w: number %d of %d", ErrNoPart, u.Number, u.Total)
	}
	return nil
}

// ParseUDH takes the header off a content. Other elements are passed over; the
// 16-bit reference (element 8) is read like the 8-bit one (element 0). Its errors
// are ErrHeader and ErrNoPart.
func ParseUDH(content []byte) (UDH, []byte, error) {
	if len(content) == 0 || int(content[0]) > len(content)-1 {
		return UDH{}, nil, fmt.Errorf("%w: it is longer than the content", ErrHeader)
	}
	end := 1 + int(content[0])
	head, body := content[1:end], content[end:]
	var u UDH
	for len(head) > 0 {
		if len(head) < 2 || len(head) < 2+int(head[1]) {
			return UDH{}, nil, fmt.Errorf("%w: an element is cut short", ErrHeader)
		}
		id, v := head[0], head[2:2+int(head[1])]
		switch {
		case id == 0 && len(v) == 3:
			u = UDH{uint16(v[0]), v[1], v[2]}
		case id == 8 && len(v) == 4:
			u = UDH{uint16(v[0])<<8 | uint16(v[1]), v[2], v[3]}
		}
		head = head[2+len(v):]
	}
	if u.Total > 0 {
		if err := u.valid(); err != nil {
			return UDH{}, nil, err
		}
	}
	return u, body, nil
}

// Place finds out where a content stands in a long message and takes its header
// off, if udhi says that it has one. sar is what the PDU's SAR parameters say, the
// zero UDH if it has none. A header that tells of parts counts alone: peers send
// both, and they are never added up. A message of its own has a Total of 0 or 1.
func Place(content []byte, udhi bool, sar UDH) (UDH, []byte, error) {
	body := content
	if udhi {
		u, rest, err := ParseUDH(content)
		if err != nil || u.Total > 0 {
			return u, rest, err
		}
		body = rest
	}
	if sar == (UDH{}) {
		return UDH{}, body, nil
	}
	if err := sar.valid(); err != nil {
		return UDH{}, nil, err
	}
	return sar, body, nil
}
