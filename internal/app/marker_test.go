package app

import (
	"bytes"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/zhunxin/zhunxin/internal/config"
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
	const marker, secretCode = "14277777777", "918273"
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
	pack := n.pack(id, "")
	var said bytes.Buffer
	said.Write(pack)
	for _, path := range []string{"/v1/messages/" + id.String(), "/v1/messages", "/v1/ledger", "/metrics"} {
		said.Write(n.raw(http.MethodGet, path, nil))
	}
	said.Write(n.raw(http.MethodPost, "/v1/people/query", []byte(`{"to":"`+marker+`"}`)))
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
			"the number": []byte(marker), "the code": []byte(secretCode), "the text": []byte("您的验证码是" + secretCode), "the text in UTF-16": wide("验证码是" + secretCode),
			"the reply": []byte("退订 " + secretCode),
		} {
			if bytes.Contains(b, clear) {
				t.Errorf("%s is in clear in %s", name, where)
			}
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
