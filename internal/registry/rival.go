package registry

import (
	"strings"

	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Rival is a name of a rival of a party, or, of the operator's list, of everybody's: marketing
// that names it is looked at by a person. Advertising Law Art. 13.
type Rival struct {
	ID        sms.ID `db:"id" json:"id,omitempty"`
	PartyID   sms.ID `db:"party_id" json:"party_id" doc:"whose rival it is; of the operator, everybody's"`
	Name      string `db:"name" json:"name" minLength:"2" maxLength:"50" doc:"as texts write it 竞争对手名称"`
	State     string `db:"state" json:"state" enum:"active,retired"`
	CreatedAt int64  `db:"created_at" json:"created_at,omitempty"`
}

// RivalsIn counts the rivals of a party, its own and the operator's, that a text names and the
// wording of its template does not. A party is no rival of itself.
func (s *Snapshot) RivalsIn(p *Party, text, wording string) (n int) {
	if len(s.rivals) == 0 {
		return 0
	}
	text, wording = lexicon.Fold(text), lexicon.Fold(wording)
	for _, r := range s.rivals {
		by := s.Party[r.PartyID]
		if r.State != Active || by == nil || by.ID != p.ID && by.Kind != Operator || strings.Contains(p.Name, r.Name) {
			continue
		}
		if name := lexicon.Fold(r.Name); strings.Contains(text, name) && !strings.Contains(wording, name) {
			n++
		}
	}
	return n
}
