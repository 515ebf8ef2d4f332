package registry

import "github.com/zhunxin/zhunxin/internal/sms"

// Mark is a trademark or a recorded app, as a party tells of it before it applies for signatures
// of its name. Nothing rests on it: a signature takes over what it says, and is reviewed.
type Mark struct {
	ID           sms.ID
	PartyID      sms.ID
	Source       string // Trademark or App
	Name         string
	Registration string // number of the trademark, or of the app's ICP record
	Holder       string // whom it is registered to
	Address      string // of the app in a store
	Period              // of an app: from when it was recorded
	DocumentID   sms.ID // its scan
	CreatedAt    int64
}

// MaxMarks is the most that a party may tell of.
const MaxMarks = 500
