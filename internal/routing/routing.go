// Package routing chooses, without touching anything: whose network a number
// belongs to by its prefix, in which order channels are tried, and which source number
// a handset shows.
package routing

import "github.com/zhunxin/zhunxin/internal/sms"

// CarrierOf finds the network by the longest prefix. A number outside the
// mainland is international; an unknown mainland prefix counts as China Mobile,
// whose gateway answers for numbers that it does not serve.
func CarrierOf(n sms.MSISDN) sms.Carrier {
	if !n.Mainland() {
		return sms.International
	}
	d, i := n.National(), 0
	for k := range 4 {
		i = i*10 + int(d[k]-'0')
	}
	return byBeginning()[i-firstBeginning]
}

// MaxSource is the most digits that the carriers' PDUs carry.
const MaxSource = 20

// SourceNumber joins access code, sub-code and the customer's extension.
func SourceNumber(code, subcode, extension string) (string, error) {
	s := code + subcode + extension
	if len(s) > MaxSource {
		return "", sms.Errorf(sms.SourceTooLong, "extension", "%d digits, the most is %d", len(s), MaxSource)
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return "", sms.Errorf(sms.BadRequest, "extension", "it holds something other than digits")
		}
	}
	return s, nil
}
