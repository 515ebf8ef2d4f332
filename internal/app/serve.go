package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/httpapi"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/store"
)

// ConfigSample prints the settings.
type ConfigSample struct{}

// Run prints the commented file.
func (ConfigSample) Run() error {
	fmt.Print(config.Sample())
	return nil
}

// Serve runs a node.
type Serve struct {
	Config string `help:"Settings file; see zhunxin config sample." type:"existingfile" short:"c"`
}

// Run serves until ctx ends.
func (s *Serve) Run(ctx context.Context) (err error) {
	cfg, err := config.Load(s.Config, os.Environ())
	if err != nil {
		return err
	}
	logger, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	f, err := openFolder(cfg.Data)
	if err != nil {
		return err
	}
	c, err := f.readClock()
	if err == nil && c.offset() != 0 {
		err = fmt.Errorf("data folder %s has a clock of its own (it was made by demo or bench): serve uses the true time; name another folder", cfg.Data)
	}
	if err != nil {
		return errors.Join(err, f.close())
	}
	p, err := Open(ctx, cfg, f, logger)
	if err != nil {
		return errors.Join(err, f.close())
	}
	defer func() { err = errors.Join(err, p.Stop(ctx)) }()
	addrs, err := p.Listen(ctx)
	if err != nil {
		return err
	}
	token, err := p.setupToken(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("zhunxin serves: API and /docs on http://%s\n", addrs.HTTP)
	for _, protocol := range spserver.Protocols() {
		if at := addrs.of(protocol); at != "" {
			fmt.Printf("customers' %s on %s\n", strings.ToUpper(protocol), at)
		}
	}
	if addrs.Carriers != nil {
		fmt.Printf("SGIP gateways of carriers on %s\n", addrs.Carriers)
	}
	if token != "" {
		fmt.Printf("first administrator: POST http://%s/v1/setup with this one-time token (首次设置令牌，仅显示一次): %s\n", addrs.HTTP, token)
	}
	<-ctx.Done()
	logger.Info("stopping: what was accepted is kept, what is on the wire gets its answer")
	return nil
}

func newLogger(l config.Log) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.Level)); err != nil {
		return nil, fmt.Errorf("settings: log.level: %q is none of debug, info, warn, error", l.Level)
	}
	o := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, o)), nil
	}
	return slog.New(slog.NewTextHandler(os.Stderr, o)), nil
}

// Addresses are where the node listens.
type Addresses struct {
	HTTP      net.Addr
	Customers map[string]net.Addr // by protocol
	Carriers  net.Addr            // SGIP gateways, nil when there is none
}

// of is a listener's address as text.
func (a *Addresses) of(protocol string) string {
	if addr := a.Customers[protocol]; addr != nil {
		return addr.String()
	}
	return ""
}

// Listen starts everything, and lets customers in last.
func (p *Platform) Listen(ctx context.Context) (a Addresses, err error) {
	if err := p.Start(ctx); err != nil {
		return a, err
	}
	if a.Carriers, err = p.carriers(ctx); err != nil {
		return a, err
	}
	if a.Customers, err = p.letIn(ctx); err != nil {
		return a, err
	}
	a.HTTP, err = p.web(ctx)
	return a, err
}

// setupToken makes the one-time token of the first administrator, while there is
// no key at all. Only its hash is stored.
func (p *Platform) setupToken(ctx context.Context) (token string, err error) {
	snap, err := p.Registry(ctx)
	if err != nil || snap.Keys() > 0 {
		return "", err
	}
	b := make([]byte, 24)
	_, _ = rand.Read(b) // it never fails: the program ends instead
	token = base64.RawURLEncoding.EncodeToString(b)
	sum := sha256.Sum256([]byte(token))
	return token, p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutSetting(ctx, httpapi.SettingSetup, hex.EncodeToString(sum[:]))
	})
}

// stopPatience is how long an orderly stop may take.
const stopPatience = 30 * time.Second
