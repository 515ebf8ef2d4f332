package spserver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// partContent is what a stored part holds, sealed.
type partContent struct {
	Source  string    `json:"source"`
	Dests   []string  `json:"dests"`
	Coding  uint8     `json:"coding"`
	Body    []byte    `json:"body"`
	Until   time.Time `json:"until,omitzero"`
	Service string    `json:"service,omitempty"`
	Ref     string    `json:"ref,omitempty"` // what SGIP's report names
	At      time.Time `json:"at,omitzero"`
}

// maxOpenParts bounds the parts of one set: what repeats itself beyond that is
// refused.
const maxOpenParts = 64

// part stores a part, answers it with an id of its own, and has the message
// decided when it was the last (design: parts sent by customers).
func (s *Server) part(a *registry.SPAccount, in session.Submit, head smstext.UDH, body []byte, answer func(string, uint32)) {
	c, err := json.Marshal(partContent{in.Source, in.Dests, in.Coding, body, in.ValidUntil, in.ServiceID, in.Sequence.String(), in.SendAt})
	if err != nil {
		answer("", s.Refusal(sms.Internal))
		return
	}
	name := fmt.Sprintf("%d|%s|%s|%d|%d", a.ID, in.Source, strings.Join(in.Dests, ","), head.Ref, head.Total)
	p := sms.Part{
		ID: s.IDs.Next(), Via: a.ID, Set: s.Keys.ContentHash(name), Total: int(head.Total), Number: int(head.Number), Content: s.Keys.Seal(vault.PurposePart, c),
	}
	// The connection's reader must not wait for the disk.
	s.parts.Go(func() {
		set, err := s.storePart(context.Background(), p)
		if err != nil {
			s.Logger.Error("a part could not be stored", "login", a.Login, "err", err)
			answer("", s.resultOf(err))
			return
		}
		answer(p.ID.String(), 0)
		if set != nil {
			s.decideParts(context.Background(), set)
		}
	})
}

// storePart stores a part and returns the whole set when it was the last.
func (s *Server) storePart(ctx context.Context, p sms.Part) (set []sms.Part, err error) {
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		set = nil
		now, err := tx.Now(ctx)
		if err != nil {
			return err
		}
		p.ReceivedAt = now.UnixMilli()
		open, err := tx.OpenParts(ctx, p.Via, p.Set)
		if err != nil {
			return err
		}
		if len(open) >= maxOpenParts {
			return sms.Errorf(sms.RateLimited, "TP_udhi", "%d parts of this message wait already", len(open))
		}
		if err := tx.InsertPart(ctx, p); err != nil {
			return err
		}
		set = complete(append(open, p))
		return nil
	})
	return set, err
}

// complete finds one part of each number, the oldest of each, or nil.
func complete(open []sms.Part) []sms.Part {
	return smstext.Whole(open, func(p sms.Part) smstext.UDH {
		return smstext.UDH{Total: uint8(p.Total), Number: uint8(p.Number)} //nolint:gosec // they came as such
	})
}

// decideParts passes a whole long message to the gate. Its key is the first part's
// id: asked twice, after a crash or by two nodes, the gate gives one answer.
func (s *Server) decideParts(ctx context.Context, set []sms.Part) {
	call, err := s.join(set)
	if err == nil {
		_, err = s.Gate.Submit(ctx, call)
	}
	var ids []sms.ID
	for _, p := range set {
		ids = append(ids, p.ID)
	}
	pdu := set[0].ID
	code := codeOf(err)
	if code != "" && sms.Lookup(code).Again {
		return // the watch tries again
	}
	err = s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
		n, err := tx.CloseParts(ctx, ids, pdu)
		if err != nil || n == 0 || code == "" {
			return err
		}
		return s.tellParts(ctx, tx, set, pdu, code)
	})
	if err != nil {
		s.Logger.Error("the parts of a message could not be closed", "err", err)
	}
}

func (s *Server) openPart(p sms.Part) (c partContent, err error) {
	plain, err := s.Keys.Open(vault.PurposePart, p.Content)
	if err != nil {
		return c, err
	}
	return c, json.Unmarshal(plain, &c)
}

