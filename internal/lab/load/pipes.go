package load

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Pipes are connections to an HTTP server, each for one request at a time. net/http's client
// hands a request over between three goroutines, on the cores that are being measured.
type Pipes struct {
	address string
	free    chan *pipe
}

type pipe struct {
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
	body bytes.Buffer
}

// patience is how long an answer may take.
const patience = time.Minute

// NewPipes are at most so many, opened when they are needed.
func NewPipes(address string, most int) *Pipes {
	p := &Pipes{address: address, free: make(chan *pipe, most)}
	for range most {
		p.free <- nil
	}
	return p
}

// do makes a request and gives the answer's status and body to read.
func (p *Pipes) do(ctx context.Context, path string, header [][2]string, body []byte, read func(status int, body []byte)) error {
	x := <-p.free
	defer func() { p.free <- x }()
	if x == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", p.address)
		if err != nil {
			return err
		}
		x = &pipe{conn: conn, in: bufio.NewReader(conn)}
	}
	err := x.exchange(ctx, p.address, path, header, body, read)
	if err != nil {
		_ = x.conn.Close() // the error that matters is known
		x = nil
	}
	return err
}

func (x *pipe) exchange(ctx context.Context, host, path string, header [][2]string, body []byte, read func(status int, body []byte)) error {
	if err := x.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = x.conn.SetDeadline(time.Unix(1, 0)) })() // it fails on a closed one
	x.out.Reset()
	x.out.WriteString("POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, h := range header {
		x.out.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	x.out.WriteString("Content-Length: ")
	x.out.Write(strconv.AppendInt(x.out.AvailableBuffer(), int64(len(body)), 10))
	x.out.WriteString("\r\n\r\n")
	x.out.Write(body)
	if _, err := x.conn.Write(x.out.Bytes()); err != nil {
		return err
	}
	resp, err := http.ReadResponse(x.in, nil)
	if err != nil {
		return err
	}
	x.body.Reset()
	if _, err := io.Copy(&x.body, resp.Body); err != nil {
		return err
	}
	read(resp.StatusCode, x.body.Bytes())
	return resp.Body.Close()
}

// Close ends the connections that no request is on.
func (p *Pipes) Close() {
	for {
		select {
		case c := <-p.free:
			if c != nil {
				_ = c.conn.Close() // nothing is open on it
			}
		default:
			return
		}
	}
}
