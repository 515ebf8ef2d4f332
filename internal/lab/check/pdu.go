package check

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/zhunxin/zhunxin/protocol/sgip"
)

// kind is what a PDU means, whatever the protocol.
type kind uint8

const (
	unknown kind = iota // a command that the protocol does not have here
	login
	loginAnswer
	submit
	submitAnswer
	report
	reportAnswer // SGIP alone tells it from deliverAnswer
	deliver      // a message from a handset
	deliverAnswer
	ping
	pong
	quit
	quitAnswer
	query
	queryAnswer
	userReport // SGIP
	userReportAnswer
	nack // SMPP
)

func (k kind) String() string {
	return [...]string{
		"an unknown command", "a login", "an answer to a login", "a submit", "an answer to a submit", "a report", "an answer to a report",
		"a message from a handset", "an answer to a deliver", "a heartbeat", "an answer to a heartbeat", "a log-out", "an answer to a log-out",
		"a query", "an answer to a query", "a USERRPT", "an answer to a USERRPT", "a generic_nack",
	}[k]
}

// asks tells a request from an answer.
func (k kind) asks() bool {
	switch k {
	case login, submit, report, deliver, ping, quit, query, userReport:
		return true
	default:
		return false
	}
}

// mode is what a login is for.
type mode uint8

const (
	both mode = iota
	sendOnly
	receiveOnly
)

// pdu is one PDU of any of the protocols. What a protocol does not have stays zero.
type pdu struct {
	kind   kind
	seq    sgip.Sequence // the other protocols have only Count
	status uint32
	raw    []byte // as it came

	login, secret string
	mode          mode
	back          bool // SGIP: a gateway logs in to a service provider
	version       uint8
	stamp         uint32
	proof         [16]byte // of the login, or of its answer

	id            string // of a message: in the answer to its submit, and in its report
	own           string // a deliver's own
	source, dest  string
	coding        uint8
	udhi, sar     bool // parts are told by a header, or by SMPP's sar_ parameters
	total, number uint8
	content       []byte
	wantReport    bool
	stat          string
	reportSize    int  // bytes of the report in it; to send, 0 is the version's own
	options       bool // to send: with optional parameters, one of them unknown
	payload       bool // SMPP: the content stands in message_payload
}

// topic is what a section of a specification is about.
type topic uint8

const (
	aboutHeader topic = iota + 1
	aboutLogin
	aboutLoginAnswer
	aboutSubmit
	aboutSubmitAnswer
	aboutDeliver
	aboutReport
	aboutPing
	aboutQuit
	aboutQuery
	aboutWindow
	aboutUnknown
	aboutOptions // SMGP and SMPP
	aboutSAR     // SMPP
	aboutCoding  // SMPP
	aboutUserReport
)

// tongue is one protocol as the checks use it.
type tongue struct {
	header, longest int
	sections        map[topic]string
	version         uint8 // that the login names
	encode          func(p *pdu) ([]byte, error)
	decode          func(raw []byte) (*pdu, error) // kind unknown for other commands
	// proves tells whether a login knows the secret.
	proves func(p *pdu, secret string) bool
	// serverProof is what the answer to a login shall say; nil in protocols without.
	serverProof func(login *pdu, secret string) [16]byte

	// The statuses that the document has for these, and those that only refuse.
	wrongSecret, unknownLogin []uint32
	tooLong                   []uint32
	repeated                  []uint32
	busy                      []uint32
	badCommand                uint32 // SGIP and SMPP answer unknown commands

	content   int // most bytes of content in UCS2
	lengthLen int // bytes of the field with the content's length
	tail      int // bytes behind the content, when there are no optional parameters
	idForm    func(id string) (string, bool)
	is86      bool // numbers begin with 86
}

// tongues are the protocols.
var tongues = map[Protocol]*tongue{
	CMPP20: cmppTongue(cmppV20), CMPP30: cmppTongue(cmppV30), SGIP: sgipTongue(), SMGP30: smgpTongue(smgpV30), SMGP13: smgpTongue(smgpV13), SMPP: smppTongue(),
}

// errFrame is what can't be read as a frame.
var errFrame = errors.New("a frame that cannot be read")

// setLength writes a frame's length field anew.
func setLength(frame []byte, n uint32) []byte {
	binary.BigEndian.PutUint32(frame, n)
	return frame
}

// unknownCommand is a number that none of the documents gives to a command.
const unknownCommand = 0x00000077

// strange is a frame with an unknown command.
func (t *tongue) strange(seq sgip.Sequence) ([]byte, error) {
	frame, err := t.encode(&pdu{kind: quit, seq: seq})
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(frame[4:], unknownCommand)
	return frame, nil
}

// stretched is a submit whose content is longer than the codec writes.
func (t *tongue) stretched(p *pdu, size int) ([]byte, error) {
	q := *p
	q.content = make([]byte, t.content)
	frame, err := t.encode(&q)
	if err != nil {
		return nil, err
	}
	at := len(frame) - t.tail - len(q.content)
	more := make([]byte, size-len(q.content))
	frame = slices.Insert(frame, at, more...)
	if t.lengthLen == 4 {
		binary.BigEndian.PutUint32(frame[at-4:], uint32(size)) //nolint:gosec // a few hundred
	} else {
		frame[at-1] = byte(size)
	}
	return setLength(frame, uint32(len(frame))), nil //nolint:gosec // a few hundred
}
