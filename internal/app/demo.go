package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Demo runs a whole platform with a simulated carrier and plays a story on it.
type Demo struct {
	Data   string `help:"Data folder." default:"data/demo" type:"path"`
	HTTP   string `help:"Where the API listens." default:"127.0.0.1:8080"`
	CMPP   string `help:"Where customers' CMPP clients connect." default:"127.0.0.1:7890"`
	Sim    string `help:"Where the simulated carrier listens; empty finds a port." default:"127.0.0.1:7891"`
	Replay bool   `help:"Play the story again, with fresh members."`
	Once   bool   `help:"Stop after the story."`
	Log    string `help:"Level of the log on standard error." default:"error"`
}

// Run plays, or prints what was played before, and stays up until ctx ends.
func (d *Demo) Run(ctx context.Context) (err error) {
	cfg := config.Default()
	cfg.Data, cfg.HTTP.Listen, cfg.CMPP.Listen, cfg.Log.Level = d.Data, d.HTTP, d.CMPP, d.Log
	logger, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	f, err := openFolder(cfg.Data)
	if err != nil {
		return err
	}
	if _, err := f.createClock(time.Now()); err != nil {
		return errors.Join(err, f.close())
	}
	p, err := Open(ctx, cfg, f, logger)
	if err != nil {
		return errors.Join(err, f.close())
	}
	defer func() { err = errors.Join(err, p.Stop(context.WithoutCancel(ctx))) }()
	sim, err := startCarrier(ctx, d.Sim, p.Now, logger)
	if err != nil {
		return err
	}
	defer func() {
		patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
		defer cancel()
		err = errors.Join(err, sim.Stop(patience))
	}()
	s, err := p.seed(ctx, sim.Addr().String(), 2, 16, 100*sms.Yuan)
	if err != nil {
		return err
	}
	addrs, err := p.Listen(ctx)
	if err != nil {
		return err
	}
	key, err := p.openText(s.Key)
	if err != nil {
		return err
	}
	d.banner(p, os.Stdout)
	if err := d.tell(ctx, p, sim, s, "http://"+addrs.HTTP.String(), key); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if d.Once {
		return nil
	}
	secret, err := p.openText(s.Secret)
	if err != nil {
		return err
	}
	invite(os.Stdout, addrs, sim.Addr(), s, key, secret)
	<-ctx.Done()
	fmt.Println("\nstopping 正在停止 …")
	return nil
}

// startCarrier starts the simulator that demo and bench send to.
func startCarrier(ctx context.Context, at string, now func() time.Time, logger *slog.Logger) (*carrier.Carrier, error) {
	if at == "" {
		at = "127.0.0.1:0"
	}
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return nil, fmt.Errorf("the simulated carrier: %w", err)
	}
	c, err := carrier.Start(context.WithoutCancel(ctx), ln, carrier.Config{
		Accounts:  []carrier.Account{{Login: simLogin, Secret: simSecret, Sessions: 64, Window: 4096, Codes: []string{storyCode}}},
		Behaviour: carrier.Behaviour{Latency: carrier.Latency{Fixed: carrier.Duration(20 * time.Millisecond)}, ReportDelay: carrier.Range{Min: carrier.Duration(100 * time.Millisecond), Max: carrier.Duration(300 * time.Millisecond)}},
	}, logger, now, nil)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	return c, nil
}

func (d *Demo) banner(p *Platform, w io.Writer) {
	fmt.Fprintf(w, "Zhunxin 准信 demo, data in %s\n", d.Data)
	if p.offset != 0 {
		fmt.Fprintf(w, "This folder's clock runs %s beside the true time, so that marketing is within lawful hours (TIM-01); it now shows %s in Shanghai.\n"+
			"本目录的时钟有固定偏移，以便在营销允许时段内演示。\n", p.offset, p.Now().In(shanghai).Format("2006-01-02 15:04"))
	}
	log, vkey := p.Evidence.Log()
	fmt.Fprintf(w, "evidence log %s\npublic key   %s\n\n", log.Origin, vkey)
}

var shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

const settingStory = "story.told"

// tell plays the story, or prints what was recorded of it.
func (d *Demo) tell(ctx context.Context, p *Platform, sim *carrier.Carrier, s seeded, base, key string) error {
	var told string
	err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		told, err = tx.Setting(ctx, settingStory)
		return err
	})
	if err != nil {
		return err
	}
	if told != "" && !d.Replay {
		fmt.Print(told)
		fmt.Println("\n(recorded at an earlier start; --replay plays it again with fresh members. 以上为先前记录，--replay 可重演)")
		return nil
	}
	st := &story{p: p, sim: sim, seed: s, base: base, key: key, out: os.Stdout, pack: filepath.Join(d.Data, "evidence.json"), client: &http.Client{Timeout: 30 * time.Second}}
	if err := st.play(ctx); err != nil {
		return err
	}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutSetting(ctx, settingStory, st.recorded.String())
	})
}

func invite(w io.Writer, a Addresses, sim net.Addr, s seeded, key, secret string) {
	fmt.Fprintf(w, `
API and reference   http://%[1]s/docs      OpenAPI  http://%[1]s/openapi.json
metrics             http://%[1]s/metrics   evidence http://%[1]s/evidence/checkpoint
API key             %[2]s
`, a.HTTP, key)
	if a.CMPP != nil {
		fmt.Fprintf(w, "CMPP 3.0            %s, login %s, secret %s, source number %s\n", a.CMPP, s.Login, secret, storyCode+storyDigits)
	}
	fmt.Fprintf(w, `simulated carrier   %s

Try a verification code (试发一条验证码):
  curl -s http://%s/v1/messages -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \
    -d '{"text":"【%s】您的验证码是135790，5分钟内有效。","recipients":[{"to":"14200009999"}]}'

Ctrl-C stops it; what it holds stays in the data folder.
`, sim, a.HTTP, key, storySignature)
}
