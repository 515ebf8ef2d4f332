package sms

import "encoding/json"

// Decision is what the messages of one submission with the same text have in
// common: the facts, what stood against them and what they are permitted.
type Decision struct {
	ID            ID
	ApplicationID ID
	At            int64
	Packs         string // pack@version, …
	Facts         []byte // JSON of the shared facts; no personal data
	Findings      []byte // JSON of what stood against it, or warned
	Permit        []byte // JSON of a Permit for each carrier
	Verdicts      []byte // JSON: how many messages got which verdict; no personal data
	Journal       int64  // the revocation journal's number when the facts were read
	ValidUntil    int64  // the first moment at which a fact that it relied on ends
}

// RecipientEvent is what frequency rules count: something left, or is about to
// leave, for a recipient.
type RecipientEvent struct {
	PhoneID     [16]byte
	MessageID   ID
	At          int64
	GroupID     ID
	SignatureID ID
	TemplateID  ID
	ContentHash [16]byte
	Category    Category
	ChannelID   ID
}

// Report is a carrier's status report for one segment. Its id is the carrier's.
type Report struct {
	ChannelID  ID
	UpstreamID string
	PhoneID    [16]byte
	MessageID  ID // of ours, if the carrier names it, which only HTTP upstreams do; or NoMessage
	Source     string
	Stat       string // raw
	Delivered  bool
	Final      bool
	ReceivedAt int64
	MatchedAt  int64 // when a kept report found its submit, 0 before
	Again      bool  // its segment had its report before
	Vacant     bool  // it says that the number does not exist
}

// Breaker is whether a channel is used, as the nodes tell each other.
type Breaker struct {
	ChannelID ID
	State     string // closed | open | half_open
	Cause     string // of the last opening
	Trips     int    // openings in a row
	Since     int64  // of the state, epoch milliseconds; 0 when the channel was never taken out
	Owned     bool   // a node holds the channel's lease
}

// MO is a message from a recipient 上行.
type MO struct {
	ID            ID
	ChannelID     ID
	UpstreamID    string
	PhoneID       [16]byte
	GroupID       ID
	ApplicationID ID
	Dest          string
	Text          []byte // sealed
	OptOut        string // the word that acted, "" when none did
	ReceivedAt    int64
}

// Event is what a customer is told: a report, an MO or an opt-out, how a review of a signature
// or template goes, or that a part of a long message waited in vain. Its body is JSON with the
// number masked.
type Event struct {
	ID            ID
	ApplicationID ID
	Kind          string // report | mo | optout | signature | template | measure | campaign | part | duty
	ObjectID      ID
	Body          []byte
	At            int64
	Via           ID // protocol login that is to be told, 0 when none is
}

// Person is a recipient as stored: the number sealed, and the sealed secret
// towards one content provider group.
type Person struct {
	PhoneID [16]byte
	GroupID ID
	Number  []byte
	Secret  []byte
}

// StatusEvent tells the customer that a message has a new state. The message
// stands by its id and the customer's own reference, never by its number.
func StatusEvent(id ID, m *Message, at int64) Event {
	code := string(m.Code)
	if m.Reason != "" {
		code = m.Reason
	}
	body, _ := json.Marshal(struct { // strings and integers only: it can't fail
		At       int64  `json:"at"`
		Code     string `json:"code"`
		ID       string `json:"message_id"`
		Ref      string `json:"ref"`
		Segments int    `json:"segments"`
		State    State  `json:"state"`
		Units    int    `json:"units"`
	}{at, code, m.ID.String(), m.Ref, m.Segments, m.State, m.Units})
	return Event{ID: id, ApplicationID: m.ApplicationID, Kind: "report", ObjectID: m.ID, Body: body, At: at, Via: m.Via}
}

// Change is what happens to a stored message after its decision.
type Change struct {
	ID        ID
	From, To  State
	Reason    string
	Held      int
	Captured  int
	ChannelID ID
	At        int64
}

// Part is one PDU of a long message that a customer sent in parts.
type Part struct {
	ID         ID
	Via        ID       // protocol login
	Set        [16]byte // keyed hash of what ties the parts together
	Total      int
	Number     int    // from 1
	Content    []byte // sealed
	MessagePDU ID     // first part's id once the message is decided, 0 before
	ReceivedAt int64
}

// Ending is how a message ended that no carrier ended, with its evidence.
type Ending struct {
	MessageID ID
	At        int64
	State     State
	Code      Code
	Rule      string
	LeafID    ID
	LeafPos   int
}

// OriginEvent is that a verification code went out on a request from somewhere: an address, a
// device or an account, by its keyed hash (FRQ-07).
type OriginEvent struct {
	Origin    [16]byte
	At        int64
	MessageID ID
	Number    [16]byte // keyed hash that tells numbers apart at this origin
}

// Ended is what a carrier's report made of a message.
type Ended struct {
	PhoneID   [16]byte
	ChannelID ID
	State     State  // delivered or failed
	Stat      string // of the report that failed
}

// Revocation is one entry of the journal: something that a decision may have
// relied on has ended.
type Revocation struct {
	N        int64
	Kind     string // optout | withdrawal | freeze | licence | filing | template | pack | portability
	PhoneID  []byte // of opt-outs, withdrawals and portability
	GroupID  int64  // 0 is every group
	ObjectID int64  // party, signature, template, channel …
	Scope    string
	At       int64
}

// Webhook is a customer's address that events are posted to: a cursor over its
// application's events.
type Webhook struct {
	ID            ID
	ApplicationID ID
	URL           string
	Secret        []byte // sealed
	Format        string // "" is our own, else a cloud's
	KeyID         ID     // of the format twilio: the key whose secret signs, else 0
	Named         bool   // only messages that name it
	Kinds         string // comma-separated, "" is all
	State         string // active | paused
	SentTo        ID     // last event that was delivered or given up
	ReplayFrom    ID     // events above it, up to ReplayTo, are sent again
	ReplayTo      ID
	FailingSince  int64
	Attempts      int
	NextAt        int64
	CreatedAt     int64
}

// WebhookDelivery is one call of a webhook.
type WebhookDelivery struct {
	ID        ID     `json:"id"`
	WebhookID ID     `json:"webhook_id"`
	First     ID     `json:"first_event"`
	Last      ID     `json:"last_event"`
	Count     int    `json:"events"`
	Attempt   int    `json:"attempt"`
	State     string `json:"state" enum:"delivered,failed,dead"`
	Status    int    `json:"status" doc:"of HTTP, 0 when there was none"`
	Millis    int64  `json:"millis"`
	Error     string `json:"error,omitempty"`
	At        int64  `json:"at"`
}

// MOPart is a part of a long message from a handset.
type MOPart struct {
	ID            ID
	Set           [16]byte // the same for all parts of a message
	Total, Number int
	Content       []byte // sealed
	ReceivedAt    int64
}
