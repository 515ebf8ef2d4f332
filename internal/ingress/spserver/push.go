package spserver

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// Pushing: events of a login are read in pages, and again from the oldest that is
// not acknowledged when a page is done.
const (
	pushPage  = 500
	pushEvery = time.Second
	// retryPush is how long a customer that refused a report is left alone.
	retryPush = 5 * time.Second
)

// login is a customer's account with its sessions and what is on its way to it.
type login struct {
	id sms.ID

	mu     sync.Mutex
	peers  []*session.Peer
	turn   int
	flying map[sms.ID]bool // events that were written and not acknowledged yet
	told   []sms.ID        // acknowledged, to be stored
	rest   time.Time       // nothing is pushed before
}

func (l *login) open(p *session.Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers = append(l.peers, p)
}

func (l *login) close(p *session.Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.peers = slices.DeleteFunc(l.peers, func(x *session.Peer) bool { return x == p })
}

// peer is a session with room, in turns.
func (l *login) peer() *session.Peer {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range l.peers {
		l.turn++
		if p := l.peers[l.turn%len(l.peers)]; p.Credit() > 0 {
			return p
		}
	}
	return nil
}

func (l *login) live(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return (len(l.peers) > 0 && !now.Before(l.rest)) || len(l.told) > 0
}

// push tells customers by their own protocol what they have not acknowledged.
func (s *Server) push(ctx context.Context) {
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		more := s.Wait()
		s.mu.Lock()
		list := make([]*login, 0, len(s.logins))
		for _, l := range s.logins {
			list = append(list, l)
		}
		s.mu.Unlock()
		for _, l := range list {
			if err := s.serve(ctx, l); err != nil && ctx.Err() == nil {
				s.Logger.Error("push to a customer", "login", l.id, "err", err)
			}
		}
		select {
		case <-more:
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	for _, l := range s.logins { // what was acknowledged at the last moment
		if err := s.storeTold(context.WithoutCancel(ctx), l); err != nil {
			s.Logger.Error("store what was acknowledged", "err", err)
		}
	}
}

func (s *Server) storeTold(ctx context.Context, l *login) error {
	l.mu.Lock()
	told := l.told
	l.told = nil
	l.mu.Unlock()
	if len(told) == 0 {
		return nil
	}
	err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.Told(ctx, told, s.Now().UnixMilli()) })
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.told = append(told, l.told...)
		return err
	}
	for _, id := range told {
		delete(l.flying, id)
	}
	return nil
}

// serve pushes one login's events, as far as its sessions have room.
func (s *Server) serve(ctx context.Context, l *login) error {
	if !l.live(time.Now()) {
		return nil
	}
	if err := s.storeTold(ctx, l); err != nil {
		return err
	}
	for after := sms.ID(0); ; {
		var list []sms.Event
		err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
			list, err = tx.Untold(ctx, l.id, after, pushPage)
			return err
		})
		if err != nil || len(list) == 0 {
			return err
		}
		after = list[len(list)-1].ID
		l.mu.Lock()
		list = slices.DeleteFunc(list, func(e sms.Event) bool { return l.flying[e.ID] })
		l.mu.Unlock()
		room, err := s.pushPage(ctx, l, list)
		if err != nil || !room {
			return err
		}
	}
}

// delivery is what one event becomes: reports of one message, or an MO.
type delivery struct {
	event   sms.Event
	reports []session.Report
	mo      *session.MO
}

// pushPage writes a page of events; room is false when the sessions are full.
func (s *Server) pushPage(ctx context.Context, l *login, list []sms.Event) (room bool, err error) {
	deliveries, err := s.deliveries(ctx, list)
	if err != nil {
		return false, err
	}
	for _, d := range deliveries {
		if d.mo == nil && len(d.reports) == 0 { // nothing that the protocol can say
			l.mu.Lock()
			l.flying[d.event.ID] = true
			l.told = append(l.told, d.event.ID)
			l.mu.Unlock()
			continue
		}
		p := l.peer()
		if p == nil {
			return false, nil
		}
		s.deliver(l, p, d)
	}
	return true, nil
}

