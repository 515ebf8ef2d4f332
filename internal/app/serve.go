package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
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
	has, err := f.hasClock()
	if err == nil && has {
		err = fmt.Errorf("data folder %s has a clock of its own: demo or bench made it, with people and money that nobody has; name another folder in data (该目录由 demo 或 bench 创建，请换目录)", cfg.Data)
	}
	if err != nil {
		return errors.Join(err, f.close())
	}
	p, err := Open(ctx, cfg, f, logger)
	if err != nil {
		return errors.Join(onFullDisk(cfg.Data, err), f.close())
	}
	defer func() { err = onFullDisk(cfg.Data, errors.Join(err, p.Stop(ctx))) }()
	addrs, err := p.Listen(ctx)
	if err != nil {
		return err
	}
	token, err := p.setupToken(ctx)
	if err != nil {
		return err
	}
	addrs.tell(os.Stdout)
	if token != "" {
		tellToken(os.Stdout, addrs.HTTP, token)
	}
	<-ctx.Done()
	logger.Info("stopping: what was accepted is kept, what is on the wire gets its answer")
	return nil
}

// tellToken prints the setup's token, and that it is the only one.
func tellToken(w io.Writer, at net.Addr, token string) {
	fmt.Fprintf(w, "each start before the setup makes a new token, and earlier ones no longer work (完成设置前每次启动都会换新令牌，旧令牌失效)\n"+
		"first administrator: POST http://%s/v1/setup with this one-time token (首次设置令牌，仅显示一次): %s\n", at, token)
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
	HTTP, HTTPS             net.Addr
	Customers, CustomersTLS map[string]net.Addr // by protocol
	Carriers, CarriersTLS   net.Addr            // SGIP gateways
}

// of is a listener's address as text.
func (a *Addresses) of(protocol string) string {
	if addr := a.Customers[protocol]; addr != nil {
		return addr.String()
	}
	return ""
}

// tell prints where the node listens.
func (a *Addresses) tell(w io.Writer) {
	say := func(what string, addr net.Addr) {
		if addr != nil {
			fmt.Fprintf(w, what+"\n", addr)
		}
	}
	say("zhunxin serves: API and /docs on http://%s", a.HTTP)
	say("the same on https://%s", a.HTTPS)
	for _, protocol := range spserver.Protocols() {
		say("customers' "+strings.ToUpper(protocol)+" on %s", a.Customers[protocol])
		say("customers' "+strings.ToUpper(protocol)+" under TLS on %s", a.CustomersTLS[protocol])
	}
	say("SGIP gateways of carriers on %s", a.Carriers)
	say("SGIP gateways of carriers under TLS on %s", a.CarriersTLS)
}

// Listen starts everything, and lets customers in last.
func (p *Platform) Listen(ctx context.Context) (a Addresses, err error) {
	if err := p.openSockets(); err != nil {
		return a, err
	}
	if err := p.Start(ctx); err != nil {
		return a, err
	}
	if err := p.carriers(ctx, &a); err != nil {
		return a, err
	}
	if err := p.letIn(ctx, &a); err != nil {
		return a, err
	}
	return a, p.web(ctx, &a)
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
