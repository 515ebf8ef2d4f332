package app

import (
	"bytes"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// memory is a log that is kept.
type memory struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.b.Write(p)
}

// P7: a number and a text that went through every feature are nowhere in clear: not
// in the data folder, not in the log, not in what the API and the metrics say.
func TestNoNumberAndNoTextInClear(t *testing.T) {
	const marker, pageMarker, secretCode = "14277777777", "14277777778", "918273"
	text := "【准信示例】您的验证码是" + secretCode + "，5分钟内有效。"
	var logged memory
	testLogger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	n := startIn(t, dir, config.Default())
	testLogger = nil
	id := n.send(text, marker).Results[0].MessageID
	n.until(id, sms.Delivered)
	n.agree(marker)
	n.until(n.send(mktText, marker).Results[0].MessageID, sms.Delivered)
	c := n.dial()
	c.submit(pdus(t, mktText, marker)[0]) // refused: frequency
	parts := pdus(t, "【准信示例】"+strings.Replace(longBody, "135790", secretCode, 1), marker)
	c.submit(parts[0]) // waits for its companion
	if err := n.carrier.SendMO(t.Context(), marker, storyCode+storyDigits, "退订 "+secretCode); err != nil {
		t.Fatal(err)
	}
	c.wait("the reply", func() bool { return len(c.mos) == 1 })
	handed := n.declare(n.wording().ID, "number,given_at,proof\n"+marker+",2026-05-01,"+secretCode+"\n"+marker+",2026-05-01,"+secretCode+"\n")
	n.untilImport(handed.ID, "review")
	campaign, sent := n.markCampaign(pageMarker, secretCode)
	w := n.page()
	token, pageCode := n.code(w.OwnPage, pageMarker)
	for _, path := range []string{"/open", "/withdraw"} {
		n.browse(w.OwnPage+path, url.Values{"token": {token}, "code": {pageCode}, "group": {n.group().String()}})
	}
	n.browse(w.OwnPage+"/code", url.Values{"to": {pageMarker}}) // refused: frequency
	n.browse(w.OwnPage+"/code", url.Values{"to": {pageMarker + "x"}})
	n.markUpstream(&logged, marker, secretCode)
	office := n.adminKey()
	n.complain(office, map[string]any{"source": "direct", "number": marker, "message_id": id})
	for _, kind := range []string{"access", "copy", "delete"} {
		at := "/v1/admin/requests/" + n.ask(office, kind, marker).String() + "/answer"
		if status := n.as(office, http.MethodPost, at, map[string]any{"note": "done"}, nil); status != http.StatusOK {
			t.Fatalf("%s: %d", kind, status)
		}
	}
	n.as(office, http.MethodPost, "/v1/admin/holds", map[string]any{"number": marker, "reference": "court 5", "reason": "evidence in a case"}, nil)
	pack := n.pack(id, "")
	var said bytes.Buffer
	said.Write(pack)
	for _, path := range []string{"", "/faults", "/rows", "/evidence"} {
		for _, id := range []sms.ID{campaign, sent} {
			said.Write(n.raw(http.MethodGet, "/v1/campaigns/"+id.String()+path, nil))
		}
	}
	for _, path := range []string{"/v1/messages/" + id.String(), "/v1/messages", "/v1/ledger", "/metrics"} {
		said.Write(n.raw(http.MethodGet, path, nil))
	}
	for _, path := range []string{"complaints", "requests", "holds", "duties", "accesses"} {
		_, b := n.fetch(http.MethodGet, "/v1/admin/"+path, nil, "Authorization", "Bearer "+office)
		said.Write(b)
	}
	said.Write(n.raw(http.MethodPost, "/v1/people/query", []byte(`{"to":"`+marker+`"}`)))
	said.Write(n.raw(http.MethodGet, "/v1/consents/imports/"+handed.ID.String()+"/faults", nil))
	said.Write(n.raw(http.MethodPost, "/v1/messages", []byte(`{"text":"`+text+`","recipients":[{"to":"`+marker+`x"}]}`)))
	if err := (&Backup{Folder: Folder{Data: dir}, To: filepath.Join(dir, "copy")}).Run(t.Context(), n.Logger); err != nil {
		t.Fatal(err)
	}
	n.stop()
	files := map[string][]byte{"the log": logged.b.Bytes(), "what was said": said.Bytes()}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 6 {
		t.Fatalf("only %d places were looked at", len(files))
	}
	for where, b := range files {
		for name, clear := range map[string][]byte{
			"the number": []byte(marker), "the page's number": []byte(pageMarker), "the code": []byte(secretCode), "the text": []byte("您的验证码是" + secretCode), "the text in UTF-16": wide("验证码是" + secretCode),
			"the reply": []byte("退订 " + secretCode),
		} {
			if bytes.Contains(b, clear) {
				t.Errorf("%s is in clear in %s", name, where)
			}
		}
	}
}

