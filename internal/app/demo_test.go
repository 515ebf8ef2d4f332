package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// anywhere is a demo that finds its ports itself.
func anywhere(dir string, out io.Writer) *Demo {
	const any = "127.0.0.1:0"
	return &Demo{Data: dir, HTTP: any, CMPP: any, SGIP: any, SMGP: any, SMPP: any, Back: any, Sim: any, Once: true, Log: "error", out: out}
}

// content lists the files of a folder but its lock.
func content(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		if f.Name() != fileLock {
			names = append(names, f.Name())
		}
	}
	return strings.Join(names, " ")
}

// A port in use is named with the flag for another one, before anything is written.
func TestDemoNamesThePortInUse(t *testing.T) {
	t.Parallel()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() //nolint:errcheck // a test's
	busy := ln.Addr().String()
	for flag, set := range map[string]func(*Demo, string){
		"--http": func(d *Demo, at string) { d.HTTP = at }, "--cmpp": func(d *Demo, at string) { d.CMPP = at }, "--sgip": func(d *Demo, at string) { d.SGIP = at },
		"--smgp": func(d *Demo, at string) { d.SMGP = at }, "--smpp": func(d *Demo, at string) { d.SMPP = at }, "--back": func(d *Demo, at string) { d.Back = at },
		"--sim": func(d *Demo, at string) { d.Sim = at },
	} {
		d := anywhere(t.TempDir(), io.Discard)
		set(d, busy)
		err := d.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), busy) || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
		if left := content(t, d.Data); left != "" {
			t.Errorf("%s left %s", flag, left)
		}
		set(d, "nowhere")
		if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") || !strings.Contains(err.Error(), flag) {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

