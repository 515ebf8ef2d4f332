// Command zhunxin is the platform's one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/zhunxin/zhunxin/internal/app"
)

// commands are what the program does.
type commands struct {
	Serve     app.Serve     `cmd:"" help:"Run a node."`
	Demo      app.Demo      `cmd:"" help:"Run a platform with a simulated carrier and play a story on it."`
	Bench     app.Bench     `cmd:"" help:"Measure a platform with a simulated carrier."`
	BenchNode app.BenchNode `cmd:"" hidden:"" name:"bench-node"`
	Assess    app.Assess    `cmd:"" help:"Is this 106 SMS business lawful? A party of this platform, or a plan (代理106短信业务合法吗)."`
	Config    struct {
		Sample app.ConfigSample `cmd:"" help:"Print the commented settings file."`
	} `cmd:"" help:"Settings."`
	Evidence struct {
		Pack  app.EvidencePack  `cmd:"" help:"Write the evidence of a message to a file."`
		Key   app.EvidenceKey   `cmd:"" help:"Print the public key of the evidence log."`
		Check app.EvidenceCheck `cmd:"" help:"Check the SM2 signature of a checkpoint (国密)."`
	} `cmd:"" help:"The transparency log."`
	Vault struct {
		Rotate  app.VaultRotate  `cmd:"" help:"Add a sealing key; with --use, let it seal."`
		Reindex app.VaultReindex `cmd:"" help:"Replace the keyed ids of all people under a new index key, with all nodes stopped; it can be resumed."`
	} `cmd:"" help:"Keys."`
	Numbers struct {
		Build  app.NumbersBuild  `cmd:"" help:"Make a table of number segments and provinces, as the program carries one."`
		Import app.NumbersImport `cmd:"" help:"Give a running node a newer table."`
	} `cmd:"" help:"To which province a number belongs (号段归属地)."`
	Witness app.Witness `cmd:"" help:"Cosign a log's checkpoints, if they continue what was seen before."`
	Backup  app.Backup  `cmd:"" help:"Copy a data folder, verified, while it is in use."`
	Restore app.Restore `cmd:"" help:"Put a backup into an empty data folder."`
	Sim     struct {
		CMPP  app.SimCMPP  `cmd:"" name:"cmpp" help:"A CMPP gateway that records what it is sent and misbehaves as told."`
		SGIP  app.SimSGIP  `cmd:"" name:"sgip" help:"The same of SGIP, which calls back with reports and replies."`
		SMGP  app.SimSMGP  `cmd:"" name:"smgp" help:"The same of SMGP."`
		SMPP  app.SimSMPP  `cmd:"" name:"smpp" help:"The same of SMPP."`
		Run   app.SimRun   `cmd:"" help:"Several of them in one process, with a script."`
		Check app.SimCheck `cmd:"" help:"Check somebody else's gateway or client against the protocol (联调)."`
	} `cmd:"" help:"Simulate a carrier, for joint tests (联调)."`
	Rulebook struct {
		List   app.RulebookList   `cmd:"" help:"Every rule with its basis, status and dates."`
		Show   app.RulebookShow   `cmd:"" help:"All about a rule."`
		Test   app.RulebookTest   `cmd:"" help:"Run the examples of every rule, and scenarios."`
		Diff   app.RulebookDiff   `cmd:"" help:"What packs would change."`
		Mutate app.RulebookMutate `cmd:"" help:"Change every rule a little: some example or scenario must notice."`
		Pages  app.RulebookPages  `cmd:"" help:"Write the documentation of every rule, and which of them run."`
		Replay app.RulebookReplay `cmd:"" help:"What packs would have decided otherwise in the past."`

		Propose  app.RulebookPropose  `cmd:"" help:"Propose a pack to a running node."`
		Activate app.RulebookActivate `cmd:"" help:"Put a proposed pack in force, as a second person."`
		Reject   app.RulebookReject   `cmd:"" help:"Reject a proposed pack."`
		Status   app.RulebookStatus   `cmd:"" help:"Which packs a running node runs, and what is proposed."`

		TrainClassifier app.RulebookTrainClassifier `cmd:"" help:"Train what tells marketing from notices, and say how well it does."`
	} `cmd:"" help:"The law as data."`
}

// parser reads the command line. Unlike kong's own it does not print the whole usage before
// the one line that matters.
func parser(more ...kong.Option) *kong.Kong {
	return kong.Must(&commands{}, append([]kong.Option{
		kong.Name("zhunxin"), kong.Description("Zhunxin 准信: the 106 SMS platform whose every message is lawful and provable."),
	}, more...)...)
}

// complaint says of an error of the command line where to read what is right.
func complaint(err error) error {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) {
		return err
	}
	command := "zhunxin"
	for _, p := range wrong.Context.Path {
		if p.Command != nil {
			command += " " + p.Command.Name
		}
	}
	return fmt.Errorf("%w; run %s --help (查看用法)", err, command)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k := parser()
	parsed, err := k.Parse(os.Args[1:])
	k.FatalIfErrorf(complaint(err))
	parsed.BindTo(ctx, (*context.Context)(nil))
	// net/http prints there what an upstream sent unasked, which may hold a number (P7).
	log.SetOutput(io.Discard)
	parsed.Bind(slog.New(slog.NewTextHandler(os.Stderr, nil)))
	parsed.FatalIfErrorf(parsed.Run())
}
