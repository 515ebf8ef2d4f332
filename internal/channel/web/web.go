// Package web sends messages by the HTTP APIs of licensed upstreams: one that the
// channel describes as data, Aliyun SMS, or Tencent Cloud SMS.
//
// One request is one message. A request of which a byte may have left is never made
// again, by nobody below: what its answer does not say is in doubt (P3).
package web

import (
	"context"
	"net/http"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Message is what an upstream is asked to send.
type Message struct {
	Ref        string // ours; the upstream returns it in its report if it can
	Number     sms.MSISDN
	Text       string // whole, signature included
	Source     string // number that the handset is to show
	Extension  string // what follows the access code in it
	ValidUntil time.Time
	// Template is the upstream's own, where it takes no text, with its names of the
	// variables and their values in the order in which they stand in the text.
	Template      string
	Names, Values []string
}

// Verdict is what an answer comes to.
type Verdict uint8

// The verdicts.
const (
	Unclear  Verdict = iota // whether the upstream took it is not known
	Accepted                // it did, and gave its id
	Refused                 // it certainly did not, for good
	NotNow                  // it certainly did not, for a reason that is not the message's, such as speed
)

// Answer is what an upstream said to a request.
type Answer struct {
	Verdict Verdict
	ID      string        // with Accepted
	Code    string        // its own word, raw
	Wait    time.Duration // with NotNow: how long it asks to wait, 0 when it does not say
}

// Callback is a request of the upstream's that brings reports or replies.
type Callback struct {
	*http.Request
	Payload []byte
}

// Report is a status report, with our reference if the upstream returned it.
type Report struct {
	session.Report
	Ref string
	// Foreign says that the upstream always returns it, and did not: the report is of what
	// somebody else sent by the account.
	Foreign bool
}

// API is how one upstream is spoken to. Its methods may be called from any goroutine.
type API interface {
	// Send makes one request. An error says why there is no answer that can be read.
	Send(ctx context.Context, m *Message) (Answer, error)
	// Reports and Replies read a callback. Entries that can't be read are left out and
	// told by the error, which may come with entries.
	Reports(c *Callback) ([]Report, error)
	Replies(c *Callback) ([]session.MO, error)
	// Received answers a callback: all is stored, or it is to come again.
	Received(w http.ResponseWriter, ok bool)
}

// Account is what an API is made of.
type Account struct {
	Address    string // of the channel
	Login      string
	Secret     string
	AccessCode string
	HTTP       *registry.HTTPUpstream
	Cloud      *registry.CloudUpstream
	// Transport makes the requests. It never repeats one, follows no redirect, and
	// bounds the answer.
	Transport http.RoundTripper
	Now       func() time.Time
}
