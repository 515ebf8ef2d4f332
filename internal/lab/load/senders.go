package load

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// CMPP sends by CMPP connections, one message a PDU. Each connection is a customer with a
// queue of its own, and messages go to them in turn.
type CMPP struct {
	Recorder *Recorder
	Source   string

	lines []*line
	turn  atomic.Uint64
	open  sync.WaitGroup
}

// line is a connection and what it has still to send.
type line struct {
	of   *CMPP
	conn *session.Client

	mu     sync.Mutex
	queue  []*Message
	closed bool
}

// DialCMPP logs connections in.
func DialCMPP(ctx context.Context, cfg session.ClientConfig, connections int, source string, r *Recorder) (*CMPP, error) {
	c := &CMPP{Recorder: r, Source: source}
	for i := range connections {
		l := &line{of: c}
		var err error
		if l.conn, err = session.DialCMPP(ctx, cfg, l); err != nil {
			return nil, fmt.Errorf("connection %d: %w", i+1, err)
		}
		c.lines = append(c.lines, l)
	}
	return c, nil
}

// Batch implements Sender.
func (c *CMPP) Batch() int { return 10 }

// Lanes implements Sender.
func (c *CMPP) Lanes() int { return 1 }

// Send implements Sender. What a window has no room for waits in its connection's queue.
func (c *CMPP) Send(_ context.Context, list []Message) {
	c.open.Add(len(list))
	for i := range list {
		l := c.lines[c.turn.Add(1)%uint64(len(c.lines))]
		l.mu.Lock()
		l.queue = append(l.queue, &list[i])
		l.mu.Unlock()
		l.flush(false)
	}
}

// submit sends one message.
func (c *CMPP) submit(conn *session.Client, m *Message) {
	parts, err := smstext.Split(m.Text, 0)
	if err != nil || len(parts) != 1 {
		c.Recorder.Fail()
		c.open.Done()
		return
	}
	s := session.Submit{Source: c.Source, Dests: []string{m.Number}, Coding: uint8(parts[0].Coding), Content: parts[0].Content, WantReport: true}
	conn.Submit(s, func(o session.Outcome) {
		defer c.open.Done()
		switch {
		case o.Kind == session.Answered && o.Result == 0:
			c.Recorder.Accept(o.ID, m, o.At)
		case o.Kind == session.Answered && m.Kind == Refused:
			c.Recorder.Refuse(m, o.At)
		default:
			c.Recorder.Fail()
		}
	})
}

// Wait waits for the answers of everything that was sent.
func (c *CMPP) Wait() { c.open.Wait() }

// Close ends the connections.
func (c *CMPP) Close() {
	for _, l := range c.lines {
		l.conn.Close()
	}
}

// OnReport implements session.ClientHandler.
func (l *line) OnReport(_ *session.Client, r session.Report, ack func(bool)) {
	l.of.Recorder.Report(r.ID, r.Stat == "DELIVRD", time.Now())
	ack(true)
}

// OnMO implements session.ClientHandler.
func (l *line) OnMO(_ *session.Client, _ session.MO, ack func(bool)) { ack(true) }

// OnCredit implements session.ClientHandler.
func (l *line) OnCredit(*session.Client) { l.flush(false) }

// OnClose implements session.ClientHandler: what still waits fails.
func (l *line) OnClose(*session.Client, error) { l.flush(true) }

// flush submits what there is room for, and on a closed connection everything.
func (l *line) flush(closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = l.closed || closed
	n := len(l.queue)
	if n > 0 && !l.closed {
		n = min(n, l.conn.Credit())
	}
	for _, m := range l.queue[:n] {
		l.of.submit(l.conn, m)
	}
	l.queue = l.queue[n:]
}

// HTTP sends by the REST API. Recipients of one request share their text.
type HTTP struct {
	Recorder   *Recorder
	Base       string
	Key        string
	Recipients int
	Parallel   int
	Pipes      *Pipes
	Client     *http.Client // of the event feed
	// Offset is that of the platform's clock.
	Offset time.Duration
	// ByRef has messages known by what their reference begins with, not by their id.
	ByRef bool
}

// Batch implements Sender.
func (h *HTTP) Batch() int { return h.Recipients * int(numKinds) }

// Lanes implements Sender.
func (h *HTTP) Lanes() int { return h.Parallel }

// Send implements Sender: one request for each kind, as large as the settings say.
func (h *HTTP) Send(ctx context.Context, list []Message) {
	byKind := [numKinds][]*Message{}
	for i := range list {
		byKind[list[i].Kind] = append(byKind[list[i].Kind], &list[i])
	}
	for _, of := range byKind {
		for len(of) > 0 {
			n := min(len(of), h.Recipients)
			h.request(ctx, of[:n])
			of = of[n:]
		}
	}
}

func (h *HTTP) request(ctx context.Context, list []*Message) {
	type recipient struct {
		To string `json:"to"`
	}
	body := struct {
		Text       string      `json:"text"`
		Category   string      `json:"category,omitempty"`
		Recipients []recipient `json:"recipients"`
	}{Text: list[0].Text, Recipients: make([]recipient, len(list))}
	if list[0].Kind == OTP {
		body.Category = "OTP"
	}
	for i, m := range list {
		body.Recipients[i].To = m.Number
	}
	fail := func() {
		for range list {
			h.Recorder.Fail()
		}
	}
	b, err := json.Marshal(body)
	if err != nil {
		fail()
		return
	}
	var out struct {
		Results []struct {
			MessageID string `json:"message_id"`
			State     string `json:"state"`
		} `json:"results"`
	}
	good := false
	err = h.Pipes.do(ctx, "/v1/messages", [][2]string{{"Authorization", "Bearer " + h.Key}, {"Content-Type", "application/json"}}, b, func(status int, body []byte) {
		good = status == http.StatusOK && json.Unmarshal(body, &out) == nil && len(out.Results) == len(list)
	})
	if err != nil || !good {
		fail()
		return
	}
	now := time.Now()
	for i, m := range list {
		switch {
		case out.Results[i].State == "queued":
			h.Recorder.Accept(out.Results[i].MessageID, m, now)
		case m.Kind == Refused && out.Results[i].State == "refused":
			h.Recorder.Refuse(m, now)
		default:
			h.Recorder.Fail()
		}
	}
}

// Follow reads the event feed until ctx ends. The end of a message is the time of
// its event, not of its reading.
func (h *HTTP) Follow(ctx context.Context) error {
	cursor := ""
	for ctx.Err() == nil {
		url := h.Base + "/v1/events?limit=1000&wait=1"
		if cursor != "" {
			url += "&after=" + cursor
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+h.Key)
		resp, err := h.Client.Do(req)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		var out struct {
			Events []struct {
				At   int64 `json:"at"`
				Body struct {
					MessageID string `json:"message_id"`
					Ref       string `json:"ref"`
					State     string `json:"state"`
				} `json:"body"`
			} `json:"events"`
			Cursor string `json:"cursor"`
		}
		err = json.NewDecoder(resp.Body).Decode(&out)
		if err = firstError(err, resp.Body.Close()); err != nil {
			return err
		}
		for _, e := range out.Events {
			if e.Body.State == "delivered" || e.Body.State == "failed" {
				id := e.Body.MessageID
				if h.ByRef {
					id, _, _ = strings.Cut(e.Body.Ref, " ")
				}
				h.Recorder.Report(id, e.Body.State == "delivered", time.UnixMilli(e.At).Add(-h.Offset))
			}
		}
		cursor = out.Cursor
	}
	return nil
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}
