// Package faultnet spoils connections on purpose: a TCP proxy between a real
// client and a real server, and a connection whose writes end after so many
// bytes. With it tests and joint trials see the faults of real networks: delay,
// bytes one by one, a cut anywhere within a message, answers out of order, a
// peer that is gone without a word or never reads.
//
// It owns its sockets and the count of what it spoiled. It knows no protocol,
// except how to find the end of a frame. Invariants:
//
//   - Bytes pass unchanged and in order unless a fault says otherwise.
//   - Everything random comes from the seed.
//   - Memory is bounded: one frame and one buffer for each direction of a
//     connection, 64 frames while it reorders, a bounded number of connections.
//   - After Close no goroutine and no socket is left.
package faultnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds that no setting moves.
const (
	maxFrame       = 64 << 10 // longer ones pass as bytes
	maxReorder     = 64
	maxConnections = 1024
	dialTimeout    = 10 * time.Second
	acceptPause    = 50 * time.Millisecond
)

// Config is a proxy.
type Config struct {
	Target string // host:port of the real server
	Listen string // default 127.0.0.1:0
	Frames Frames // nil treats whatever one read gives as a frame
	Seed   uint64
	// Buffer is how many bytes the sockets hold that are still to be sent, so
	// that TCP pushes back early; 0 leaves it to the system. What they hold that
	// came in is left to it always: a window that shrinks on an open connection
	// can stall it.
	Buffer int
}

// Proxy passes connections on to its target. Its methods may be called from any
// goroutine.
type Proxy struct {
	cfg   Config
	ln    net.Listener
	lanes [2]*lane
	ctx   context.Context //nolint:containedctx // its end is Close
	stop  context.CancelFunc
	parts sync.WaitGroup

	mu     sync.Mutex
	open   int // connections, those that are being passed on included
	pairs  map[*pair]struct{}
	closed bool
}

// Start listens and passes connections on until Close, or until ctx ends.
func Start(ctx context.Context, cfg Config) (*Proxy, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("faultnet: listen: %w", err)
	}
	p := &Proxy{
		cfg: cfg, ln: ln, pairs: make(map[*pair]struct{}),
		lanes: [2]*lane{newLane(cfg.Seed, ToServer), newLane(cfg.Seed, ToClient)},
	}
	p.ctx, p.stop = context.WithCancel(ctx)
	p.parts.Go(p.accept)
	p.parts.Go(func() {
		<-p.ctx.Done()
		p.shut()
	})
	return p, nil
}

// Addr is where the proxy listens.
func (p *Proxy) Addr() net.Addr { return p.ln.Addr() }

// Set replaces the faults of one direction, for connections that are open as
// well. What is held up by the old ones goes on.
func (p *Proxy) Set(d Direction, f Faults) { p.lanes[d].set(f) }

// Heal removes all faults.
func (p *Proxy) Heal() {
	p.Set(ToServer, Faults{})
	p.Set(ToClient, Faults{})
}

// Counts is what happened in one direction.
func (p *Proxy) Counts(d Direction) Counts {
	l := p.lanes[d]
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// Await returns when ok accepts the counts, or with an error when ctx ends.
func (p *Proxy) Await(ctx context.Context, d Direction, ok func(Counts) bool) error {
	return p.lanes[d].await(ctx, ok)
}

// Connections is how many are open.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open
}

// Disconnect cuts all connections now.
func (p *Proxy) Disconnect(reset bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for q := range p.pairs {
		q.close(reset)
	}
}

// Close ends everything and waits for it.
func (p *Proxy) Close() {
	p.stop()
	p.parts.Wait()
}

func (p *Proxy) shut() {
	_ = p.ln.Close() // accept tells
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Disconnect(false)
}

func (p *Proxy) accept() {
	for {
		client, err := p.ln.Accept()
		switch {
		case err == nil:
			p.admit(client)
		case errors.Is(err, net.ErrClosed):
			return
		default: // out of descriptors, most likely
			select {
			case <-time.After(acceptPause):
			case <-p.ctx.Done():
			}
		}
	}
}

func (p *Proxy) admit(client net.Conn) {
	p.mu.Lock()
	full := p.open >= maxConnections
	if !full {
		p.open++
	}
	p.mu.Unlock()
	if full {
		_ = client.Close()
		return
	}
	p.parts.Go(func() {
		p.serve(client)
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
	})
}

// serve is the life of one connection.
func (p *Proxy) serve(client net.Conn) {
	d := net.Dialer{Timeout: dialTimeout}
	server, err := d.DialContext(p.ctx, "tcp", p.cfg.Target)
	if err != nil { // the client sees a connection that ends at once
		_ = client.Close()
		return
	}
	q := &pair{client: client, server: server, done: make(chan struct{})}
	defer p.leave(q)
	if !p.enter(q) {
		return
	}
	q.shrink(p.cfg.Buffer)
	var pumps sync.WaitGroup
	pumps.Go(newPump(p.lanes[ToServer], q, client, server, p.cfg.Frames).run)
	pumps.Go(newPump(p.lanes[ToClient], q, server, client, p.cfg.Frames).run)
	pumps.Wait()
}

func (p *Proxy) enter(q *pair) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.pairs[q] = struct{}{}
	}
	return !p.closed
}

func (p *Proxy) leave(q *pair) {
	q.close(false)
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.pairs, q)
}

// pair is one client's connection and the one to the server that belongs to it.
type pair struct {
	client, server net.Conn
	once           sync.Once
	done           chan struct{} // closed with the connections
	dying          atomic.Bool   // the cut is due: the other direction passes nothing
}

// close ends both sides. Its errors tell nothing that their readers don't see.
func (q *pair) close(reset bool) {
	q.once.Do(func() {
		for _, c := range []net.Conn{q.client, q.server} {
			if t, ok := c.(*net.TCPConn); ok && reset {
				_ = t.SetLinger(0)
			}
			_ = c.Close()
		}
		close(q.done)
	})
}

// shrink sets the sockets' buffers; where the system won't, only pushing back
// comes later.
func (q *pair) shrink(bytes int) {
	for _, c := range []net.Conn{q.client, q.server} {
		if t, ok := c.(*net.TCPConn); ok && bytes > 0 {
			_ = t.SetWriteBuffer(bytes)
		}
	}
}