// deliver writes what an event says; it is told once all of it is acknowledged.
func (s *Server) deliver(l *login, p *session.Peer, d delivery) {
	l.mu.Lock()
	l.flying[d.event.ID] = true
	l.mu.Unlock()
	left, failed := max(1, len(d.reports)), false
	done := func(o session.Outcome) {
		l.mu.Lock()
		defer l.mu.Unlock()
		left--
		failed = failed || o.Kind != session.Answered || o.Result != 0
		switch {
		case left > 0:
		case failed:
			delete(l.flying, d.event.ID) // it is pushed again
			l.rest = time.Now().Add(retryPush)
		default:
			l.told = append(l.told, d.event.ID)
		}
	}
	if d.mo != nil {
		p.MO(*d.mo, done)
		return
	}
	for _, r := range d.reports {
		p.Report(r, done)
	}
}

// deliveries reads what the events are about and opens the numbers.
func (s *Server) deliveries(ctx context.Context, list []sms.Event) (out []delivery, err error) {
	var messages, mos []sms.ID
	for _, e := range list {
		switch e.Kind {
		case "report":
			messages = append(messages, e.ObjectID)
		case "mo":
			mos = append(mos, e.ObjectID)
		}
	}
	snap := s.Gate.Cached()
	err = s.Store.Read(ctx, func(ctx context.Context, tx Tx) error {
		rows, err := s.messages(ctx, tx, messages)
		if err != nil {
			return err
		}
		replies, err := s.replies(ctx, tx, mos)
		if err != nil {
			return err
		}
		for _, e := range list {
			d := delivery{event: e}
			switch e.Kind {
			case "report":
				if o, ok := rows[e.ObjectID]; ok {
					if d.reports, err = s.reports(ctx, tx, snap, e, o); err != nil {
						return err
					}
				}
			case kindPart:
				if d.reports, err = s.partReports(ctx, tx, e); err != nil {
					return err
				}
			case "mo":
				d.mo = replies[e.ObjectID]
			}
			out = append(out, d)
		}
		return nil
	})
	return out, err
}

// row is a message with its number, which is all that a report needs.
type row struct {
	*sms.Message
	number sms.MSISDN
}

func (s *Server) messages(ctx context.Context, tx Tx, ids []sms.ID) (map[sms.ID]row, error) {
	slices.Sort(ids)
	found, err := tx.Messages(ctx, slices.Compact(ids), false)
	if err != nil {
		return nil, err
	}
	phones := make([][16]byte, len(found))
	for i, m := range found {
		phones[i] = m.PhoneID
	}
	numbers, err := s.numbers(ctx, tx, phones)
	out := make(map[sms.ID]row, len(found))
	for _, m := range found {
		if n, ok := numbers[m.PhoneID]; ok { // else the person was erased
			out[m.ID] = row{m, n}
		}
	}
	return out, err
}

func (s *Server) numbers(ctx context.Context, tx Tx, phones [][16]byte) (map[[16]byte]sms.MSISDN, error) {
	out := make(map[[16]byte]sms.MSISDN, len(phones))
	return out, tx.Numbers(ctx, phones, func(id [16]byte, sealed []byte) error {
		plain, err := s.Keys.Open(vault.PurposeNumber, sealed)
		if err != nil {
			return err
		}
		out[id], err = sms.ParseMSISDN("+" + string(plain))
		return err
	})
}

// sourceOf is the number that the handset shows, "" when the message had none.
func sourceOf(snap *registry.Snapshot, m *sms.Message) string {
	ch := snap.Channel[m.ChannelID]
	if ch == nil {
		return ""
	}
	code, sub := snap.AccessCode[ch.AccessCodeID], snap.Subcode(m.SignatureID, ch.AccessCodeID)
	if code == nil || sub == nil {
		return ""
	}
	return code.Code + sub.Digits + m.Extension
}

