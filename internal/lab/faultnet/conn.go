package faultnet

import (
	"errors"
	"net"
	"sync"
)

// ErrCut is what a Conn's Write returns when it took less than it was given.
var ErrCut = errors.New("faultnet: connection was cut")

// Conn is a connection that ends after a number of written bytes. Unlike the
// proxy, which spoils what the sender's system has long accepted, it decides
// what the sender itself is told.
type Conn struct {
	net.Conn

	mu    sync.Mutex
	armed bool
	left  int64
}

// Wrap makes a Conn that behaves like conn until it is told otherwise.
func Wrap(conn net.Conn) *Conn { return &Conn{Conn: conn} }

// CutAfter closes the connection once n more bytes are written. The Write that
// crosses the line takes exactly the bytes before it and returns their number
// with ErrCut.
func (c *Conn) CutAfter(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.armed, c.left = true, n
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	cut := c.armed && int64(len(b)) >= c.left
	took := len(b)
	if cut {
		took = int(c.left)
	}
	c.left -= int64(took)
	c.mu.Unlock()
	if !cut {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:took])
	err = errors.Join(err, c.Close())
	if n < len(b) {
		err = errors.Join(ErrCut, err)
	}
	return n, err
}