// A real node's folder is not written to, nor one that the other has made, and serve
// takes neither's.
func TestFoldersKeepToTheirMakers(t *testing.T) {
	quiet := slog.New(slog.DiscardHandler)
	made := func(by string) string {
		dir := t.TempDir()
		f, err := openFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		if by != "" {
			if _, err := f.createClock(time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC), by); err != nil { // noon in Shanghai: no offset
				t.Fatal(err)
			}
		}
		p, err := Open(t.Context(), config.Default(), f, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	of := map[string]string{"serve": made(""), madeByDemo: made(madeByDemo), madeByBench: made(madeByBench)}
	demo := func(dir string) error { return anywhere(dir, io.Discard).Run(t.Context()) }
	bench := func(dir string) error {
		_, err := (&Bench{Data: dir, Sessions: 1}).prepare(t.Context(), quiet)
		return err
	}
	serve := func(dir string) error {
		t.Setenv("ZHUNXIN_DATA", dir)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it would serve
		defer cancel()
		return (&Serve{}).Run(ctx)
	}
	for _, x := range []struct {
		who   string
		run   func(string) error
		whose string
		want  string
	}{
		{"demo", demo, "serve", "made by serve"},
		{"bench", bench, "serve", "made by serve"},
		{"demo", demo, madeByBench, "made by bench"},
		{"bench", bench, madeByDemo, "made by demo"},
		{"serve", serve, madeByDemo, "a clock of its own"},
		{"serve", serve, madeByBench, "a clock of its own"},
	} {
		before := content(t, of[x.whose])
		stored, err := os.ReadFile(filepath.Join(of[x.whose], fileDatabase))
		if err != nil {
			t.Fatal(err)
		}
		if err := x.run(of[x.whose]); err == nil || !strings.Contains(err.Error(), x.want) || !regexp.MustCompile(`\p{Han}`).MatchString(err.Error()) {
			t.Errorf("%s on a folder of %s: %v", x.who, x.whose, err)
		}
		after, err := os.ReadFile(filepath.Join(of[x.whose], fileDatabase))
		if err != nil || !bytes.Equal(stored, after) || content(t, of[x.whose]) != before {
			t.Errorf("%s wrote into a folder of %s: %v", x.who, x.whose, err)
		}
	}
	// A node on PostgreSQL has keys in its folder and no database.
	if err := os.Remove(filepath.Join(of["serve"], fileDatabase)); err != nil {
		t.Fatal(err)
	}
	if err := bench(of["serve"]); err == nil || !strings.Contains(err.Error(), "made by serve") {
		t.Error(err)
	}
	// An older folder does not say who made it.
	if err := os.WriteFile(filepath.Join(of[madeByDemo], fileClock), []byte(`{"offset_ms":0}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := bench(of[madeByDemo]); err != nil {
		t.Error(err)
	}
	if err := bench(of[madeByBench]); err != nil {
		t.Error(err)
	}
}

// The balance of a replay shows its own entries, and they are what the balance changed by.
func TestReplayShowsItsOwnEntries(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	money := func(s string) int { // thousandths
		t.Helper()
		yuan, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			t.Fatal(err)
		}
		return int(math.Round(yuan * 1000))
	}
	for round := range 2 {
		var out bytes.Buffer
		d := anywhere(dir, &out)
		d.Replay = round > 0
		if err := d.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, part, _ := strings.Cut(out.String(), "before: balance ")
		part, after, _ := strings.Cut(part, "after:  balance ")
		lines := strings.Split(part, "\n")
		before, _, _ := strings.Cut(lines[0], ",")
		after, _, _ = strings.Cut(after, ",")
		sum := money(before)
		for _, line := range lines[1:] {
			switch f := strings.Fields(line); {
			case len(f) > 1 && f[0] == "capture":
				sum -= money(f[1])
			case len(f) > 1 && f[0] != "hold": // such as the opening balance, which came before
				t.Errorf("round %d shows %q", round, line)
			}
		}
		if sum != money(after) || len(lines) < 4 {
			t.Errorf("round %d: %s", round, out.String())
		}
	}
}

// stopAt calls stop when something is written.
type stopAt struct {
	bytes.Buffer
	what string
	stop func()
}

func (w *stopAt) Write(b []byte) (int, error) {
	if strings.Contains(string(b), w.what) {
		w.stop()
	}
	return w.Buffer.Write(b)
}

func TestDemoStopsWithinItsStory(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out := &stopAt{what: "1. ", stop: stop}
	if err := anywhere(t.TempDir(), out).Run(ctx); err != nil {
		t.Error(err)
	}
	if s := out.String(); !strings.Contains(s, "stopping within the story: the next start plays it") || !strings.Contains(s, "下次启动") {
		t.Error(s)
	}
}

// A story whose carrier says nothing ends, and says what it has waited for.
func TestStoryWaitsNoLongerThanItsPatience(t *testing.T) {
	t.Parallel()
	n := start(t, config.Default())
	b := n.carrier.Behaviour()
	b.DropReportRate = 1
	if err := n.carrier.SetBehaviour(b); err != nil {
		t.Fatal(err)
	}
	s := &story{p: n.Platform, sims: sims{sms.Mobile: n.carrier}, base: n.base, key: n.key, out: io.Discard, patience: 300 * time.Millisecond, client: &http.Client{Timeout: 30 * time.Second}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.play(ctx); err == nil || !strings.Contains(err.Error(), "waited 300ms for the carrier's report on message") || !strings.Contains(err.Error(), "submitted") {
		t.Error(err)
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	lonely, err := carrier.Start(t.Context(), ln, carrier.Config{Accounts: []carrier.Account{{Login: simLogin, Secret: simSecret}}}, n.Logger, n.Now, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lonely.Stop(context.WithoutCancel(t.Context())) //nolint:errcheck // nobody is connected
	s.sims[sms.Mobile] = lonely
	if err := s.reply(ctx, member, "T"); err == nil || !strings.Contains(err.Error(), "waited 300ms for the platform to take a reply") {
		t.Error(err)
	}
}

// The printed token is the only one: a second start's ends the first's, and both say so.
func TestSecondTokenEndsTheFirst(t *testing.T) {
	t.Parallel()
	n := bare(t)
	var tokens []string
	for range 2 {
		token, err := n.setupToken(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		tellToken(&out, n.addrs.HTTP, token)
		if s := out.String(); !strings.HasSuffix(s, ": "+token+"\n") || !strings.Contains(s, "earlier ones no longer work") || !strings.Contains(s, "旧令牌失效") {
			t.Error(s)
		}
		tokens = append(tokens, token)
	}
	for i, want := range []bool{false, true} {
		body, err := json.Marshal(map[string]string{"token": tokens[i], "name": "示例运营商", "uscc": "91110000000000001A"})
		if err != nil {
			t.Fatal(err)
		}
		if status, b := n.fetch(http.MethodPost, "/v1/setup", body); (status < 300) != want {
			t.Errorf("token %d: %d %s", i+1, status, b)
		}
	}
}