// reports are what an event about a message's state becomes, one for each PDU that
// the customer sent for it. States that a carrier would not report give none.
func (s *Server) reports(ctx context.Context, tx Tx, snap *registry.Snapshot, e sms.Event, m row) ([]session.Report, error) {
	var body struct {
		State sms.State `json:"state"`
		Code  string    `json:"code"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil, err
	}
	stat := statOf(body.State, body.Code)
	if stat == "" {
		return nil, nil
	}
	ids := []sms.ID{m.ID}
	if m.PDU != 0 {
		ids[0] = m.PDU
		parts, err := tx.PartsOf(ctx, m.PDU)
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 {
			ids = ids[:0]
		}
		for _, p := range parts {
			ids = append(ids, p.ID)
		}
	}
	stamp := time.UnixMilli(e.At).In(chinaTime).Format("0601021504")
	submit := time.UnixMilli(m.CreatedAt).In(chinaTime).Format("0601021504")
	out := make([]session.Report, len(ids))
	for i, id := range ids {
		out[i] = session.Report{ID: uint64(id), Dest: m.number.National(), Source: sourceOf(snap, m.Message), Stat: stat, SubmitTime: submit, DoneTime: stamp}
	}
	return out, nil
}

var chinaTime = time.FixedZone("CST", 8*60*60)

// statOf is the report's seven characters. CMPP 3.0 §7.4.5.1; refusals of ours have
// a status of their own from the catalogue.
func statOf(state sms.State, code string) string {
	own := sms.Lookup(sms.Code(code))
	switch state {
	case sms.Delivered:
		return "DELIVRD"
	case sms.Unknown:
		return "UNKNOWN"
	case sms.Expired:
		return "EXPIRED"
	case sms.Refused, sms.Cancelled, sms.Failed:
		if string(own.Code) == code {
			return own.Stat
		}
		if len(code) == 7 {
			return code // the carrier's own
		}
		return "UNDELIV"
	}
	return ""
}

// partReports tells of a part whose message was never decided: one report for each
// of its recipients.
func (s *Server) partReports(ctx context.Context, tx Tx, e sms.Event) ([]session.Report, error) {
	var body struct {
		PDU  sms.ID   `json:"pdu"`
		Code sms.Code `json:"code"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil {
		return nil, err
	}
	parts, err := tx.PartsOf(ctx, body.PDU)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(parts, func(p sms.Part) bool { return p.ID == e.ObjectID })
	if at < 0 {
		return nil, nil
	}
	c, err := s.openPart(parts[at])
	if err != nil {
		return nil, err
	}
	stamp := time.UnixMilli(e.At).In(chinaTime).Format("0601021504")
	out := make([]session.Report, len(c.Dests))
	for i, d := range c.Dests {
		out[i] = session.Report{ID: uint64(e.ObjectID), Dest: d, Source: c.Source, Stat: sms.Lookup(body.Code).Stat, SubmitTime: stamp, DoneTime: stamp}
	}
	return out, nil
}

// replies reads messages from handsets as the protocol carries them. A long one is
// sent as its text's first PDU would be: handsets split before the carrier does.
func (s *Server) replies(ctx context.Context, tx Tx, ids []sms.ID) (map[sms.ID]*session.MO, error) {
	found := map[sms.ID]sms.MO{}
	if err := tx.MOs(ctx, ids, func(m sms.MO) { found[m.ID] = m }); err != nil {
		return nil, err
	}
	phones := make([][16]byte, 0, len(found))
	for _, m := range found {
		phones = append(phones, m.PhoneID)
	}
	numbers, err := s.numbers(ctx, tx, phones)
	if err != nil {
		return nil, err
	}
	out := make(map[sms.ID]*session.MO, len(found))
	for id, m := range found {
		text, err := s.Keys.Open(vault.PurposeMO, m.Text)
		if err != nil {
			return nil, err
		}
		parts, err := smstext.Split(string(text), 0)
		if err != nil || !numbers[m.PhoneID].Valid() { // empty, or its person was erased
			continue
		}
		out[id] = &session.MO{
			ID: uint64(m.ID), Source: numbers[m.PhoneID].National(), Dest: m.Dest, Coding: uint8(parts[0].Coding), UDHI: parts[0].UDHI, Content: parts[0].Content,
		}
	}
	return out, nil
}
