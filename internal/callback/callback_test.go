package callback

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// A customer's word opens no way into the operator's network.
func TestPrivateAddressesAreOutOfReach(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	c := &Caller{}
	c.init()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.client.Do(req)
	if err == nil {
		err = resp.Body.Close()
		t.Error("a loopback address was reached", err)
	}
	if !errors.Is(err, errPrivate) {
		t.Error(err)
	}
	for _, bad := range []string{"", "example.com", "ftp://example.com", "https://me:secret@example.com", "https://"} {
		if CheckURL(bad, true) == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// Pauses grow, and after a day a batch is given up so that the others are not.
func TestRetries(t *testing.T) {
	c := &Caller{}
	w := &sms.Webhook{}
	failed := errors.New("answered 500")
	at, previous := time.Now().UnixMilli(), int64(0)
	for i := 0; ; i++ {
		d := &sms.WebhookDelivery{At: at}
		if c.settle(w, d, 7, failed) {
			if d.State != "dead" || w.SentTo != 7 || w.Attempts != 0 {
				t.Errorf("%+v %+v", d, w)
			}
			break
		}
		pause := w.NextAt - at
		if pause < previous || pause > longestRetry.Milliseconds() || i > 100 {
			t.Fatalf("pause %d after %d", pause, previous)
		}
		at, previous = w.NextAt, pause
	}
	d := &sms.WebhookDelivery{At: at}
	if w.ReplayFrom, w.ReplayTo = 1, 5; !c.settle(w, d, 5, nil) || w.ReplayFrom != 5 || w.SentTo != 7 {
		t.Errorf("%+v", w)
	}
}
