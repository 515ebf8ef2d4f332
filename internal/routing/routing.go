// Package routing chooses, without touching anything: whose network a number
// belongs to by its prefix, in which order channels are tried, and which source number
// a handset shows.
package routing

import (
	"strings"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// Prefixes of mainland mobile numbers by the network that transports their
// messages. Virtual operators (170, 171, 162, 165, 167) stand with their host.
// A number that was ported stands in the portability table, which goes first.
var prefixes = map[sms.Carrier]string{
	sms.Mobile:   "134 135 136 137 138 139 147 148 150 151 152 157 158 159 165 172 178 182 183 184 187 188 195 197 198 1440 1703 1705 1706",
	sms.Unicom:   "130 131 132 145 146 155 156 166 167 171 175 176 185 186 196 1704 1707 1708 1709",
	sms.Telecom:  "133 149 153 162 173 174 177 180 181 189 190 191 193 199 1349 1410 1700 1701 1702",
	sms.Broadnet: "192",
}

var byPrefix = func() map[string]sms.Carrier {
	m := map[string]sms.Carrier{}
	for c, list := range prefixes {
		for _, p := range strings.Fields(list) {
			m[p] = c
		}
	}
	return m
}()

// CarrierOf finds the network by the longest prefix. A number outside the
// mainland is international; an unknown mainland prefix counts as China Mobile,
// whose gateway answers for numbers that it does not serve.
func CarrierOf(n sms.MSISDN) sms.Carrier {
	if !n.Mainland() {
		return sms.International
	}
	d := n.National()
	for _, l := range []int{4, 3} {
		if c, ok := byPrefix[d[:l]]; ok {
			return c
		}
	}
	return sms.Mobile
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