// markCampaign leaves one campaign with a number and a value of a variable where it is, and has
// another one sent.
func (n *node) markCampaign(number, code string) (open, sent sms.ID) {
	n.t.Helper()
	body := map[string]any{"name": "发货", "template_id": n.templateOf(sms.Notice), "signature": storySignature}
	for _, id := range []*sms.ID{&open, &sent} {
		*id = n.campaign(body).ID
		n.part(*id, 1, "text/csv", "to,number,ref\n"+number+","+code+",u1\n"+number+",x"+code+",u2\n"+number+","+code+",u3\n"+number+"x,"+code+",u4\n")
		n.act(*id, "ready")
		n.untilState(*id, "ready")
	}
	n.act(sent, "start")
	if v := n.untilState(sent, "done"); v.Verdicts["queued"] != 1 {
		n.t.Errorf("%+v", v)
	}
	return open, sent
}

// markUpstream sends a number and a text to an HTTP upstream, where they stand in the
// address of a request that breaks, and has callbacks with them that can't be read.
func (n *node) markUpstream(logged *memory, number, code string) {
	n.t.Helper()
	up := newAggregator(n.t)
	up.answers(func(w http.ResponseWriter, _ int) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	})
	d := description()
	d.Request = registry.UpstreamRequest{Method: "GET", Path: "/send", Query: map[string]string{"phone": "${phone}", "text": "${text}"}}
	_, reports, replies := n.channelOver(func(ch *registry.Channel) {
		ch.Protocol, ch.Address, ch.Login, ch.Options = registry.ByHTTP, up.URL, "app-1", registry.ChannelOptions{HTTP: d}
	})
	n.untilReached()
	text := "【" + storySignature + "】您的订单" + code + "已发货。"
	n.until(n.send(text, number).Results[0].MessageID, sms.InDoubt)
	for _, c := range []struct{ path, body string }{
		{reports, `{"reports":[{"id":"1","phone":"x` + number + `","status":"` + code + `"}]}`},
		{reports, `{"reports":"` + number + `"}`},
		{reports, number + " 退订 " + code},
		{replies, `{"id":"1","from":"x` + number + `","ext":"1","text":"退订 ` + code + `"}`},
		{replies, `{"id":"1","from":"` + number + `","ext":"1","text":["退订 ` + code + `"]}`},
	} {
		if status, _ := n.call(c.path, c.body); status != http.StatusServiceUnavailable {
			n.t.Errorf("a callback that can't be read is answered %d", status)
		}
	}
	up.serves.Do(up.Close)
	waits := n.send(text, number).Results[0].MessageID
	n.untilChannel("nobody is reached", func(s channel.State) bool { return s.Down != "" })
	n.until(waits, sms.Queued)
	logged.mu.Lock()
	defer logged.mu.Unlock()
	for _, want := range []string{"a callback of an upstream could not be read", "in doubt"} {
		if !bytes.Contains(logged.b.Bytes(), []byte(want)) {
			n.t.Errorf("the log does not say %q", want)
		}
	}
}

func wide(s string) []byte {
	var out []byte
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u>>8), byte(u))
	}
	return out
}
