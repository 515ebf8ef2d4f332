package spserver

import (
	"context"
	"errors"
	"net"

	"github.com/zhunxin/zhunxin/internal/gate"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/sgip"
	"github.com/zhunxin/zhunxin/protocol/smgp"
	"github.com/zhunxin/zhunxin/protocol/smpp"
)

// The protocols of customers' logins.
const (
	CMPP = "cmpp"
	SGIP = "sgip"
	SMGP = "smgp"
	SMPP = "smpp"
)

// Protocols lists them.
func Protocols() []string { return []string{CMPP, SGIP, SMGP, SMPP} }

// tongue is what sets a protocol apart for this server.
type tongue struct {
	serve func(ctx context.Context, ln net.Listener, cfg session.ServerConfig, h session.ServerHandler) *session.Server
	// Answers to a login that is refused.
	badLogin, badAddress, otherLogin uint32
	// clash answers other bytes under a sequence that was used; 0 takes them as new.
	clash uint32
	// results are the protocol's words for CMPP's results, which the catalogue has; the
	// rest is said by rest. Nil keeps CMPP's.
	results map[uint32]uint32
	rest    uint32
}

var tongues = map[string]tongue{
	CMPP: {serve: session.ServeCMPP, badAddress: 2, badLogin: 3, otherLogin: 5}, // CMPP 3.0 §8.4.1.2
	SGIP: {
		serve: session.ServeSGIP, badAddress: uint32(sgip.ResultBadLogin), badLogin: uint32(sgip.ResultBadLogin), otherLogin: uint32(sgip.ResultBusy),
		clash:   uint32(sgip.ResultBadSequence),
		results: map[uint32]uint32{3: uint32(sgip.ResultBadSequence), 4: uint32(sgip.ResultBadLength), 6: uint32(sgip.ResultBadLength), 8: uint32(sgip.ResultBusy), 13: uint32(sgip.ResultBadNumber)},
		rest:    uint32(sgip.ResultBadParameter),
	},
	SMGP: {
		serve: session.ServeSMGP, badAddress: smgp.StatusAddress, badLogin: smgp.StatusAuth, otherLogin: smgp.StatusBusy,
		results: map[uint32]uint32{1: smgp.StatusMalformed, 3: smgp.StatusSequence, 4: smgp.StatusMsgLength, 6: smgp.StatusMsgLength, 8: smgp.StatusBusy, 10: smgp.StatusSrcTermID, 13: smgp.StatusDestTermID},
		rest:    smgp.StatusVendorFirst, // no documented status says that a rule refuses
	},
	SMPP: {
		serve: session.ServeSMPP, badAddress: uint32(smpp.StatusBindFail), badLogin: uint32(smpp.StatusInvPassword), otherLogin: uint32(smpp.StatusSysErr),
		results: map[uint32]uint32{4: uint32(smpp.StatusInvMsgLen), 6: uint32(smpp.StatusInvMsgLen), 8: uint32(smpp.StatusThrottled), 10: uint32(smpp.StatusInvSrcAddr), 13: uint32(smpp.StatusInvDstAddr)},
		rest:    uint32(smpp.StatusSubmitFail),
	},
}

// Refusal is the answer to a PDU of which nothing was accepted.
func (s *Server) Refusal(c sms.Code) uint32 {
	cmpp := sms.Lookup(c).CMPP
	if s.tongue.results == nil || cmpp == 0 {
		return cmpp
	}
	if r, ok := s.tongue.results[cmpp]; ok {
		return r
	}
	return s.tongue.rest
}

// resultOf is the answer to a failure of the whole PDU.
func (s *Server) resultOf(err error) uint32 {
	var known *sms.Error
	if errors.As(err, &known) {
		return s.Refusal(known.Code)
	}
	return s.Refusal(sms.Internal)
}

// refer keeps with each message what a report on it must name: in SGIP the sequence of
// its PDU, for there is no other id.
func (s *Server) refer(recipients []gate.Recipient, sequence string) {
	if s.Protocol != SGIP {
		return
	}
	for i := range recipients {
		recipients[i].Ref = sequence
	}
}
