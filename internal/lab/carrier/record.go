package carrier

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Received is one submit as it came in, and what was made of it.
type Received struct {
	Number   uint64    `json:"number"` // counts from 1
	Time     time.Time `json:"time"`
	Login    string    `json:"login"`
	Session  uint64    `json:"session"`
	Sequence uint32    `json:"sequence"` // in SGIP the last of its three numbers
	Source   string    `json:"source"`
	Dests    []string  `json:"dests"`
	Coding   uint8     `json:"coding"`
	UDHI     bool      `json:"udhi,omitempty"`
	Part     uint8     `json:"part"`
	Parts    uint8     `json:"parts"`
	Content  []byte    `json:"content"` // base64 in JSON
	// Text is Content without its header, when its coding is one of text.
	Text       string `json:"text,omitempty"`
	WantReport bool   `json:"want_report"`
	// MsgID is the id given, or that would have been given if the answer was
	// dropped, in the protocol's own form as text.
	MsgID  string `json:"msg_id"`
	Result uint32 `json:"result"`
	// Fate is answered, unanswered (the answer was dropped) or disconnected.
	Fate string `json:"fate"`
}

// Line is the submit in one line for people. Unless clear is set, the middle of a number
// and the whole text but its length are left out.
func (r Received) Line(clear bool) string {
	dests := slices.Clone(r.Dests)
	text := strconv.Quote(r.Text)
	if !clear {
		for i := range dests {
			dests[i] = masked(dests[i])
		}
		text = fmt.Sprintf("%d characters", utf8.RuneCountInString(r.Text))
	}
	if r.Text == "" {
		text = fmt.Sprintf("%d bytes", len(r.Content))
	}
	return fmt.Sprintf("%s #%d %s/%d seq %d %s -> %s part %d/%d coding %d: %s; %s %d %s",
		r.Time.Format("15:04:05.000"), r.Number, r.Login, r.Session, r.Sequence, r.Source, strings.Join(dests, ","),
		max(r.Part, 1), max(r.Parts, 1), r.Coding, text, r.Fate, r.Result, r.MsgID)
}

// masked keeps the first three and the last four digits of a number.
func masked(number string) string {
	if len(number) <= 7 {
		return strings.Repeat("*", len(number))
	}
	return number[:3] + strings.Repeat("*", len(number)-7) + number[len(number)-4:]
}

// The values of Received.Fate.
const (
	FateAnswered     = "answered"
	FateUnanswered   = "unanswered"
	FateDisconnected = "disconnected"
)

func newRecord(p *session.Peer, s *session.Submit, at time.Time) Received {
	return Received{
		Time: at, Login: p.Login(), Session: p.ID(), Sequence: s.Sequence.Count, Source: s.Source, Dests: s.Dests,
		Coding: s.Coding, UDHI: s.UDHI, Part: s.Number, Parts: s.Total, Content: s.Content,
		Text: plainText(s), WantReport: s.WantReport,
	}
}

// plainText decodes the content without its header; what can't be read gives
// nothing, because the record holds the bytes as well.
func plainText(s *session.Submit) string {
	body := s.Content
	if s.UDHI {
		var err error
		if _, body, err = smstext.ParseUDH(body); err != nil {
			return ""
		}
	}
	f, err := smstext.ParseMsgFmt(s.Coding)
	if err != nil {
		return ""
	}
	text, err := smstext.Decode(f.Coding, body)
	if err != nil {
		return ""
	}
	return text
}

// journal keeps the newest records in a ring and, if asked to, writes each to a
// stream as a line of JSON: at once and before the answer, so that whoever has the answer
// finds the line, even when the process is killed.
type journal struct {
	mu   sync.Mutex
	ring []Received
	size int
	last uint64
	each func(Received)
	out  io.Writer
	err  error // the first write error; writing stops with it
}

func (j *journal) add(r Received) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last++
	r.Number = j.last
	if len(j.ring) < j.size {
		j.ring = append(j.ring, r)
	} else {
		j.ring[(r.Number-1)%uint64(j.size)] = r
	}
	if j.each != nil {
		j.each(r)
	}
	if j.out == nil || j.err != nil {
		return
	}
	line, err := json.Marshal(r)
	if err == nil {
		_, err = j.out.Write(append(line, '\n'))
	}
	j.err = err
}

// since returns up to limit records numbered above n, oldest first.
func (j *journal) since(n uint64, limit int) []Received {
	j.mu.Lock()
	defer j.mu.Unlock()
	n = max(n, j.last-uint64(len(j.ring)))
	if n >= j.last {
		return nil
	}
	list := make([]Received, 0, min(uint64(limit), j.last-n))
	for ; n < j.last && len(list) < limit; n++ {
		list = append(list, j.ring[n%uint64(j.size)])
	}
	return list
}

func (j *journal) writeTo(w io.Writer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.out, j.err = w, nil
}

// count is how many there were.
func (j *journal) count() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

func (j *journal) watch(each func(Received)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.each = each
}

// failed is the first error of all writes.
func (j *journal) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return fmt.Errorf("carrier: write record: %w", j.err)
	}
	return nil
}
