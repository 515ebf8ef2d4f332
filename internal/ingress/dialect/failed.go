package dialect

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/protocol/websign"
)

// Limits of what is kept of requests with a wrong signature: in memory only, because they hold
// numbers and texts.
const (
	failedKept  = time.Hour
	failedOfKey = 10
	failedKeys  = 1000
	failedText  = 8 << 10
)

// failures keeps the last ones of each key.
type failures struct {
	mu  sync.Mutex
	key map[sms.ID][]admission.Failure
}

func (f *failures) keep(key sms.ID, at time.Time, c *websign.Claim, err error) {
	var m *websign.Mismatch
	if !errors.As(err, &m) {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.key == nil || len(f.key) >= failedKeys && f.key[key] == nil {
		f.key = map[sms.ID][]admission.Failure{} // somebody tries many keys: nobody needs the old ones
	}
	list := append(f.key[key], admission.Failure{At: at, Scheme: string(c.Scheme), Action: clip(c.Action, 64), Canonical: clip(m.Canonical, failedText), ToSign: clip(m.ToSign, failedText)})
	f.key[key] = list[max(0, len(list)-failedOfKey):]
}

// Failed lists those of a key within the last hour on this node, newest first.
func (s *Server) Failed(key sms.ID) []admission.Failure {
	s.failed.mu.Lock()
	defer s.failed.mu.Unlock()
	out := []admission.Failure{}
	list := s.failed.key[key]
	for i := len(list) - 1; i >= 0; i-- {
		if s.Now().Sub(list[i].At) < failedKept {
			out = append(out, list[i])
		}
	}
	return out
}

func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

// newRequestID makes an upper-case UUID, as Aliyun's are.
func newRequestID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	h := strings.ToUpper(hex.EncodeToString(b[:]))
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
