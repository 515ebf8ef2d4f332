package spserver

import (
	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// submit takes a PDU that is new.
func (s *Server) submit(p *session.Peer, in session.Submit, answer func(string, uint32)) {
	snap := s.Gate.Cached()
	a := snap.Login(s.Protocol, p.Login())
	if a == nil || a.State != registry.Active {
		answer("", s.Refusal(sms.PartyFrozen))
		return
	}
	extension, err := extensionOf(snap, a, in.Source)
	if err != nil {
		answer("", s.resultOf(err))
		return
	}
	recipients, err := recipientsOf(in.Dests)
	if err != nil {
		answer("", s.resultOf(err))
		return
	}
	s.refer(recipients, in.Sequence.String())
	content := in.Content
	if in.UDHI {
		head, body, err := smstext.ParseUDH(in.Content)
		if err != nil {
			answer("", s.Refusal(sms.BadText))
			return
		}
		if head.Total > 1 {
			s.part(a, in, head, body, answer)
			return
		}
		content = body
	}
	f, err := smstext.ParseMsgFmt(in.Coding)
	if err != nil {
		answer("", s.Refusal(sms.BadText))
		return
	}
	text, err := smstext.Decode(f.Coding, content)
	if err != nil {
		answer("", s.Refusal(sms.BadText))
		return
	}
	call := s.call(a, text, extension, recipients, in)
	call.Line = p
	if len(recipients) > 1 {
		call.PDU = s.IDs.Next()
	}
	s.Gate.Send(call, func(out gate.Answer, err error) {
		switch {
		case err != nil:
			answer("", s.resultOf(err))
		case call.PDU == 0 && out.Results[0].State == sms.Refused:
			answer("", s.Refusal(out.Results[0].Code))
		case call.PDU == 0:
			answer(out.Results[0].MessageID.String(), 0)
		case allRefused(out.Results):
			answer("", s.Refusal(out.Results[0].Code))
		default:
			answer(call.PDU.String(), 0)
		}
	})
}

// call is what the gate decides for a PDU, or for all parts of a long text.
func (s *Server) call(a *registry.SPAccount, text, extension string, recipients []gate.Recipient, in session.Submit) *gate.Call {
	return &gate.Call{
		Application: a.ApplicationID, Extension: extension, Via: a.ID, NotAfter: in.ValidUntil, SendAt: in.SendAt,
		Parts: []gate.Part{{Text: text, Otherwise: a.Category, Recipients: recipients}},
	}
}

func allRefused(list []gate.Result) bool {
	for i := range list {
		if list[i].State != sms.Refused {
			return false
		}
	}
	return true
}

func recipientsOf(dests []string) ([]gate.Recipient, error) {
	out := make([]gate.Recipient, len(dests))
	for i, d := range dests {
		n, err := sms.ParseMSISDN(d)
		if err != nil {
			return nil, sms.NumberFault("Dest_terminal_Id", err)
		}
		out[i].Number = n
	}
	return out, nil
}

// extensionOf is what a customer's source number has behind its access code and
// sub-code. A source number that is not the customer's own is refused; none at
// all leaves the choice to us.
func extensionOf(snap *registry.Snapshot, a *registry.SPAccount, source string) (string, error) {
	if source == "" {
		return "", nil
	}
	app := snap.Application[a.ApplicationID]
	sub, extension := snap.Bound(source, func(_ *registry.AccessCode, x *registry.Subcode) bool { return app != nil && x.PartyID == app.PartyID })
	if sub == nil {
		return "", sms.Errorf(sms.PortNotBound, "Src_Id", "it is none of yours")
	}
	return extension, nil
}