// join makes one call of the parts.
func (s *Server) join(set []sms.Part) (*gate.Call, error) {
	snap := s.Gate.Cached()
	bodies := make([]smstext.Body, 0, len(set))
	var first partContent
	for i, p := range set {
		c, err := s.openPart(p)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = c
		}
		f, err := smstext.ParseMsgFmt(c.Coding)
		if err != nil {
			return nil, sms.Errorf(sms.BadText, "Msg_Content", "part %d: %s", p.Number, err)
		}
		bodies = append(bodies, smstext.Body{Coding: f.Coding, Content: c.Body})
	}
	text, err := smstext.Text(bodies...) // as one: some cut within a character
	if err != nil {
		return nil, sms.Errorf(sms.BadText, "Msg_Content", "%s", err)
	}
	a := snap.LoginByID(set[0].Via)
	if a == nil {
		return nil, sms.Errorf(sms.PartyFrozen, "login", "it was removed")
	}
	extension, err := extensionOf(snap, a, first.Source)
	if err != nil {
		return nil, err
	}
	recipients, err := recipientsOf(first.Dests)
	if err != nil {
		return nil, err
	}
	call := s.call(a, text, extension, recipients, session.Submit{ValidUntil: first.Until, SendAt: first.At})
	call.PDU, call.Answered, call.Key, call.Payload = set[0].ID, true, "parts:"+set[0].ID.String(), []byte(text)
	return call, nil
}

func codeOf(err error) sms.Code {
	if err == nil {
		return ""
	}
	var known *sms.Error
	if e, ok := err.(*sms.Error); ok { //nolint:errorlint // the gate gives it bare
		known = e
	}
	if known == nil {
		return sms.Internal
	}
	return known.Code
}

// tellParts reports to each part that its message was refused as a whole.
func (s *Server) tellParts(ctx context.Context, tx Tx, set []sms.Part, pdu sms.ID, code sms.Code) error {
	snap := s.Gate.Cached()
	told := make([]sms.Event, 0, len(set))
	for _, p := range set {
		a := snap.LoginByID(p.Via)
		if a == nil {
			continue
		}
		body, err := json.Marshal(map[string]any{"pdu": pdu, "code": code})
		if err != nil {
			return err
		}
		told = append(told, sms.Event{ID: s.IDs.Next(), ApplicationID: a.ApplicationID, Kind: kindPart, ObjectID: p.ID, Body: body, At: s.Now().UnixMilli(), Via: p.Via})
	}
	return tx.InsertEvents(ctx, told)
}

const kindPart = "part"

// Watching for parts that came to nothing.
const (
	watchEvery = 5 * time.Second
	retryAfter = 3 * time.Second
	lateChunk  = 500
)

// watchParts decides sets that are whole and were not decided, because the process
// ended in between, and reports parts whose companions did not come in time.
func (s *Server) watchParts(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := s.lateParts(ctx); err != nil && ctx.Err() == nil {
			s.Logger.Error("parts of long messages", "err", err)
		}
	}
}

func (s *Server) lateParts(ctx context.Context) error {
	if _, err := s.Gate.Snapshot(ctx); err != nil {
		return err
	}
	var waiting []sms.Part
	err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		waiting, err = tx.LateParts(ctx, s.Protocol, s.Now().Add(-retryAfter).UnixMilli(), lateChunk)
		return err
	})
	if err != nil {
		return err
	}
	sets := map[[16]byte][]sms.Part{}
	for _, p := range waiting {
		sets[p.Set] = append(sets[p.Set], p)
	}
	late := s.Now().Add(-s.PartsWithin).UnixMilli()
	for _, open := range sets {
		slices.SortFunc(open, func(a, b sms.Part) int { return int(a.ReceivedAt - b.ReceivedAt) })
		if set := complete(open); set != nil {
			s.decideParts(ctx, set)
			continue
		}
		open = slices.DeleteFunc(open, func(p sms.Part) bool { return p.ReceivedAt >= late })
		if len(open) == 0 {
			continue
		}
		ids := make([]sms.ID, len(open))
		for i, p := range open {
			ids[i] = p.ID
		}
		err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			if n, err := tx.CloseParts(ctx, ids, ids[0]); err != nil || n != len(ids) {
				return err
			}
			return s.tellParts(ctx, tx, open, ids[0], sms.PartMissing)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
