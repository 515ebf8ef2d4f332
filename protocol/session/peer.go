package session

import (
	"fmt"
	"net/netip"
	"time"
)

// Peer is a customer's logged-in connection, seen from the server. Its methods
// may be called from any goroutine.
type Peer struct {
	server  *Server
	id      uint64
	account Account
	remote  netip.Addr
	mute    bool
	pace    *Pacer
	link    *link
}

// ID numbers the connections of a server, from 1.
func (p *Peer) ID() uint64 { return p.id }

// Login is the account's login name.
func (p *Peer) Login() string { return p.account.Login }

// Version is the dialect spoken, which is the account's.
func (p *Peer) Version() Version { return p.account.Version }

// Remote is the client's address; it is not valid on connections that are not IP.
func (p *Peer) Remote() netip.Addr { return p.remote }

// Credit is how many reports and MOs may be sent now: none on a connection that is only
// for submits, as all of SGIP are.
func (p *Peer) Credit() int {
	if p.mute {
		return 0
	}
	return p.link.credit()
}

// Report sends a status report. done is called exactly once, like that of
// Client.Submit; Answered with Result 0 means that the customer has it.
func (p *Peer) Report(r Report, done func(Outcome)) {
	p.link.send(message{kind: outReport, number: p.server.numbers.Add(1), report: &r}, 1, done)
}

// MO sends a message from a handset. Its ID is made by the server when empty.
func (p *Peer) MO(m MO, done func(Outcome)) {
	p.link.send(message{kind: outMO, number: p.server.numbers.Add(1), mo: &m}, 1, done)
}

// Close ends the connection at once. It does not wait: see Done.
func (p *Peer) Close() { p.link.fail(ErrClosed) }

// Done is closed after OnClose has returned.
func (p *Peer) Done() <-chan struct{} { return p.link.done }

func (p *Peer) onSubmit(ev *event) error {
	answer := p.link.answerer(outSubmitAnswer, ev.ref)
	fast := !p.pace.Take(time.Now(), len(ev.submit.Dests))
	if fast || p.link.isDraining() {
		answer("", p.link.bind.busy())
		return nil
	}
	p.server.handler.OnSubmit(p, ev.submit, answer)
	return nil
}

func (p *Peer) onReport(ev *event) error {
	r, ok := p.server.handler.(Receiver)
	if !ok {
		return fmt.Errorf("%w: report sent to a server", ErrProtocol)
	}
	r.OnReport(p, ev.report, p.link.acker(ev))
	return nil
}

func (p *Peer) onMO(ev *event) error {
	r, ok := p.server.handler.(Receiver)
	if !ok {
		return fmt.Errorf("%w: message from a handset sent to a server", ErrProtocol)
	}
	r.OnMO(p, ev.mo, p.link.acker(ev))
	return nil
}

func (p *Peer) onCredit()          {}
func (p *Peer) onClosed(err error) { p.server.handler.OnClose(p, err) }
