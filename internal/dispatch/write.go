package dispatch

import (
	"errors"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// flush writes the parts whose rows say submitting, as far as there is credit. When
// nothing may be written any more, messages of which nothing was written come back
// as certainly not taken; the rest of a half-written one stays, and is in doubt once
// another lease begins.
func (w *Worker) flush() {
	for channel, parts := range w.parts {
		line, back := w.line(channel), map[sms.ID]bool{}
		var kept []Part
		for i, p := range parts {
			id := p.Ready.Message.ID
			if !writable(line, p.Epoch) {
				back[id] = back[id] || p.No == 1 && !p.Again
				if back[id] {
					w.write(line, p)
				} else {
					kept = append(kept, p)
				}
				continue
			}
			if line.Credit(sms.ClassOTP) == 0 {
				kept = append(kept, parts[i:]...)
				break
			}
			w.write(line, p)
		}
		if w.parts[channel] = kept; len(kept) == 0 {
			delete(w.parts, channel)
		}
	}
}

// line finds the channel's line, nil when this node has none.
func (w *Worker) line(channel sms.ID) Line {
	for _, l := range *w.lines.Load() {
		if l.Channel() == channel {
			return l
		}
	}
	return nil
}

// writable tells whether the lease under which a part was claimed still stands.
func writable(line Line, epoch int64) bool {
	if line == nil {
		return false
	}
	lease, ok := line.Lease()
	return ok && lease.Epoch == epoch
}

// errLease says why a PDU was not written.
var errLease = errors.New("dispatch: the channel's lease has passed to another owner")

// write hands one PDU to the line, if the lease under which it was claimed still
// stands. Its outcome comes back as an answer.
func (w *Worker) write(line Line, p Part) {
	m := p.Ready.Message
	done := func(o session.Outcome) {
		w.mu.Lock()
		w.answers = append(w.answers, Answer{Ready: p.Ready, No: p.No, Channel: m.ChannelID, Outcome: o})
		w.mu.Unlock()
		w.Wake()
	}
	if !writable(line, p.Epoch) {
		done(session.Outcome{Kind: session.NotWritten, Err: errLease})
		return
	}
	parts, err := smstext.Split(p.Ready.Text, reference(m.ID))
	if err != nil || p.No > len(parts) {
		done(session.Outcome{Kind: session.NotWritten, Err: err})
		return
	}
	s := session.Submit{
		Source: p.Ready.Permit.Way(line.Channel()).Source, Dests: []string{p.Ready.Number.National()}, Coding: uint8(parts[p.No-1].Coding),
		UDHI: parts[p.No-1].UDHI, Total: parts[p.No-1].Total, Number: parts[p.No-1].Number, Content: parts[p.No-1].Content, WantReport: true,
	}
	if m.NotAfter != 0 {
		s.ValidUntil = time.UnixMilli(m.NotAfter)
	}
	w.Stats.Written.Add(1)
	line.Submit(s, done)
}

// reference spreads ids over the eight bits that tie the parts of a long text
// together: neighbours in time must differ.
func reference(id sms.ID) uint8 { return uint8(uint64(id) * 0x9E3779B97F4A7C15 >> 56) }
