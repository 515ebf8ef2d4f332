package interop

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
	"github.com/zhunxin/zhunxin/protocol/smstext"
)

// dialNode joins our client to a centre of node-smpp.
func dialNode(t *testing.T, set func(*session.ClientConfig)) (*session.Client, *platform, *program) {
	t.Helper()
	node := nodePeer(t)
	node.do(map[string]any{"do": "listen", "password": secret})
	h := newPlatform()
	cfg := session.ClientConfig{Address: fmt.Sprint("127.0.0.1:", node.want("listening").Port), Login: login, Secret: secret}
	if set != nil {
		set(&cfg)
	}
	c, err := session.DialSMPP(t.Context(), cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		<-c.Done()
	})
	return c, h, node
}

const hello = "【测试】验证码 123456"

// ucs2 is a short Chinese message.
func ucs2(text string) session.Submit {
	return session.Submit{Source: access, Dests: []string{handset}, Coding: 8, Content: utf16be(text), WantReport: true}
}

func TestNodeIsOurCentre(t *testing.T) {
	c, h, node := dialNode(t, nil)
	if b := node.want("bind_transceiver"); b.SystemID != login || b.Password != secret || b.Version != 0x34 {
		t.Errorf("bound as %+v", b)
	}

	o := must(t, send(t, c, ucs2(hello)))
	s := node.want("submit_sm")
	if o.ID != "node-1" || s.Text != hello || s.From != access || s.To != "86"+handset || s.ToTON != 1 || s.ToNPI != 1 || s.DataCoding != 8 || s.Registered != 1 {
		t.Errorf("outcome %+v of %+v", o, s)
	}

	node.pdu("deliver_sm", map[string]any{
		"source_addr": "86" + handset, "destination_addr": access, "esm_class": 4, "receipted_message_id": "node-1", "message_state": 2,
		"short_message": "id:node-1 sub:001 dlvrd:001 submit date:2611250101 done date:2611250102 stat:DELIVRD err:000 text:",
	})
	r := take(t, h.reports, "a report")
	if r.ID != o.ID || r.Dest != handset || r.Source != access || r.Stat != "DELIVRD" || r.Err != "" || r.SubmitTime != "2611250101" || r.DoneTime != "2611250102" {
		t.Errorf("report %+v", r)
	}
	if resp := node.want("deliver_sm_resp"); resp.Status != 0 {
		t.Errorf("receipt answered with %d", resp.Status)
	}

	node.pdu("deliver_sm", map[string]any{"source_addr": "86" + handset, "destination_addr": access, "short_message": "退订", "data_coding": 8})
	m := take(t, h.mos, "a message from a handset")
	if text, err := smstext.Decode(smstext.Coding(m.Coding), m.Content); err != nil || text != "退订" || m.Source != handset || m.Dest != access {
		t.Errorf("message %+v: %q %v", m, text, err)
	}
	node.want("deliver_sm_resp")

	node.pdu("enquire_link", nil)
	node.want("enquire_link_resp")

	if err := c.Drain(bounded(t)); err != nil {
		t.Error(err)
	}
	node.want("unbind")
	node.want("closed")
	if err := take(t, h.closed, "the end"); err != nil {
		t.Errorf("ended with %v", err)
	}
}

// bounded is a context that gives up when patience ends.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// A receipt without parameters, as old centres send it.
func TestNodeSendsAReceiptOfTextAlone(t *testing.T) {
	_, h, node := dialNode(t, nil)
	node.want("bind_transceiver")
	node.pdu("deliver_sm", map[string]any{
		"source_addr": "86" + handset, "destination_addr": access, "esm_class": 4,
		"short_message": "id:0A1b sub:001 dlvrd:000 submit date:261125010203 done date:261125010204 stat:UNDELIV err:005 text:hello",
	})
	if r := take(t, h.reports, "a report"); r.ID != "0A1b" || r.Stat != "UNDELIV" || r.Err != "005" || r.Dest != handset {
		t.Errorf("report %+v", r)
	}
	if resp := node.want("deliver_sm_resp"); resp.Status != 0 {
		t.Errorf("answered with %d", resp.Status)
	}
}

