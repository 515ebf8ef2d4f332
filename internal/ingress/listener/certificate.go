package listener

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// lookEvery is how long handshakes go without a look at the files.
const lookEvery = time.Minute

// Certificate is a certificate with its key, read again when the files have changed.
type Certificate struct {
	certFile, keyFile string
	now               func() time.Time

	current atomic.Pointer[tls.Certificate]
	looking sync.Mutex
	looked  time.Time
	stamps  [2]os.FileInfo // of the files as they were read
}

// OpenCertificate reads a certificate and its key. Its errors name the settings.
func OpenCertificate(certFile, keyFile string, now func() time.Time) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, now: now, looked: now()}
	stamps, err := c.stat()
	if err != nil {
		return nil, err
	}
	return c, c.read(stamps)
}

// Current is the certificate to show. Whoever comes when a look is due takes it; the
// others don't wait for the disk.
func (c *Certificate) Current(logger *slog.Logger) *tls.Certificate {
	if c.looking.TryLock() {
		defer c.looking.Unlock()
		if now := c.now(); now.Sub(c.looked) >= lookEvery {
			c.looked = now
			c.look(logger)
		}
	}
	return c.current.Load()
}

// look reads the files again if they have changed. The old certificate stays while the
// new one is not whole: the two files can't be replaced at once.
func (c *Certificate) look(logger *slog.Logger) {
	stamps, err := c.stat()
	if err == nil {
		if same(stamps[0], c.stamps[0]) && same(stamps[1], c.stamps[1]) {
			return
		}
		err = c.read(stamps)
	}
	if err != nil {
		logger.Error("the TLS certificate is not read again; the one before stays in use", "err", err)
		return
	}
	logger.Info("the TLS certificate has been read again", "file", c.certFile)
}

func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// stat is taken before the files are read, so that a change meanwhile is seen next time.
func (c *Certificate) stat() (stamps [2]os.FileInfo, err error) {
	if stamps[0], err = os.Stat(c.certFile); err != nil {
		return stamps, fmt.Errorf("settings: tls.cert_file: %w; name the PEM file of the certificate and its chain", err)
	}
	if stamps[1], err = os.Stat(c.keyFile); err != nil {
		return stamps, fmt.Errorf("settings: tls.key_file: %w; name the PEM file of the certificate's private key", err)
	}
	if mode := stamps[1].Mode().Perm(); mode&0o077 != 0 {
		return stamps, fmt.Errorf("settings: tls.key_file: %s has mode %04o, so others may read it: run chmod 600 on it", c.keyFile, mode)
	}
	return stamps, nil
}

func (c *Certificate) read(stamps [2]os.FileInfo) error {
	cert, err := os.ReadFile(c.certFile)
	if err != nil {
		return fmt.Errorf("settings: tls.cert_file: %w; let the node's user read it", err)
	}
	key, err := os.ReadFile(c.keyFile)
	if err != nil {
		return fmt.Errorf("settings: tls.key_file: %w; give the file to the node's user, mode 0600", err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("settings: tls.cert_file %s and tls.key_file %s are no certificate with its key in PEM: %w", c.certFile, c.keyFile, err)
	}
	c.stamps = stamps
	c.current.Store(&pair)
	return nil
}
