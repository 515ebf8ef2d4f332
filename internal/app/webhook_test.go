package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/callback"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// A webhook gets every event in order, signed; a call that failed is made again, is
// in the log, and events can be sent again later.
func TestWebhook(t *testing.T) {
	cfg := config.Default()
	cfg.Webhook.Private = true
	n := start(t, cfg)
	type got struct {
		events    []callback.Event
		signature string
		body      []byte
	}
	calls, failures := make(chan got, 10), 1
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failures > 0 {
			failures--
			http.Error(w, "not now", http.StatusInternalServerError)
			return
		}
		b, err := io.ReadAll(r.Body)
		var in struct{ Events []callback.Event }
		if err != nil || json.Unmarshal(b, &in) != nil {
			t.Errorf("%s, %v", b, err)
		}
		calls <- got{in.Events, r.Header.Get("X-Signature"), b}
	}))
	defer receiver.Close()
	var hook struct {
		ID     sms.ID
		Secret string
	}
	if status := n.do(http.MethodPut, "/v1/webhooks/new", map[string]any{"url": receiver.URL}, &hook); status != http.StatusOK || hook.Secret == "" {
		t.Fatal(status, hook)
	}
	n.until(n.send(otpText, member).Results[0].MessageID, sms.Delivered)
	if err := n.carrier.SendMO(t.Context(), member, storyCode+storyDigits, "你好"); err != nil {
		t.Fatal(err)
	}
	var events []callback.Event
	for len(events) < 2 {
		c := nextCall(n, calls)
		at := int64(0)
		if _, err := fmt.Sscanf(c.signature, "t=%d,", &at); err != nil || callback.Sign(hook.Secret, at, c.body) != c.signature {
			t.Errorf("the signature is %s", c.signature)
		}
		events = append(events, c.events...)
	}
	if events[0].Kind != "report" || events[1].Kind != "mo" || events[1].Text != "你好" || events[0].ID >= events[1].ID {
		t.Errorf("%+v", events)
	}
	var log struct {
		Deliveries []sms.WebhookDelivery
	}
	path := "/v1/webhooks/" + hook.ID.String()
	deadline := time.Now().Add(20 * time.Second)
	for n.do(http.MethodGet, path+"/deliveries", nil, &log); len(log.Deliveries) < 2 && time.Now().Before(deadline); {
		n.do(http.MethodGet, path+"/deliveries", nil, &log)
	}
	if last := log.Deliveries[len(log.Deliveries)-1]; last.State != "failed" || last.Status != 500 || log.Deliveries[0].State != "delivered" {
		t.Errorf("%+v", log)
	}
	if status := n.do(http.MethodPost, path+"/replay", map[string]any{"after": log.Deliveries[len(log.Deliveries)-1].First, "up_to": events[1].ID}, nil); status != http.StatusOK {
		t.Fatal(status)
	}
	if c := nextCall(n, calls); len(c.events) != 1 || c.events[0].ID != events[1].ID {
		t.Errorf("the replay sent %+v", c.events)
	}
	var p struct{ Code sms.Code }
	if n.do(http.MethodPut, "/v1/webhooks/new", map[string]any{"url": "ftp://example.com"}, &p); p.Code != sms.BadRequest {
		t.Errorf("a bad address: %+v", p)
	}
}