// essay is longer than one message, and says where each part of it stands.
func essay() string {
	var b strings.Builder
	for i := range 40 {
		b.WriteString("第" + strconv.Itoa(i) + "句，")
	}
	return b.String()
}

// parts splits a text as our product does.
func parts(t *testing.T, text string) []session.Submit {
	t.Helper()
	split, err := smstext.Split(text, 0x2A)
	if err != nil {
		t.Fatal(err)
	}
	list := make([]session.Submit, len(split))
	for i, p := range split {
		list[i] = session.Submit{
			Source: access, Dests: []string{handset}, Coding: uint8(p.Coding), UDHI: p.UDHI, Total: p.Total, Number: p.Number, Content: p.Content,
		}
	}
	return list
}

func TestNodeTakesLongMessagesWithAHeader(t *testing.T) {
	c, _, node := dialNode(t, nil)
	node.want("bind_transceiver")
	list, got := parts(t, essay()), ""
	for i, p := range list {
		must(t, send(t, c, p))
		s := node.want("submit_sm")
		if want := fmt.Sprintf("00032a%02x%02x", len(list), i+1); s.UDH != want || s.EsmClass&0x40 == 0 || s.SARTotal != 0 {
			t.Errorf("part %d came as %+v, its header is not %s", i+1, s, want)
		}
		got += s.Text
	}
	if len(list) < 3 || got != essay() {
		t.Errorf("%d parts: %s", len(list), got)
	}
}

func TestNodeTakesLongMessagesBySAR(t *testing.T) {
	c, _, node := dialNode(t, func(cfg *session.ClientConfig) { cfg.SMPP.SAR = true })
	node.want("bind_transceiver")
	list, got := parts(t, essay()), ""
	for i, p := range list {
		must(t, send(t, c, p))
		s := node.want("submit_sm")
		if s.UDH != "" || s.EsmClass&0x40 != 0 || s.SARRef != 0x2A || int(s.SARTotal) != len(list) || int(s.SARNumber) != i+1 {
			t.Errorf("part %d came as %+v", i+1, s)
		}
		got += s.Text
	}
	if got != essay() {
		t.Error(got)
	}
}

// Throttled is over-speed: nothing is sent for a while, and then again.
func TestNodeThrottlesUs(t *testing.T) {
	c, h, node := dialNode(t, nil)
	node.want("bind_transceiver")
	node.do(map[string]any{"do": "statuses", "statuses": []int{0x58, 0x45}})
	node.want("ready")
	o := send(t, c, ucs2(hello))
	if o.Kind != session.Answered || o.Result != 0x58 || !o.OverSpeed {
		t.Errorf("outcome %+v", o)
	}
	if n := c.Credit(); n != 0 {
		t.Errorf("%d may be sent at once", n)
	}
	if o := send(t, c, ucs2(hello)); o.Kind != session.NotWritten || !errors.Is(o.Err, session.ErrNoCredit) {
		t.Errorf("sent during back-off: %+v", o)
	}
	take(t, h.credit, "the end of the back-off")
	if o := send(t, c, ucs2(hello)); o.Kind != session.Answered || o.Result != 0x45 || o.OverSpeed || o.ID != "" {
		t.Errorf("a final refusal: %+v", o)
	}
	if o := must(t, send(t, c, ucs2(hello))); o.ID != "node-1" {
		t.Errorf("outcome %+v", o)
	}
	for range 3 {
		node.want("submit_sm")
	}
	none(t, node.events, "submits")
}

func TestNodeIsTestedWhenSilent(t *testing.T) {
	_, _, node := dialNode(t, func(cfg *session.ClientConfig) { cfg.Heartbeat = 50 * time.Millisecond })
	node.want("bind_transceiver")
	node.want("enquire_link")
	node.want("enquire_link") // the first was answered, or the link would be given up
}

