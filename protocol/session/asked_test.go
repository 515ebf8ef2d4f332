package session

import (
	"bufio"
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zhunxin/zhunxin/protocol/cmpp"
	"github.com/zhunxin/zhunxin/protocol/sgip"
	"github.com/zhunxin/zhunxin/protocol/smgp"
	"github.com/zhunxin/zhunxin/protocol/smpp"
)

// asked is a request that our client never makes, and what a gateway of ours answers.
type asked struct {
	name string
	at   int                              // its place in tongues
	make func(seq uint32) (frame []byte)  // the request
	want func(seq uint32) (answer []byte) // to it
}

// framed makes a frame by a codec that can't fail here.
func framed(t *testing.T) func(frame []byte, err error) []byte {
	return func(frame []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
}

// login is the first frame of a connection.
func login(t *testing.T, p tongue) []byte {
	t.Helper()
	const name, secret, at = "900001", "888888", 1125102030
	f := framed(t)
	switch p.name {
	case "cmpp20", "cmpp30":
		v := cmpp.Version(p.version)
		return f(cmpp.Append(nil, v, 1, &cmpp.Connect{SourceAddr: name, Authenticator: cmpp.Authenticator(name, secret, at), Version: v, Timestamp: at}))
	case "smgp30":
		l := &smgp.Login{ClientID: name, Authenticator: smgp.Authenticator(name, secret, at), LoginMode: smgp.ModeBoth, Timestamp: at, Version: smgp.V30}
		return f(smgp.Append(nil, smgp.V30, 1, l))
	case "smpp":
		return f(smpp.Append(nil, smpp.StatusOK, 1, &smpp.Bind{Type: smpp.CmdBindTransceiver, SystemID: name, Password: secret, InterfaceVersion: 0x34}))
	default:
		return f(sgip.Append(nil, numbered(1), &sgip.Bind{Type: sgip.LoginSP, Name: name, Password: secret}))
	}
}

func numbered(seq uint32) sgip.Sequence {
	return sgip.Sequence{Node: 3028071320, Time: 1125102030, Count: seq}
}

// What customers ask for that is not served has the answer that the protocol gives it for
// that, so that it costs no connection.
func TestRequestsThatAreNotServedAreAnswered(t *testing.T) {
	f := framed(t)
	var list []asked
	for i, v := range []cmpp.Version{cmpp.V20, cmpp.V30} {
		list = append(list, asked{
			"CANCEL", i,
			func(seq uint32) []byte { return f(cmpp.Append(nil, v, seq, &cmpp.Cancel{MsgID: 7})) },
			func(seq uint32) []byte { return f(cmpp.Append(nil, v, seq, &cmpp.CancelResp{SuccessID: 1})) },
		}, asked{
			"QUERY", i,
			func(seq uint32) []byte {
				return f(cmpp.Append(nil, v, seq, &cmpp.Query{Time: "20261125", QueryType: 1, QueryCode: "HELP"}))
			},
			func(seq uint32) []byte {
				return f(cmpp.Append(nil, v, seq, &cmpp.QueryResp{Time: "20261125", QueryType: 1, QueryCode: "HELP"}))
			},
		})
	}
	list = append(list, asked{
		"Query", 2,
		func(seq uint32) []byte {
			return f(smgp.Append(nil, smgp.V30, seq, &smgp.Query{Time: "20261125", QueryType: 1, QueryCode: "HELP"}))
		},
		func(seq uint32) []byte {
			return f(smgp.Append(nil, smgp.V30, seq, &smgp.QueryResp{Time: "20261125", QueryType: 1, QueryCode: "HELP"}))
		},
	}, asked{
		"query_sm", 4,
		func(seq uint32) []byte {
			return f(smpp.Append(nil, smpp.StatusOK, seq, &smpp.QuerySM{MessageID: "a1b2"}))
		},
		func(seq uint32) []byte { return f(smpp.Append(nil, 0x67, seq, &smpp.QuerySMResp{})) },
	}, asked{
		"cancel_sm", 4,
		func(seq uint32) []byte {
			return f(smpp.Append(nil, smpp.StatusOK, seq, &smpp.CancelSM{MessageID: "a1b2"}))
		},
		func(seq uint32) []byte { return f(smpp.Append(nil, 0x11, seq, &smpp.CancelSMResp{})) },
	}, asked{
		"replace_sm", 4,
		func(seq uint32) []byte { return []byte{0, 0, 0, 16, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, byte(seq)} },
		func(seq uint32) []byte { return f(smpp.Append(nil, 0x03, seq, &smpp.GenericNack{})) },
	}, asked{
		"TRACE", 6,
		func(seq uint32) []byte {
			return f(sgip.Append(nil, numbered(seq), &sgip.Trace{Submit: numbered(9), UserNumber: "8617000000001"}))
		},
		func(seq uint32) []byte { return f(sgip.Append(nil, numbered(seq), &sgip.TraceResp{})) },
	})
	for _, x := range list {
		p := tongues()[x.at]
		t.Run(p.name+" "+x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { x.isAnswered(t, p) })
		})
	}
}

// isAnswered asks twice on one connection: the first answer cost nothing.
func (x asked) isAnswered(t *testing.T, p tongue) {
	t.Helper()
	ln := newPipes()
	g := &gateway{account: Account{Login: "900001", Secret: "888888", Version: p.version}, submit: accept}
	s := p.serve(t.Context(), ln, ServerConfig{}, g)
	conn, err := ln.dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(conn)
	if _, err := ask(conn, from, login(t, p), 12, 1000); err != nil {
		t.Fatal(err)
	}
	for seq := uint32(2); seq < 4; seq++ {
		got, err := ask(conn, from, x.make(seq), 12, 1000)
		if want := x.want(seq); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("answer %x, %v, want %x", got, err, want)
		}
	}
	if g.count() != 0 {
		t.Error("it was taken for a message")
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	done, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Shutdown(done); err != nil {
		t.Error(err)
	}
}
