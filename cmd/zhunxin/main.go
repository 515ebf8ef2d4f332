// Command zhunxin is the platform's one binary.
package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/zhunxin/zhunxin/internal/app"
)

func main() {
	var commands struct {
		Sim struct {
			CMPP app.SimCMPP `cmd:"" name:"cmpp" help:"A CMPP gateway that records what it is sent and misbehaves as told."`
		} `cmd:"" help:"Simulate a carrier, for joint tests (联调)."`
		Rulebook struct {
			List app.RulebookList `cmd:"" help:"Every rule with its basis, status and dates."`
			Test app.RulebookTest `cmd:"" help:"Run the examples of every rule, of the built-in packs or of files."`
		} `cmd:"" help:"The law as data."`
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed := kong.Parse(&commands, kong.Name("zhunxin"), kong.UsageOnError(),
		kong.Description("Zhunxin 准信: the 106 SMS platform whose every message is lawful and provable."))
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	parsed.FatalIfErrorf(parsed.Run())
}