func TestNodeUnbindsUs(t *testing.T) {
	_, h, node := dialNode(t, nil)
	node.want("bind_transceiver")
	node.pdu("unbind", nil)
	node.want("unbind_resp")
	if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
		t.Errorf("ended with %v", err)
	}
}

func TestNodeRefusesOurPassword(t *testing.T) {
	node := nodePeer(t)
	node.do(map[string]any{"do": "listen", "password": "another"})
	cfg := session.ClientConfig{Address: fmt.Sprint("127.0.0.1:", node.want("listening").Port), Login: login, Secret: secret}
	_, err := session.DialSMPP(t.Context(), cfg, newPlatform())
	var refused *session.LoginError
	if !errors.As(err, &refused) || refused.Status != 0x0E {
		t.Errorf("%v", err)
	}
}

// serveSMPP is our server, with ids that say their number.
func serveSMPP(t *testing.T) (*centre, *session.Server) {
	t.Helper()
	h := newCentre(session.SMPP34, func(n int) string { return "zx" + strconv.Itoa(n) })
	return h, shut(t, session.ServeSMPP(context.Background(), listen(t), session.ServerConfig{}, h))
}

// bindNode joins a client of node-smpp to our server.
func bindNode(t *testing.T) (*centre, *program, *session.Peer) {
	t.Helper()
	h, s := serveSMPP(t)
	node := nodePeer(t)
	node.do(map[string]any{"do": "connect", "port": portOf(s.Addr())})
	node.want("connected")
	node.pdu("bind_transceiver", map[string]any{"system_id": login, "password": secret, "interface_version": 0x34})
	if r := node.want("bind_transceiver_resp"); r.Status != 0 || r.SystemID != "zhunxin" || r.ServerVer != 0x34 {
		t.Fatalf("bind answered with %+v", r)
	}
	return h, node, take(t, h.opened, "the connection")
}

func TestNodeIsOurCustomer(t *testing.T) {
	h, node, peer := bindNode(t)
	node.pdu("submit_sm", map[string]any{
		"source_addr": access, "dest_addr_ton": 1, "dest_addr_npi": 1, "destination_addr": "86" + handset, "short_message": hello, "data_coding": 8, "registered_delivery": 1,
	})
	s := take(t, h.submits, "a submit")
	if text, err := smstext.Decode(smstext.Coding(s.Coding), s.Content); err != nil || text != hello || s.Source != access || !slices.Equal(s.Dests, []string{handset}) || !s.WantReport {
		t.Errorf("submit %+v: %q %v", s, text, err)
	}
	if r := node.want("submit_sm_resp"); r.Status != 0 || r.MessageID != "zx1" {
		t.Errorf("answered with %+v", r)
	}

	out := make(chan session.Outcome, 1)
	peer.Report(session.Report{ID: "zx1", Dest: handset, Source: access, Stat: "UNDELIV", Err: "005", SubmitTime: "2611250101", DoneTime: "2611250102"},
		func(o session.Outcome) { out <- o })
	r := node.want("deliver_sm")
	if r.EsmClass != 4 || r.From != "86"+handset || r.To != access || r.Receipted != "zx1" || r.State != 5 {
		t.Errorf("receipt %+v", r)
	}
	if want := "id:zx1 sub:001 dlvrd:000 submit date:2611250101 done date:2611250102 stat:UNDELIV err:005"; !strings.HasPrefix(r.Text, want) {
		t.Errorf("receipt %q", r.Text)
	}
	must(t, take(t, out, "the answer to a receipt"))

	peer.MO(session.MO{Source: handset, Dest: access, Coding: 8, Content: utf16be("退订")}, func(o session.Outcome) { out <- o })
	if m := node.want("deliver_sm"); m.EsmClass != 0 || m.Text != "退订" || m.From != "86"+handset || m.To != access {
		t.Errorf("message %+v", m)
	}
	must(t, take(t, out, "the answer to a message"))

	node.pdu("enquire_link", nil)
	node.want("enquire_link_resp")
	node.pdu("query_sm", map[string]any{"message_id": "zx1", "source_addr": access})
	if r := node.want("query_sm_resp"); r.Status != 0x67 {
		t.Errorf("query answered with 0x%x", r.Status)
	}
	node.pdu("cancel_sm", map[string]any{"message_id": "zx1"})
	if r := node.want("cancel_sm_resp"); r.Status != 0x11 {
		t.Errorf("cancel answered with 0x%x", r.Status)
	}

	node.pdu("unbind", nil)
	node.want("unbind_resp")
	node.want("closed")
	if err := take(t, h.closed, "the end"); !errors.Is(err, session.ErrPeerQuit) {
		t.Errorf("ended with %v", err)
	}
}

