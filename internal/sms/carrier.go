package sms

import "fmt"

// Carrier is the network that serves a recipient's number today.
type Carrier string

// The carriers. Virtual operators are counted as the carrier that transports
// their messages, because signatures are filed there.
const (
	Mobile        Carrier = "mobile"        // 中国移动, CMPP
	Unicom        Carrier = "unicom"        // 中国联通, SGIP
	Telecom       Carrier = "telecom"       // 中国电信, SMGP
	Broadnet      Carrier = "broadnet"      // 中国广电
	International Carrier = "international" // outside the mainland, SMPP
)

// ParseCarrier accepts exactly the five names.
func ParseCarrier(s string) (Carrier, error) {
	switch c := Carrier(s); c {
	case Mobile, Unicom, Telecom, Broadnet, International:
		return c, nil
	}
	return "", fmt.Errorf("carrier %q is not one of mobile, unicom, telecom, broadnet, international", s)
}
