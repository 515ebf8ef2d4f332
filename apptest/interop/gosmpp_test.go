package interop

import (
	"errors"
	"strings"
	"testing"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// bindGosmpp joins a client of gosmpp to our server.
func bindGosmpp(t *testing.T) (*centre, *program, *session.Server) {
	t.Helper()
	h, s := serveSMPP(t)
	client := gosmppPeer(t)
	client.do(map[string]any{"do": "bind", "port": portOf(s.Addr()), "system_id": login, "password": secret})
	if b := client.want("bound"); b.Text != "zhunxin" {
		t.Errorf("bound to %q", b.Text)
	}
	return h, client, s
}

func TestGosmppIsOurCustomer(t *testing.T) {
	h, client, _ := bindGosmpp(t)
	peer := take(t, h.opened, "the connection")
	client.do(map[string]any{"do": "submit", "from": access, "to": "86" + handset, "text": hello, "receipt": true})
	s := take(t, h.submits, "a submit")
	if text, err := smstext.Decode(smstext.Coding(s.Coding), s.Content); err != nil || text != hello || s.Source != access || s.Dests[0] != handset || !s.WantReport || s.UDHI {
		t.Errorf("submit %+v: %q %v", s, text, err)
	}
	if r := client.want("submit_sm_resp"); r.Status != 0 || r.MessageID != "zx1" {
		t.Errorf("answered with %+v", r)
	}

	out := make(chan session.Outcome, 1)
	peer.Report(session.Report{ID: "zx1", Dest: handset, Source: access, Stat: "DELIVRD", SubmitTime: "2611250101", DoneTime: "2611250102"},
		func(o session.Outcome) { out <- o })
	r := client.want("deliver_sm")
	if r.EsmClass != 4 || r.From != "86"+handset || r.To != access || r.Receipted != "zx1" || r.State != 2 {
		t.Errorf("receipt %+v", r)
	}
	if want := "id:zx1 sub:001 dlvrd:001 submit date:2611250101 done date:2611250102 stat:DELIVRD err:000"; !strings.HasPrefix(r.Text, want) {
		t.Errorf("receipt %q", r.Text)
	}
	must(t, take(t, out, "the answer to a receipt"))

	list := parts(t, essay()) // a long message from a handset
	for i, p := range list {
		peer.MO(session.MO{Source: handset, Dest: access, Coding: p.Coding, UDHI: true, Content: p.Content}, func(o session.Outcome) { out <- o })
		m := client.want("deliver_sm")
		text, err := smstext.Decode(smstext.UCS2, p.Content[6:])
		if want := "0500032a0" + string(rune('0'+len(list))) + "0" + string(rune('1'+i)); err != nil || m.Text != text || m.UDH != want || m.EsmClass != 0x40 {
			t.Errorf("message %+v, not %q with %s", m, text, want)
		}
		must(t, take(t, out, "the answer to a message"))
	}

	client.do(map[string]any{"do": "query", "id": "zx1", "from": access})
	if r := client.want("query_sm_resp"); r.Status != 0x67 {
		t.Errorf("query answered with 0x%x", r.Status)
	}

	client.do(map[string]any{"do": "unbind"})
	ends(t, client)
	if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
		t.Errorf("ended with %v", err)
	}
}

// gosmpp splits and numbers the parts by itself.
func TestGosmppSubmitsALongMessage(t *testing.T) {
	h, client, _ := bindGosmpp(t)
	client.do(map[string]any{"do": "submit", "from": "ZHUNXIN", "to": handset, "text": essay()})
	var got string
	for number := 1; ; number++ {
		s := take(t, h.submits, "a part")
		u, body, err := smstext.ParseUDH(s.Content)
		if err != nil || !s.UDHI || int(u.Number) != number || s.Source != "ZHUNXIN" {
			t.Fatalf("part %d came as %+v, %+v: %v", number, s, u, err)
		}
		text, err := smstext.Decode(smstext.Coding(s.Coding), body)
		if err != nil {
			t.Fatal(err)
		}
		got += text
		if r := client.want("submit_sm_resp"); r.Status != 0 {
			t.Errorf("answered with 0x%x", r.Status)
		}
		if u.Number == u.Total {
			break
		}
	}
	if got != essay() {
		t.Error(got)
	}
}

func TestGosmppIsRefused(t *testing.T) {
	_, s := serveSMPP(t)
	client := gosmppPeer(t)
	client.do(map[string]any{"do": "bind", "port": portOf(s.Addr()), "system_id": login, "password": "wrong"})
	if r := client.want("refused"); r.Status != 0x0E {
		t.Errorf("refused with 0x%x", r.Status)
	}
}

// Shutting our server down logs its clients out.
func TestGosmppIsLoggedOut(t *testing.T) {
	h, client, s := bindGosmpp(t)
	take(t, h.opened, "the connection")
	go shutdown(t, s)
	client.want("unbind")
	if err := take(t, h.closed, "the end"); err != nil {
		t.Errorf("ended with %v", err)
	}
	ends(t, client)
}

// ends waits until gosmpp has closed the connection. Whether it still reads the answer to
// its own unbind, or the end of the stream after ours, is a matter of its timing.
func ends(t *testing.T, client *program) {
	t.Helper()
	for {
		e := take(t, client.events, "the end of the connection")
		switch {
		case e.Event == "closed":
			return
		case e.Command != "unbind_resp" && (e.Event != "error" || e.Text != "EOF"):
			t.Fatalf("the peer tells %+v", e)
		}
	}
}