func TestNodeSubmitsALongMessage(t *testing.T) {
	h, node, _ := bindNode(t)
	text := []rune(essay())
	half := len(text) / 3
	for i, part := range []string{string(text[:half]), string(text[half : 2*half])} {
		// The first by a header, the second by parameters: the server makes them alike.
		fields := map[string]any{"source_addr": access, "destination_addr": handset, "data_coding": 8, "short_message": map[string]any{"udh": "0608040100020" + strconv.Itoa(i+1), "message": part}}
		if i == 1 {
			fields["short_message"] = part
			fields["sar_msg_ref_num"], fields["sar_total_segments"], fields["sar_segment_seqnum"] = 0x100, 2, 2
		}
		node.pdu("submit_sm", fields)
		node.want("submit_sm_resp")
		s := take(t, h.submits, "a part")
		want, err := hex.DecodeString("0608040100020" + strconv.Itoa(i+1))
		if err != nil {
			t.Fatal(err)
		}
		if want = append(want, utf16be(part)...); !s.UDHI || string(s.Content) != string(want) {
			t.Errorf("part %d came as %+v, not %x", i+1, s, want)
		}
	}
	// message_payload holds what short_message can't.
	node.pdu("submit_sm", map[string]any{"source_addr": access, "destination_addr": handset, "data_coding": 8, "message_payload": string(text[:60])})
	node.want("submit_sm_resp")
	if s := take(t, h.submits, "a payload"); string(s.Content) != string(utf16be(string(text[:60]))) {
		t.Errorf("payload %+v", s)
	}
}

func TestNodeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		fields map[string]any
		want   uint32
	}{
		"wrong password": {map[string]any{"system_id": login, "password": "wrong"}, 0x0E},
		"unknown name":   {map[string]any{"system_id": "nobody", "password": secret}, unknownLogin},
	} {
		t.Run(name, func(t *testing.T) {
			_, s := serveSMPP(t)
			node := nodePeer(t)
			node.do(map[string]any{"do": "connect", "port": portOf(s.Addr())})
			node.want("connected")
			node.pdu("bind_transceiver", c.fields)
			if r := node.want("bind_transceiver_resp"); r.Status != c.want {
				t.Errorf("answered with 0x%x", r.Status)
			}
			node.want("closed")
		})
	}
}

// Shutting our server down logs its clients out.
func TestNodeIsLoggedOut(t *testing.T) {
	h, s := serveSMPP(t)
	node := nodePeer(t)
	node.do(map[string]any{"do": "connect", "port": portOf(s.Addr())})
	node.want("connected")
	node.pdu("bind_receiver", map[string]any{"system_id": login, "password": secret})
	node.want("bind_receiver_resp")
	take(t, h.opened, "the connection")
	node.pdu("submit_sm", map[string]any{"destination_addr": handset, "short_message": "x"})
	if r := node.want("submit_sm_resp"); r.Status != 0x04 {
		t.Errorf("a submit of a receiver was answered with 0x%x", r.Status)
	}
	go shutdown(t, s)
	node.want("unbind")
	node.want("closed")
	if err := take(t, h.closed, "the end"); err != nil {
		t.Errorf("ended with %v", err)
	}
}
