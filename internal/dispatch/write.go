package dispatch

import (
	"errors"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/lexicon"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// outbox holds the PDUs whose rows say submitting and that are not written yet, and
// counts those that transactions are about to add, so that no more are claimed than a
// channel has room for. It is safe for concurrent use.
type outbox struct {
	mu    sync.Mutex
	parts map[sms.ID][]Part // by channel
	held  map[sms.ID]int    // PDUs of transactions under way, and of writes
}

// reserve holds room for PDUs of a class, for as many as there is, and tells for how
// many.
func (o *outbox) reserve(line Line, class sms.Class, most int) int {
	channel := line.Channel()
	o.mu.Lock()
	defer o.mu.Unlock()
	n := max(0, min(most, line.Credit(class)-len(o.parts[channel])-o.held[channel]))
	if n > 0 {
		o.held[channel] += n
	}
	return n
}

// hold counts PDUs of a transaction that begins, or, less than 0, of one that ended.
func (o *outbox) hold(channel sms.ID, pdus int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.held[channel] += pdus; o.held[channel] == 0 {
		delete(o.held, channel)
	}
}

// put adds the PDUs of a transaction that had held room for some.
func (o *outbox) put(channel sms.ID, held int, parts []Part) {
	o.mu.Lock()
	o.parts[channel] = append(o.parts[channel], parts...)
	o.mu.Unlock()
	o.hold(channel, -held)
}

// put back what can't be written now, in front.
func (o *outbox) back(channel sms.ID, parts []Part) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts[channel] = append(parts, o.parts[channel]...)
}

// take empties a channel's box. What it returns counts as held until it is written.
func (o *outbox) take(channel sms.ID) []Part {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.parts[channel]
	delete(o.parts, channel)
	if len(out) > 0 {
		o.held[channel] += len(out)
	}
	return out
}

func (o *outbox) channels() []sms.ID {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := make([]sms.ID, 0, len(o.parts))
	for c := range o.parts {
		out = append(out, c)
	}
	return out
}

// flush writes the PDUs whose rows say submitting, as far as there is credit. When
// nothing may be written any more, or the channel is not used, messages of which
// nothing was written come back as certainly not taken. The rest of a half-written one stays until its lease is
// renewed, or falls to the next one: whoever begins that has put it in doubt before.
func (w *Worker) flush() {
	for _, channel := range w.out.channels() {
		parts := w.out.take(channel)
		line, back, open := w.line(channel), map[sms.ID]bool{}, w.health.is(channel, Open)
		var kept []Part
		for i, p := range parts {
			id := p.Ready.Message.ID
			if may := writable(line, p.Epoch); !may || open {
				if back[id] = back[id] || p.No == 1 && !p.Again; back[id] {
					w.answered(p, session.Outcome{Kind: session.NotWritten, Err: errLease}, "")
					continue
				}
				if !may {
					if !passed(line, p.Epoch) {
						kept = append(kept, p)
					}
					continue
				}
			}
			if line.Credit(sms.ClassOTP) == 0 {
				kept = append(kept, parts[i:]...)
				break
			}
			w.write(line, p)
		}
		if len(kept) > 0 {
			w.out.back(channel, kept)
		}
		w.out.hold(channel, -len(parts))
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

// passed tells whether a part's lease is over for good: the channel has another one, or
// is no longer this node's.
func passed(line Line, epoch int64) bool {
	if line == nil {
		return true
	}
	lease, ok := line.Lease()
	return ok && lease.Epoch != epoch
}

// errLease says why a PDU was not written.
var errLease = errors.New("dispatch: the channel's lease has passed to another owner")

// answered keeps what became of a PDU until it is booked.
func (w *Worker) answered(p Part, o session.Outcome, code string) {
	if w.cfg.Observe != nil && o.Kind == session.Answered {
		w.cfg.Observe(o.At.Sub(o.Written))
	}
	w.mu.Lock()
	w.answers = append(w.answers, Answer{Ready: p.Ready, No: p.No, Channel: p.Ready.Message.ChannelID, Outcome: o, Code: code})
	w.mu.Unlock()
	w.Wake()
}

// write hands one PDU to the line. Its outcome comes back as an answer.
func (w *Worker) write(line Line, p Part) {
	m := p.Ready.Message
	way := p.Ready.Permit.Way(line.Channel())
	if way.Split.Whole {
		w.send(line, p, way)
		return
	}
	parts, err := smstext.SplitWith(p.Ready.Text, reference(m.ID), way.Split.Options())
	if err != nil || p.No > len(parts) {
		w.answered(p, session.Outcome{Kind: session.NotWritten, Err: err}, "")
		return
	}
	s := session.Submit{
		Source: way.Source, Dests: []string{p.Ready.Number.Dialled()}, Coding: uint8(parts[p.No-1].Coding),
		UDHI: parts[p.No-1].UDHI, Total: parts[p.No-1].Total, Number: parts[p.No-1].Number, Content: parts[p.No-1].Content, WantReport: true,
	}
	if m.NotAfter != 0 {
		s.ValidUntil = time.UnixMilli(m.NotAfter)
	}
	w.Stats.Written.Add(1)
	line.Submit(s, func(o session.Outcome) { w.answered(p, o, "") })
}

// send hands a whole text to the line.
func (w *Worker) send(line Line, p Part, way *gate.PermitChannel) {
	m := p.Ready.Message
	t := Text{Message: m.ID, Number: p.Ready.Number, Source: way.Source, Text: p.Ready.Text, Template: way.Template}
	if m.NotAfter != 0 {
		t.ValidUntil = time.UnixMilli(m.NotAfter)
	}
	if t.Template != nil {
		var err error
		if t.Values, err = w.wordings.values(t.Template, t.Text); err != nil {
			w.cfg.Logger.Error("a message can't be put into its template", "message", m.ID, "err", err)
			w.answered(p, session.Outcome{Kind: session.Answered, Result: 1}, NotWritable)
			return
		}
	}
	w.Stats.Written.Add(1)
	line.Send(t, func(o session.Outcome, code string) { w.answered(p, o, code) })
}

// NotWritable is the code of messages that their channel can't put into a request: they
// end, for they could not next time either.
const NotWritable = "NOT_WRITABLE"

// wordings keeps compiled templates of permits. It is safe for concurrent use.
type wordings struct {
	mu   sync.Mutex
	list map[string]*registry.Wording // by body
}

// maxWordings bounds what is kept; it begins anew behind that.
const maxWordings = 10_000

// values reads out of a text what stands for the variables of the template that it was
// permitted by.
func (w *wordings) values(t *registry.FiledTemplate, text string) ([]string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x := w.list[t.Body]
	if x == nil {
		var err error
		if x, err = registry.Compile(t.Body); err != nil {
			return nil, err
		}
		if w.list == nil || len(w.list) >= maxWordings {
			w.list = map[string]*registry.Wording{}
		}
		w.list[t.Body] = x
	}
	_, body, _ := lexicon.SplitSignature(text)
	values := x.Values(body)
	if len(values) != len(t.Names) {
		return nil, errWording
	}
	return values, nil
}

var errWording = errors.New("dispatch: the text is not of the template that permits it")

// reference spreads ids over the bits that tie the parts of a long text
// together: neighbours in time must differ.
func reference(id sms.ID) uint16 { return uint16(uint64(id) * 0x9E3779B97F4A7C15 >> 48) }
