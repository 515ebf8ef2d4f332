package registry

import "github.com/zhunxin/zhunxin/internal/sms"

// Where the peer of a channel is.
const (
	PeerMainland = "mainland"
	PeerAbroad   = "abroad"
)

// Transfer is what the operator may rest a cross-border transfer of personal information on.
// PIPL Art. 38, 《促进和规范数据跨境流动规定》第五条.
type Transfer struct {
	Basis     string `json:"basis,omitempty" enum:",assessment,certification,standard_contract,contract,small" doc:"passed security assessment, certification, filed standard contract; or an exemption: contract, the transfer is necessary for a contract with the person; small, fewer than 100,000 people a year and nothing sensitive"`
	Reference string `json:"reference,omitempty" maxLength:"200" doc:"number of the result or filing; of an exemption, where its reasons are kept"`
	// ValidTo is said of each: an assessment ends by itself, an exemption is looked at again.
	ValidTo int64 `json:"valid_to,omitempty" minimum:"0" doc:"until when it holds, in milliseconds since 1970; needed"`
}

// Abroad tells whether numbers and texts leave the mainland by the channel. Nobody says so of
// an international one: its peer is abroad until the operator says that it is not.
func (c *Channel) Abroad() bool {
	return c.Options.Peer == PeerAbroad || c.Carrier == sms.International && c.Options.Peer != PeerMainland
}

// Holds tells whether the basis is there and in force.
func (t *Transfer) Holds(at int64) bool {
	return t != nil && t.Basis != "" && t.Reference != "" && at < t.ValidTo
}
