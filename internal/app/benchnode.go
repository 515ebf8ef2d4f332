package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// BenchNode is the platform's process of a bench.
type BenchNode struct {
	Data     string `type:"path" required:""`
	Carrier  string `required:"" help:"protocol=address, separated by commas."`
	Back     string `help:"Where SGIP gateways connect."`
	Sessions int64  `default:"8"`
	Window   int64  `default:"512"`
	Pace     int64
	Profile  string `type:"path"`
}

// benchConfig is the default but for listeners that any machine has free.
func benchConfig(data string) config.Config {
	cfg := config.Default()
	cfg.Data, cfg.HTTP.Listen, cfg.CMPP.Listen = data, "127.0.0.1:0", "127.0.0.1:0"
	cfg.CMPP.MaxPerAddress = cfg.CMPP.MaxConnections // all of them are the bench's
	return cfg
}

// Run serves until standard input ends.
func (b *BenchNode) Run(ctx context.Context) (err error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	cfg := benchConfig(b.Data)
	cfg.SGIP.Carriers = b.Back
	f, err := openFolder(cfg.Data)
	if err != nil {
		return err
	}
	p, err := Open(ctx, cfg, f, logger)
	if err != nil {
		return errors.Join(err, f.close())
	}
	defer func() { err = errors.Join(err, p.Stop(context.WithoutCancel(ctx))) }()
	s, err := p.seed(ctx, mobile("127.0.0.1:1"), b.Sessions, benchWindow, 1_000_000*sms.Yuan)
	if err != nil {
		return err
	}
	if err := p.benchChannels(ctx, s, b.Carrier, b); err != nil {
		return err
	}
	addrs, err := p.Listen(ctx)
	if err != nil {
		return err
	}
	ready := benchReady{HTTP: addrs.HTTP.String(), CMPP: addrs.of(spserver.CMPP), Login: s.Login}
	if ready.Key, err = p.openText(s.Key); err != nil {
		return err
	}
	if ready.Secret, err = p.openText(s.Secret); err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	stop, err := profile(b.Profile)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, stop())
}

// benchWindow is wide, so that the platform is measured and not the carrier.
const benchWindow = 512
