package spserver

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/inbound"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

func (s *Server) poke() {
	select {
	case s.poked <- struct{}{}:
	default:
	}
}

// Tell writes reports that have just been booked. What can't be told now stands in the
// database, and is pushed from there.
func (s *Server) Tell(list []inbound.Told) {
	s.mu.Lock()
	logins := maps.Clone(s.logins)
	s.mu.Unlock()
	for i := range list {
		t := &list[i]
		l := logins[t.Event.Via]
		if l == nil {
			continue // it is pushed when the customer logs in
		}
		stat := statOf(t.State, t.Reason)
		if stat == "" || t.PDU != 0 || !t.Number.Valid() {
			l.skip()
			s.poke()
			continue
		}
		id := s.reportID(t.Event.ObjectID, t.Ref)
		l.offer(delivery{event: t.Event, reports: []session.Report{reportOf(id, t.Event.ObjectID.Time(), t.Number, t.Source, stat, t.Event.At)}})
	}
}

// reportOf is a report on the PDU that was answered with an id.
func reportOf(id string, submitted time.Time, number sms.MSISDN, source, stat string, at int64) session.Report {
	return session.Report{
		ID: id, Dest: number.Dialled(), Source: source, Stat: stat,
		SubmitTime: submitted.In(chinaTime).Format(reportTime), DoneTime: time.UnixMilli(at).In(chinaTime).Format(reportTime),
	}
}

// reportID is by what a report names a PDU: its answer's id, or in SGIP the PDU's own
// sequence.
func (s *Server) reportID(id sms.ID, ref string) string {
	if s.Protocol == SGIP {
		return ref
	}
	return id.String()
}

// reportTime is the form of times in reports. CMPP 3.0 §8.4.5.1.
const reportTime = "0601021504"

// push tells customers by their own protocol what they have not acknowledged.
func (s *Server) push(ctx context.Context) {
	tick := time.NewTicker(pushEvery)
	defer tick.Stop()
	for all := true; ctx.Err() == nil; {
		more := s.Wait()
		s.mu.Lock()
		list := slices.Collect(maps.Values(s.logins))
		s.mu.Unlock()
		for _, l := range list {
			if err := s.serve(ctx, l, all); err != nil && ctx.Err() == nil {
				s.Logger.Error("push to a customer", "login", l.id, "err", err)
			}
		}
		select {
		case <-more:
			all = true
		case <-tick.C:
			all = true
		case <-s.poked:
			all = false
		case <-ctx.Done():
		}
	}
	s.mu.Lock()
	logins := slices.Collect(maps.Values(s.logins))
	s.mu.Unlock()
	for _, l := range logins { // what was acknowledged at the last moment
		if err := s.storeTold(context.WithoutCancel(ctx), l); err != nil {
			s.Logger.Error("store what was acknowledged", "err", err)
		}
	}
}

func (s *Server) storeTold(ctx context.Context, l *login) error {
	told := l.take()
	if len(told) == 0 {
		return nil
	}
	err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error { return tx.Told(ctx, told, s.Now().UnixMilli()) })
	l.stored(told, err)
	return err
}

// serve stores what one login has acknowledged and, if asked to or if it is behind,
// reads what stands in the database for it, as far as there is room.
func (s *Server) serve(ctx context.Context, l *login, all bool) error {
	if err := s.storeTold(ctx, l); err != nil {
		return err
	}
	l.pump() // it may have rested
	if !l.live(time.Now()) || !l.late() && !all {
		return nil
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
		room, err := s.pushPage(ctx, l, l.known(list))
		if err != nil || !room {
			return err
		}
	}
}

// pushPage offers a page of events; room is false when memory is full of them.
func (s *Server) pushPage(ctx context.Context, l *login, list []sms.Event) (room bool, err error) {
	deliveries, err := s.deliveries(ctx, list)
	if err != nil {
		return false, err
	}
	for _, d := range deliveries {
		if len(d.mos) == 0 && len(d.reports) == 0 { // nothing that the protocol can say
			l.moot(d.event.ID)
		} else if !l.offer(d) {
			return false, nil
		}
	}
	return true, nil
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
				d.mos = replies[e.ObjectID]
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
	ids := []string{s.reportID(m.ID, m.Ref)}
	if m.PDU != 0 {
		ids[0] = s.reportID(m.PDU, m.Ref)
		parts, err := tx.PartsOf(ctx, m.PDU)
		if err != nil {
			return nil, err
		}
		if len(parts) > 0 {
			ids = ids[:0]
		}
		for _, p := range parts {
			c, err := s.openPart(p)
			if err != nil {
				return nil, err
			}
			ids = append(ids, s.reportID(p.ID, c.Ref))
		}
	}
	out := make([]session.Report, len(ids))
	for i, id := range ids {
		out[i] = reportOf(id, time.UnixMilli(m.CreatedAt), m.number, sourceOf(snap, m.Message), stat, e.At)
	}
	return out, nil
}

var chinaTime = time.FixedZone("CST", 8*60*60)

// statOf is the report's seven characters. CMPP 3.0 §8.4.5.1; refusals of ours have
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
		if stat, _, _ := strings.Cut(code, ":"); len(stat) == 7 {
			return stat // the carrier's own, without the network's code
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
	stamp := time.UnixMilli(e.At).In(chinaTime).Format(reportTime)
	out := make([]session.Report, len(c.Dests))
	for i, d := range c.Dests {
		out[i] = session.Report{ID: s.reportID(e.ObjectID, c.Ref), Dest: d, Source: c.Source, Stat: sms.Lookup(body.Code).Stat, SubmitTime: stamp, DoneTime: stamp}
	}
	return out, nil
}

// replies reads messages from handsets as the protocol carries them, a long one in parts.
func (s *Server) replies(ctx context.Context, tx Tx, ids []sms.ID) (map[sms.ID][]session.MO, error) {
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
	out := make(map[sms.ID][]session.MO, len(found))
	for id, m := range found {
		text, err := s.Keys.Open(vault.PurposeMO, m.Text)
		if err != nil {
			return nil, err
		}
		parts, err := smstext.SplitWith(string(text), uint16(id), smstext.Options{MaxSegments: 255}) //nolint:gosec // its last bits differ between neighbours
		if err != nil || !numbers[m.PhoneID].Valid() {                                               // empty, or its person was erased
			continue
		}
		for i, p := range parts {
			mo := session.MO{Source: numbers[m.PhoneID].Dialled(), Dest: m.Dest, Coding: uint8(p.Coding), UDHI: p.UDHI, Content: p.Content} //nolint:gosec // ASCII or UCS2
			if i == 0 {
				mo.ID = m.ID.String() // the others get their own from the server
			}
			out[id] = append(out[id], mo)
		}
	}
	return out, nil
}
