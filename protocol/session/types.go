package session

import (
	"errors"
	"fmt"
	"time"
)

// Version is the protocol's own version byte as it stands in the login PDU,
// for example 0x20 or 0x30; SGIP has none.
type Version uint8

// Sequence numbers a PDU on its connection. SGIP's has three parts and is unique
// beyond the connection; the other protocols have only Count.
type Sequence struct{ Node, Time, Count uint32 }

// String is the form of SGIP's ids: three decimal numbers joined by hyphens.
func (s Sequence) String() string { return idOf(s) }

// Submit is one message PDU on its way to handsets (MT).
type Submit struct {
	Source string // access code and extension shown on the handset
	// Dests are 11 digits of the mainland, or + and E.164. Upstream there is one: of a group
	// one bad number fails all, and gateways differ in the ids. From a customer there are
	// up to 99, in SGIP and SMGP 100. CMPP 3.0 §9.
	Dests     []string
	ServiceID string // business code; empty means the connection's own
	Coding    uint8  // 0 ASCII, 4 binary, 8 UCS2, 15 GB18030
	UDHI      bool   // Content begins with a user data header
	Total     uint8  // parts of the long message; 0 and 1 both mean one
	Number    uint8  // which part, from 1
	Content   []byte // at most 140 bytes (ASCII: 159)
	// WantReport asks for a status report for each destination.
	WantReport bool
	// ValidUntil is when the carrier shall give up; zero means its default.
	ValidUntil time.Time
	// SendAt is when a customer wants it sent, zero is now; set on receipt only.
	SendAt time.Time
	// Sequence is the PDU's number on its connection, set on receipt only.
	Sequence Sequence
}

// Report is the carrier's word on what became of one submitted PDU.
type Report struct {
	ID     string // the id given in the answer to the submit
	Dest   string // handset
	Source string // access code and extension that the submit came from, if the protocol says
	Stat   string // DELIVRD and others, up to seven characters as received; for SGIP see sgipReport
	Err    string // the network's code beside it, raw; CMPP has none
	// SubmitTime and DoneTime are the carrier's own YYMMDDHHMM, China time,
	// and come from another clock; they are not for measuring. CMPP 3.0 §8.4.5.1.
	SubmitTime string
	DoneTime   string
}

// MO is a message from a handset.
type MO struct {
	ID        string // the carrier's id of this message; a server sets its own when empty
	Source    string // handset
	Dest      string // access code and extension that the person wrote to
	ServiceID string
	Coding    uint8
	UDHI      bool
	Content   []byte
}

// Kind says what is known about a request when it is over.
type Kind uint8

// The three ways in which a request ends.
const (
	// Answered: the peer replied; Result is its word.
	Answered Kind = iota + 1
	// NotWritten: no byte reached the connection; sending it elsewhere is safe.
	NotWritten
	// InDoubt: at least one byte was written and no answer came. The peer may
	// have acted on it.
	InDoubt
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case Answered:
		return "answered"
	case NotWritten:
		return "not written"
	case InDoubt:
		return "in doubt"
	default:
		return fmt.Sprintf("kind %d", uint8(k))
	}
}

// Outcome is the end of one request.
type Outcome struct {
	Kind Kind
	// ID is the peer's id for the message: opaque text, made from its bytes so that
	// equal ids have equal texts. In doubt there is one only in SGIP, where it is ours.
	ID string
	// Result is the peer's status, raw; 0 is success. Only with Answered.
	Result uint32
	// OverSpeed says that the peer refused because of speed: it did not take
	// the message, and the same message may be sent again.
	OverSpeed bool
	// Err says why, for NotWritten and InDoubt.
	Err error
	// Written is when the bytes were handed to the connection; zero if never.
	Written time.Time
	// At is when the outcome was known.
	At time.Time
}

// NoAnswer, given as the result to the answer function of ServerHandler.OnSubmit,
// frees the slot and leaves the peer without an answer. Simulators use it.
const NoAnswer uint32 = 1<<32 - 1

// Reasons for which a request is not written or a connection ends.
var (
	// ErrClosed: the connection was closed by its owner.
	ErrClosed = errors.New("session: connection closed")
	// ErrNoCredit: the window is full, the pace allows nothing now, or the
	// connection backs off after an over-speed answer.
	ErrNoCredit = errors.New("session: no credit")
	// ErrEncode is a message that the protocol can't carry: it is never sent.
	ErrEncode = errors.New("session: encode")
	// ErrDraining: the connection finishes what is open and takes nothing new.
	ErrDraining = errors.New("session: draining")
	// ErrTimeout: no answer within ResponseTimeout.
	ErrTimeout = errors.New("session: no answer in time")
	// ErrSilent: the peer left every heartbeat unanswered.
	ErrSilent = errors.New("session: peer is silent")
	// ErrSlowReader: the peer does not read what it is sent.
	ErrSlowReader = errors.New("session: peer does not read fast enough")
	// ErrProtocol: the peer sent what the protocol does not allow.
	ErrProtocol = errors.New("session: protocol violation")
	// ErrIdle: a connection of a protocol without heartbeat ended while nothing was
	// open on it. That is no outage.
	ErrIdle = errors.New("session: idle connection closed")
	// ErrPeerQuit: the peer logged out.
	ErrPeerQuit = errors.New("session: peer logged out")
)

// LoginError is a login that was refused. Status is the protocol's code.
type LoginError struct {
	Status uint32
	Reason string
}

// Error says the status and what the protocol means by it.
func (e *LoginError) Error() string {
	return fmt.Sprintf("session: login refused with status %d: %s", e.Status, e.Reason)
}
