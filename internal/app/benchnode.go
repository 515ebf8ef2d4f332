package app

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"strconv"

	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
	"github.com/zhunxin/zhunxin/internal/vault"
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
		return errors.Join(onFullDisk(b.Data, err), f.close())
	}
	defer func() { err = onFullDisk(b.Data, errors.Join(err, p.Stop(context.WithoutCancel(ctx)))) }()
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
	if err := p.benchSigning(ctx, s, &ready); err != nil {
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

// benchSigning makes a key that signs, for this run, and finds the templates' codes.
func (p *Platform) benchSigning(ctx context.Context, s seeded, ready *benchReady) error {
	snap, err := p.Registry(ctx)
	if err != nil {
		return err
	}
	for i, category := range []sms.Category{sms.OTP, sms.Notice, sms.MKT} {
		for _, t := range snap.TemplatesOf(s.Customer) {
			if t.Category == category {
				ready.Templates[i] = "SMS_" + strconv.FormatInt(t.ID.Short(), 10)
			}
		}
	}
	ready.AccessID, ready.AccessSecret = vault.NewAccessKey()
	hash := vault.HashAccessID(ready.AccessID)
	k := registry.APIKey{
		ID: p.IDs.Next(), ApplicationID: s.Application, Hash: hash[:], AccessID: ready.AccessID, Secret: p.Keys.Seal(vault.PurposeLogin, []byte(ready.AccessSecret)),
		Scopes: admission.Send, CreatedAt: p.Now().UnixMilli(),
	}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return tx.Put(ctx, k) })
}

// benchWindow is wide, so that the platform is measured and not the carrier.
const benchWindow = 512
