package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/spserver"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// Demo runs a whole platform with four simulated carriers and plays a story on it.
type Demo struct {
	Data   string `help:"Data folder." default:"data/demo" type:"path"`
	HTTP   string `help:"Where the API listens." default:"127.0.0.1:8080"`
	CMPP   string `help:"Where customers' CMPP clients connect." default:"127.0.0.1:7890"`
	SGIP   string `help:"Where customers' SGIP clients connect." default:"127.0.0.1:8803"`
	SMGP   string `help:"Where customers' SMGP clients connect." default:"127.0.0.1:8890"`
	SMPP   string `help:"Where customers' SMPP clients connect." default:"127.0.0.1:2775"`
	Back   string `help:"Where the simulated SGIP gateway connects to bring reports and replies." default:"127.0.0.1:8801"`
	Sim    string `help:"Where the first of the four simulated carriers listens, the others at the ports after it; empty finds ports." default:"127.0.0.1:7891"`
	Replay bool   `help:"Play the story again, with fresh members."`
	Once   bool   `help:"Stop after the story."`
	Log    string `help:"Level of the log on standard error." default:"error"`

	out io.Writer // standard output, but in tests
}

// Run plays, or prints what was played before, and stays up until ctx ends.
func (d *Demo) Run(ctx context.Context) (err error) {
	cfg := config.Default()
	cfg.Data, cfg.HTTP.Listen, cfg.CMPP.Listen, cfg.Log.Level = d.Data, d.HTTP, d.CMPP, d.Log
	cfg.SGIP.Listen, cfg.SMGP.Listen, cfg.SMPP.Listen, cfg.SGIP.Carriers = d.SGIP, d.SMGP, d.SMPP, d.Back
	logger, err := newLogger(cfg.Log)
	if err != nil {
		return err
	}
	f, err := openFolder(cfg.Data)
	if err != nil {
		return err
	}
	taken, err := d.takePorts(ctx, &cfg)
	if err != nil {
		return errors.Join(err, f.close())
	}
	defer taken.close()
	if _, err := f.createClock(time.Now(), madeByDemo); err != nil {
		return errors.Join(err, f.close())
	}
	p, err := Open(ctx, cfg, f, logger)
	if err != nil {
		return errors.Join(onFullDisk(cfg.Data, err), f.close())
	}
	p.taken = taken.own
	defer func() { err = onFullDisk(cfg.Data, errors.Join(err, p.Stop(context.WithoutCancel(ctx)))) }()
	carriers, err := startSims(ctx, taken.sims, cfg.SGIP.Carriers, p.Now, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, carriers.stop(ctx)) }()
	return d.play(ctx, p, carriers)
}

// play seeds, listens, tells the story and waits for the end.
func (d *Demo) play(ctx context.Context, p *Platform, carriers sims) error {
	s, err := p.seed(ctx, carriers.upstreams(), 2, 16, 100*sms.Yuan)
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
	out := d.output()
	d.banner(p, out)
	if err := d.tell(ctx, p, carriers, s, "http://"+addrs.HTTP.String(), key); err != nil {
		if ctx.Err() != nil {
			fmt.Fprintln(out, "\nstopping within the story: the next start plays it from its beginning 故事未演完，正在停止；下次启动将从头演示 …")
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
	invite(out, addrs, carriers, s, key, secret)
	<-ctx.Done()
	fmt.Fprintln(out, "\nstopping 正在停止 …")
	return nil
}

func (d *Demo) output() io.Writer {
	if d.out != nil {
		return d.out
	}
	return os.Stdout
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
func (d *Demo) tell(ctx context.Context, p *Platform, carriers sims, s seeded, base, key string) error {
	var told string
	out := d.output()
	err := p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) (err error) {
		told, err = tx.Setting(ctx, settingStory)
		return err
	})
	if err != nil {
		return err
	}
	if told != "" && !d.Replay {
		fmt.Fprint(out, told)
		fmt.Fprintln(out, "\n(recorded at an earlier start; --replay plays it again with fresh members. 以上为先前记录，--replay 可重演)")
		return nil
	}
	st := &story{p: p, sims: carriers, seed: s, base: base, key: key, out: out, patience: storyPatience, pack: filepath.Join(d.Data, "evidence.json"), client: &http.Client{Timeout: 30 * time.Second}}
	if err := st.play(ctx); err != nil {
		return err
	}
	return p.DB.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error {
		return tx.PutSetting(ctx, settingStory, st.recorded.String())
	})
}

func invite(w io.Writer, a Addresses, carriers sims, s seeded, key, secret string) {
	fmt.Fprintf(w, `
API and reference   http://%[1]s/docs      OpenAPI  http://%[1]s/openapi.json
metrics             http://%[1]s/metrics   evidence http://%[1]s/evidence/checkpoint
API key             %[2]s
`, a.HTTP, key)
	for _, protocol := range spserver.Protocols() {
		if at := a.of(protocol); at != "" {
			fmt.Fprintf(w, "%-19s %s, login %s, secret %s, source number %s\n", strings.ToUpper(protocol)+" 客户接入", at, s.Login, secret, storyCode+storyDigits)
		}
	}
	for _, c := range demoCarriers {
		fmt.Fprintf(w, "simulated carrier   %s %s (%s) on %s\n", c.zh, c.carrier, c.protocol, carriers[c.carrier].Addr())
	}
	fmt.Fprintf(w, `
Try a verification code (试发一条验证码):
  curl -s http://%s/v1/messages -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' \
    -d '{"text":"【%s】您的验证码是135790，5分钟内有效。","recipients":[{"to":"14200009999"}]}'

Ctrl-C stops it; what it holds stays in the data folder.
`, a.HTTP, key, storySignature)
}
