package channel

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/zhunxin/zhunxin/internal/channel/web"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/routing"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// Upstreams with HTTP APIs bring reports and replies by requests to us. Most don't sign
// them, so that the address holds a secret of the channel; it is a password.

// CallbackPattern is where they come in, for an http.ServeMux.
const CallbackPattern = "/v1/upstreams/{channel}/{token}/{what}"

// CallbackPath is the path of one kind of callback of a channel: reports or replies.
func CallbackPath(channel sms.ID, token, what string) string {
	return "/v1/upstreams/" + channel.String() + "/" + token + "/" + what
}

// MinToken is the shortest secret of a callback's address.
const MinToken = 16

// callee is a channel whose upstream calls. It is heard whatever the channel's state: a
// report of what left before the channel was paused comes once.
type callee struct {
	def  registry.Channel
	code string

	api       web.API
	transport *web.Transport
}

// callee finds one, or nil.
func (s *Set) callee(channel sms.ID) *callee {
	s.calls.Lock()
	defer s.calls.Unlock()
	return s.callees[channel]
}

// listen makes the callees of a registry.
func (s *Set) listen(snap *registry.Snapshot) {
	s.calls.Lock()
	defer s.calls.Unlock()
	list := map[sms.ID]*callee{}
	for _, def := range snap.Channels {
		if !def.ByWeb() {
			continue
		}
		code := codeOf(snap, def)
		if c := s.callees[def.ID]; c != nil && same(def, &c.def) && code == c.code {
			list[def.ID] = c
			continue
		}
		x := &callee{def: *def, code: code}
		secret, err := s.cfg.Open(def.Secret)
		if err == nil {
			x.api, x.transport, err = newAPI(def, code, secret, s.cfg.now)
		}
		if err != nil {
			s.cfg.Logger.Error("the API of a channel can't be made", "channel", def.ID, "name", def.Name, "err", err)
			continue
		}
		list[def.ID] = x
	}
	s.callees = list
}

func backOf(channel sms.ID) string { return "channel " + channel.String() }

// ServeHTTP takes a callback. It answers after everything is stored.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, err := sms.ParseID(r.PathValue("channel"))
	if err != nil {
		deny(w, sms.NotFound)
		return
	}
	c := s.callee(id)
	if c == nil {
		deny(w, sms.NotFound)
		return
	}
	if code, why := s.refuses(c, r); code != "" {
		s.refused(id, why)
		deny(w, code)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, web.MaxPayload))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		deny(w, sms.BodyTooLarge)
		return
	case err != nil:
		deny(w, sms.BadRequest)
		return
	}
	stored, err := s.take(c, r.PathValue("what"), &web.Callback{Request: r, Payload: body})
	switch {
	case errors.Is(err, web.ErrSignature):
		s.refused(id, err.Error())
		deny(w, sms.Unauthenticated)
		return
	case errors.Is(err, errWhat):
		deny(w, sms.NotFound)
		return
	case err != nil:
		s.cfg.backs.of(backOf(id), func(b *Back) { b.Refused = err.Error() })
		s.cfg.Logger.Error("a callback of an upstream could not be read; what could is stored", "channel", id, "err", err)
	default:
		at := s.cfg.now().UnixMilli()
		s.cfg.backs.of(backOf(id), func(b *Back) { b.Heard, b.Since, b.Refused = at, at, "" })
	}
	c.api.Received(w, stored && err == nil)
}

// refused notes why a callback was. It is told once, for anybody may call.
func (s *Set) refused(channel sms.ID, why string) {
	news := false
	s.cfg.backs.of(backOf(channel), func(b *Back) {
		news = b.Refused != why
		b.Refused = why
	})
	if news {
		s.cfg.Logger.Warn("a callback of an upstream is refused", "channel", channel, "why", why)
	}
}

// refuses tells why a callback is not from the channel's upstream.
func (s *Set) refuses(c *callee, r *http.Request) (sms.Code, string) {
	token, err := s.cfg.Open(c.def.BackSecret)
	if err != nil || len(token) < MinToken || subtle.ConstantTimeCompare([]byte(token), []byte(r.PathValue("token"))) != 1 {
		return sms.Unauthenticated, "the secret in its address is not the channel's"
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !within(c.def.Options.BackAllow, addr.Addr()) {
		return sms.AddressNotAllowed, "it came from " + addr.Addr().String() + ", which back_allow does not name"
	}
	return "", ""
}

// errWhat is a callback of another kind.
var errWhat = errors.New("channel: an upstream brings reports or replies")

// take stores what a callback brings, and tells whether all of it is.
func (s *Set) take(c *callee, what string, in *web.Callback) (stored bool, err error) {
	var acks sync.WaitGroup
	var mu sync.Mutex
	stored = true
	ack := func(ok bool) {
		mu.Lock()
		stored = stored && ok
		mu.Unlock()
		acks.Done()
	}
	switch what {
	case "reports":
		list, e := c.api.Reports(in)
		acks.Add(len(list))
		for _, r := range list {
			channel, message := s.of(c, &r)
			r.Stat, r.Err = hide(r.Stat), hide(r.Err)
			s.cfg.Inbound.Report(channel, r.Report, message, ack)
		}
		err = e
	case "replies":
		var list []session.MO
		list, err = c.api.Replies(in)
		acks.Add(len(list))
		for _, m := range list {
			x := s.sibling(c, m.Source)
			if rest, ok := strings.CutPrefix(m.Dest, c.code); ok {
				m.Dest = x.code + rest
			}
			s.cfg.Inbound.MO(x.def.ID, m, ack)
		}
	default:
		return false, errWhat
	}
	acks.Wait()
	return stored, err
}

// shares tells whether two channels are of one account, which has one callback.
func (c *callee) shares(x *callee) bool {
	return x.def.Protocol == c.def.Protocol && x.def.Address == c.def.Address && x.def.Login == c.def.Login
}

// of is the channel and message that a report's reference names. Without one it is a
// channel of the account that serves the number; a reference that is not ours says that
// somebody else sent it.
func (s *Set) of(c *callee, r *web.Report) (channel, message sms.ID) {
	channel, message = ParseRef(r.Ref)
	if x := s.callee(channel); x != nil && x.shares(c) {
		return channel, message
	}
	if r.Ref != "" || r.Foreign {
		message = sms.NoMessage
	}
	return s.sibling(c, r.Dest).def.ID, message
}

// sibling is the channel of a callback's account that serves a number, by its prefix; the
// callback's own if none does.
func (s *Set) sibling(c *callee, number string) *callee {
	n, err := sms.ParseMSISDN(number)
	if err != nil || c.def.Carrier == routing.CarrierOf(n) {
		return c
	}
	s.calls.Lock()
	defer s.calls.Unlock()
	best := c
	for _, x := range s.callees {
		if x.shares(c) && x.def.Carrier == routing.CarrierOf(n) && (best == c || x.def.ID < best.def.ID) {
			best = x
		}
	}
	return best
}

// deny answers what is not an upstream's callback.
func deny(w http.ResponseWriter, code sms.Code) {
	e := sms.Lookup(code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.HTTP)
	_ = json.NewEncoder(w).Encode(map[string]string{"code": string(code), "zh": e.Zh, "en": e.En}) // the connection's end is the peer's loss
}
