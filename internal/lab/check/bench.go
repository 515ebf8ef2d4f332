package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// bench is what the checks of one run share.
type bench struct {
	o         Options
	t         *tongue
	sgipCount uint32
	sent      uint64       // texts, by which they are spread over the numbers
	ln        net.Listener // a client's, or SGIP's way back
	parts     sync.WaitGroup
	stop      context.CancelFunc
	shutOut   bool  // the gateway refuses the good login, so that most checks are in vain
	client    *conn // that is logged in at our listener, or nil

	mu      sync.Mutex
	reports []*pdu
	mos     []*pdu
	submits []*pdu
	binds   []*pdu // logins at SGIP's way back
	ids     uint64
}

// maxNoted bounds what a run remembers of each kind; a gateway may bring a backlog of
// reports, of which the newest count.
const maxNoted = 1000

// note remembers what the peer said; a submit gets its id here.
func (b *bench) note(p *pdu) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.kind == submit && p.id == "" {
		b.ids++
		p.id = fmt.Sprint(b.ids)
	}
	to := map[kind]*[]*pdu{report: &b.reports, deliver: &b.mos, submit: &b.submits, login: &b.binds}[p.kind]
	if *to = append(*to, p); len(*to) > maxNoted {
		*to = slices.Delete(*to, 0, 1)
	}
}

// noted finds the first that was remembered and fits.
func (b *bench) noted(list *[]*pdu, fits func(*pdu) bool) *pdu {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(*list, fits); i >= 0 {
		return (*list)[i]
	}
	return nil
}

// look is how often something that comes on another connection is looked for.
const look = 10 * time.Millisecond

// eventually waits until something that fits was remembered.
func (b *bench) eventually(ctx context.Context, patience time.Duration, list *[]*pdu, fits func(*pdu) bool) *pdu {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if p := b.noted(list, fits); p != nil {
			return p
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// listen opens what the peer connects to, if it does.
func (b *bench) listen(ctx context.Context, client bool) (err error) {
	address := b.o.BackListen
	if client {
		address = b.o.Listen
	}
	if address == "" {
		return nil
	}
	if b.ln, err = new(net.ListenConfig).Listen(ctx, "tcp", address); err != nil {
		return err
	}
	if !client {
		ctx, b.stop = context.WithCancel(ctx)
		b.parts.Go(func() { b.takeBack(ctx) })
	}
	return nil
}

func (b *bench) shut() {
	if b.stop != nil {
		b.stop()
	}
	if b.client != nil {
		b.client.close()
	}
	if b.ln != nil {
		_ = b.ln.Close() // nothing comes of its error
	}
	b.parts.Wait()
}

// takeBack serves the connections by which an SGIP gateway brings reports and messages.
func (b *bench) takeBack(ctx context.Context) {
	for {
		raw, err := b.ln.Accept()
		if err != nil {
			return
		}
		b.parts.Go(func() {
			c := newConn(ctx, b, raw)
			defer c.close()
			b.serveBack(c)
		})
	}
}

func (b *bench) serveBack(c *conn) {
	p, err := c.read(time.Now().Add(b.o.Timeout))
	if err != nil || p.kind != login {
		return
	}
	b.note(p)
	status := uint32(0)
	switch {
	case !p.back:
		status = 4
	case p.login != b.o.BackLogin || p.secret != b.o.BackSecret:
		status = 1
	}
	if c.send(&pdu{kind: loginAnswer, seq: p.seq, status: status}) != nil || status != 0 {
		return
	}
	for {
		p, err := c.read(time.Now().Add(maxWait))
		if err != nil || c.serve(p) != nil || p.kind == quit {
			return
		}
	}
}

// open connects to the gateway.
func (b *bench) open(ctx context.Context) (*conn, error) {
	return b.dial(ctx, b.o.Target)
}

func (b *bench) dial(ctx context.Context, address string) (*conn, error) {
	d := net.Dialer{Timeout: b.o.Timeout}
	raw, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s was not reached: %w", address, err)
	}
	return newConn(ctx, b, raw), nil
}

// asLogin is the good login.
func (b *bench) asLogin() *pdu {
	return &pdu{kind: login, login: b.o.Login, secret: b.o.Secret, version: b.t.version, stamp: cmpp.Timestamp(time.Now())}
}

// tryLogin connects and sends a login; the answer may be a refusal.
func (b *bench) tryLogin(ctx context.Context, p *pdu) (*conn, *pdu, error) {
	c, err := b.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	c.login = p
	answer, err := c.ask(p, loginAnswer)
	if err != nil {
		c.close()
		return nil, nil, err
	}
	return c, answer, nil
}

// enter logs in.
func (b *bench) enter(ctx context.Context) (*conn, error) {
	c, _, err := b.enterAs(ctx, b.asLogin())
	return c, err
}

// enterAs logs in and gives the answer. A gateway may still count the connection of the
// check before, so a refusal is tried again for a while, unless it has one of the statuses
// that settle it.
func (b *bench) enterAs(ctx context.Context, p *pdu, settled ...uint32) (*conn, *pdu, error) {
	for until := time.Now().Add(b.o.Timeout); ; {
		again := *p
		c, answer, err := b.tryLogin(ctx, &again)
		if err == nil && answer.status == 0 {
			return c, answer, nil
		}
		if err == nil {
			c.close()
			err = fmt.Errorf("the login was refused with status %d", answer.status)
		}
		if ctx.Err() != nil || time.Now().After(until) || answer != nil && slices.Contains(settled, answer.status) {
			return nil, answer, err
		}
		<-time.After(10 * look)
	}
}

// alive tells whether the gateway still takes logins.
func (b *bench) alive(ctx context.Context) error {
	c, err := b.enter(ctx)
	if err == nil {
		c.leave()
	}
	return err
}

// handset is the next of the handsets that the submits are spread over.
func (b *bench) handset() string {
	first, _ := strconv.ParseUint(b.o.Dest, 10, 64) // validate has looked at it
	b.sent++
	return fmt.Sprintf("%011d", first+(b.sent-1)%uint64(b.o.Spread)) //nolint:gosec // bounded
}

// plain is a submit of a text in ASCII.
func (b *bench) plain(text string) *pdu {
	return &pdu{kind: submit, login: b.o.Login, own: b.o.CorpID, source: b.o.Source, dest: b.handset(), content: []byte(text)}
}

// message is a submit of the text that the peer wants, or of one that says what it is for.
func (b *bench) message(purpose string) *pdu {
	p := b.plain(purpose)
	if parts, err := smstext.Split(b.o.Text, 0); err == nil { // validate has looked at it
		p.coding, p.content = uint8(parts[0].Coding), parts[0].Content
	}
	return p
}

// entered runs a check on a connection of its own.
func entered(do func(ctx context.Context, b *bench, c *conn) finding) func(context.Context, *bench) finding {
	return func(ctx context.Context, b *bench) finding {
		c, err := b.enter(ctx)
		if err != nil {
			return fail("%v", err)
		}
		defer c.leave()
		return do(ctx, b, c)
	}
}

// why says an error of a wait in the words of a finding.
func why(err error) string {
	switch {
	case errors.Is(err, errSilent):
		return "no answer came in time"
	case errors.Is(err, errClosed):
		return "the connection was closed without an answer"
	default:
		return err.Error()
	}
}
