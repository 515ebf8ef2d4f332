package sms

import "time"

// MaxAhead is how far ahead a message may be scheduled: what it relies on, such as filings and
// consents, may end meanwhile, and its sender forgets it.
const MaxAhead = 90 * 24 * time.Hour

// Message is one message to one recipient, as it is stored. Times are epoch
// milliseconds. It holds no number and no text in clear (P7): the number stands
// sealed with the person, the text sealed under the message's own key.
type Message struct {
	ID            ID
	DecisionID    ID
	AccountID     ID
	ApplicationID ID
	GroupID       ID // content provider group: its opt-outs and consents apply
	SignatureID   ID
	TemplateID    ID
	PhoneID       [16]byte
	Carrier       Carrier
	Category      Category
	State         State
	Decided       State  // what the decision gave
	Code          Code   // why the decision refused or held it, "" when permitted
	Rule          string // the first rule against it
	Reason        string // catalogue code or carrier's status that ended it later
	Text          []byte // sealed
	TextCommit    [32]byte
	PhoneCommit   [32]byte
	Units         int // priced (BIL-01)
	Segments      int // PDUs
	Held          int // units held along the chain
	Captured      int // units captured
	Ref           string
	Extension     string
	Via           ID // protocol login that it came by, 0 is HTTP
	PDU           ID // id that its PDU was answered with, when it is not the message's own
	ChannelID     ID
	ConsentID     ID
	ReleaseAt     int64
	NotAfter      int64
	Journal       int64
	ValidUntil    int64
	CreatedAt     int64
	UpdatedAt     int64
	LeafID        ID
	LeafPos       int
}

// SegmentState is where one PDU of a message stands.
type SegmentState string

// The states of a segment.
const (
	SegSubmitting SegmentState = "submitting" // may be on the wire
	SegAccepted   SegmentState = "accepted"   // the carrier gave its id
	SegRefused    SegmentState = "refused"    // the carrier said no, or nothing was written
	SegInDoubt    SegmentState = "in_doubt"   // written, never answered
	SegDelivered  SegmentState = "delivered"
	SegFailed     SegmentState = "failed"
)

// Segment is one PDU of a message: the last attempt to submit it.
type Segment struct {
	MessageID  ID
	No         int // from 1
	ChannelID  ID
	State      SegmentState
	UpstreamID string // the carrier's id in decimal, "" until it answers
	Source     string // number that the handset shows
	Result     int64  // the carrier's answer, raw
	Stat       string // the report's status, raw
	Attempt    int
	Epoch      int64 // of the lease under which it was submitted
	SubmitAt   int64
	AnswerAt   int64
	ReportAt   int64
	SubmitLeaf ID
	SubmitPos  int
	ReportLeaf ID
	ReportPos  int
}

// StateOf derives a submitted message's state from all its segments: any in
// doubt makes it in doubt, else any still waiting keeps it submitted, else any
// failed makes it failed, else it is delivered. A segment that the carrier
// refused after another was accepted counts as failed.
func StateOf(segments []Segment) State {
	doubt, waiting, failed := false, false, false
	for _, s := range segments {
		switch s.State {
		case SegInDoubt:
			doubt = true
		case SegSubmitting:
			return Submitting
		case SegAccepted:
			waiting = true
		case SegRefused, SegFailed:
			failed = true
		}
	}
	switch {
	case doubt:
		return InDoubt
	case waiting:
		return Submitted
	case failed:
		return Failed
	}
	return Delivered
}
