package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/evidence/checkpoint"
	"github.com/zhunxin/zhunxin/internal/admission"
	"github.com/zhunxin/zhunxin/internal/channel"
	"github.com/zhunxin/zhunxin/internal/ingress/dialect"
	"github.com/zhunxin/zhunxin/internal/ingress/httpapi"
	"github.com/zhunxin/zhunxin/internal/ingress/listener"
	"github.com/zhunxin/zhunxin/internal/shortlink"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/store"
)

// apiStore is the store as the HTTP API sees it.
type apiStore struct{ db *store.DB }

func (s apiStore) Write(ctx context.Context, fn func(context.Context, httpapi.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s apiStore) WriteFirst(ctx context.Context, fn func(context.Context, httpapi.Tx) error) error {
	return s.db.Write(ctx, store.TurnOptOut, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s apiStore) Read(ctx context.Context, fn func(context.Context, httpapi.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// cloudStore is the store as the dialects of the clouds see it.
type cloudStore struct{ db *store.DB }

func (s cloudStore) Write(ctx context.Context, fn func(context.Context, dialect.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s cloudStore) WriteFirst(ctx context.Context, fn func(context.Context, dialect.Tx) error) error {
	return s.db.Write(ctx, store.TurnOptOut, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s cloudStore) Read(ctx context.Context, fn func(context.Context, dialect.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// linkStore is the store as short links see it.
type linkStore struct{ db *store.DB }

func (s linkStore) Write(ctx context.Context, fn func(context.Context, shortlink.Tx) error) error {
	return s.db.Write(ctx, store.TurnBackground, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

func (s linkStore) Read(ctx context.Context, fn func(context.Context, shortlink.Tx) error) error {
	return s.db.Read(ctx, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// web serves HTTP: the API, the evidence log and the state of the node.
func (p *Platform) web(ctx context.Context, a *Addresses) error {
	obligations, err := assessing()
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	guard := &admission.Guard{Now: p.Now, Rate: p.Config.HTTP.Rate}
	clouds := dialect.New(dialect.Config{
		Gate: p.Gate, Guard: guard, Store: cloudStore{p.DB}, Keys: p.Keys, IDs: p.IDs, Codes: p.Codes, Now: p.Now, Clock: time.Now, MaxBody: p.Config.HTTP.MaxBody, ScanTimeout: p.Config.HTTP.ScanTimeout, Settle: p.settle(), Logger: p.Logger, PrivateWebhooks: p.Config.Webhook.Private,
	})
	httpapi.New(httpapi.Config{
		Failed: clouds.Failed, PrivateWebhooks: p.Config.Webhook.Private,
		Lists: p.Lists, Campaigns: p.Campaign, Codes: p.Codes, Assess: obligations, ReportTimeout: p.reportTimeout, Usual: p.delays.Usual,
		Gate: p.Gate, Packs: p.Packs, Store: apiStore{p.DB}, Keys: p.Keys, IDs: p.IDs, Now: p.Now, Pack: p.Pack, PackOf: p.PackOf, CaseFile: p.CaseFile,
		Wait: p.events.next, Settle: p.settle(),
		Channels: p.channelStates, SelfTest: p.Channels.SelfTest, Filed: p.Channels.Filed, MaxBody: p.Config.HTTP.MaxBody, ScanTimeout: p.Config.HTTP.ScanTimeout, Guard: guard, Retention: p.Config.Keep, Logger: p.Logger,
		End: func(ctx context.Context, m *sms.Message, to sms.State, by sms.Actor) error {
			return p.end(ctx, []*sms.Message{m}, to, by, "")
		},
		Approve: func(ctx context.Context, m *sms.Message) error {
			_, err := p.Gate.Redecide(ctx, []*sms.Message{m}, true)
			return err
		},
	}, mux)
	mux.Handle("/{$}", clouds)
	twilio := &dialect.Twilio{Server: clouds, End: func(ctx context.Context, m *sms.Message) error {
		return p.end(ctx, []*sms.Message{m}, sms.Cancelled, sms.ActorCustomer, "")
	}}
	mux.Handle(dialect.TwilioMessages, twilio)
	mux.Handle(dialect.TwilioConsents, twilio)
	p.pages(mux)
	mux.Handle(channel.CallbackPattern, p.Channels)
	mux.HandleFunc("GET /evidence/key", p.serveKey)
	mux.HandleFunc("GET /evidence/checkpoint", p.serveCheckpoint)
	mux.HandleFunc("GET /evidence/tile/", p.serveTile)
	mux.HandleFunc("POST /evidence/cosignatures", p.takeCosignature)
	mux.Handle("/evidence/", httpapi.Elsewhere(mux))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", p.serveReady)
	by := webSockets(p.Config.Proxy, p.sockets)
	d, err := openDoors(ctx, &by, "HTTP", "http.listen", p.Config.HTTP.Listen, p.Config.HTTP.ListenTLS)
	if err != nil {
		return err
	}
	a.HTTP, a.HTTPS = d.addrs()
	if p.Config.HTTP.Metrics == "" {
		mux.Handle("GET /metrics", p.metrics())
	}
	links := &shortlink.Server{Store: linkStore{p.DB}, Keys: p.Keys, Snapshot: p.Gate.Snapshot, Now: p.Now, Logger: p.Logger}
	p.spawn(links.Run)
	p.serveHTTP(links.Before(mux), d)
	if p.Config.HTTP.Metrics == "" {
		return nil
	}
	// Whoever watches the node does so without a balancer.
	if d, err = openDoors(ctx, &listener.Config{}, "/metrics", "http.metrics", p.Config.HTTP.Metrics, ""); err != nil {
		return err
	}
	side := http.NewServeMux()
	side.Handle("GET /metrics", p.metrics())
	p.serveHTTP(side, d)
	return nil
}

// serveHTTP answers until the platform stops.
func (p *Platform) serveHTTP(h http.Handler, d doors) {
	s := &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(p.Logger.Handler(), slog.LevelInfo), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: p.Config.HTTP.ReadTimeout, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 32 << 10,
	}
	for _, ln := range d.list() {
		go func() {
			if err := s.Serve(ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
				p.Logger.Error("HTTP stopped", "err", err)
			}
		}()
	}
	p.stops = append(p.stops, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			return errors.Join(err, s.Close())
		}
		return nil
	})
}

// Pack writes a message's evidence. What was written a moment ago gets its place
// first.
func (p *Platform) Pack(ctx context.Context, message sms.ID, seen string) (out []byte, err error) {
	if err := p.Evidence.Sequence(ctx); err != nil {
		return nil, err
	}
	log, _ := p.Evidence.Log()
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		out, err = log.Pack(ctx, tx, p.Keys, message, seen)
		return err
	})
	return out, err
}

func (p *Platform) serveKey(w http.ResponseWriter, _ *http.Request) {
	_, vkey := p.Evidence.Log()
	fmt.Fprintln(w, vkey)
}

func (p *Platform) serveCheckpoint(w http.ResponseWriter, r *http.Request) {
	signed, err := p.Checkpoint(r.Context())
	if err != nil {
		p.fail(w, err)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	fmt.Fprint(w, signed)
}

// Checkpoint is the newest signed tree head, "" when nothing was signed yet.
func (p *Platform) Checkpoint(ctx context.Context) (signed string, err error) {
	log, _ := p.Evidence.Log()
	err = p.DB.Read(ctx, func(ctx context.Context, tx *store.Tx) error {
		_, signed, _, err = log.Head(ctx, tx)
		return err
	})
	return signed, err
}

// serveTile serves the tree as C2SP tlog-tiles has it: tile/<level>/<number>[.p/<width>]
// and tile/entries/<number>.
func (p *Platform) serveTile(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, "/evidence/tile/")
	log, _ := p.Evidence.Log()
	var data []byte
	found := false
	err := p.DB.Read(r.Context(), func(ctx context.Context, tx *store.Tx) (err error) {
		if rest, ok := strings.CutPrefix(path, "entries/"); ok {
			data, found, err = p.entries(ctx, tx, log.Origin, rest)
			return err
		}
		data, found, err = tx.Tile(ctx, log.Origin, "tile/8/"+path)
		return err
	})
	switch {
	case err != nil:
		p.fail(w, err)
		return
	case !found || len(path) > 200:
		p.refuse(w, sms.Errorf(sms.NotFound, "path", "there is no such tile yet; they are named like tile/0/000, tile/0/000.p/7 and tile/entries/000").Chinese("尚无此瓦片，名称形如 tile/0/000、tile/0/000.p/7、tile/entries/000"))
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	if _, err := w.Write(data); err != nil {
		p.Logger.Debug("write a tile", "err", err)
	}
}

// entries is the bundle of the leaves under a tile of level 0: each with its
// length in two bytes in front.
func (p *Platform) entries(ctx context.Context, tx *store.Tx, origin, path string) ([]byte, bool, error) {
	name, width, partial := strings.Cut(path, ".p/")
	n, ok := tileNumber(name)
	want := int64(256)
	if partial {
		v, err := strconv.ParseInt(width, 10, 64)
		if err != nil || v < 1 || v > 255 {
			return nil, false, nil
		}
		want = v
	}
	if !ok {
		return nil, false, nil
	}
	leaves, err := tx.LeavesFrom(ctx, origin, n*256, want)
	if err != nil || int64(len(leaves)) < want {
		return nil, false, err
	}
	var out []byte
	for _, l := range leaves {
		out = append(out, byte(len(l)>>8), byte(len(l)))
		out = append(out, l...)
	}
	return out, true, nil
}

// tileNumber reads x001/x234/067.
func tileNumber(s string) (n int64, ok bool) {
	parts := strings.Split(s, "/")
	if len(parts) > 5 {
		return 0, false
	}
	for i, part := range parts {
		if i < len(parts)-1 {
			part, ok = strings.CutPrefix(part, "x")
			if !ok {
				return 0, false
			}
		}
		v, err := strconv.ParseUint(part, 10, 16)
		if err != nil || len(part) != 3 {
			return 0, false
		}
		n = n*1000 + int64(v)
	}
	return n, true
}

// takeCosignature stores a witness's signature under one of our checkpoints, after
// checking it against the keys in the settings.
func (p *Platform) takeCosignature(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, checkpoint.MaxBytes))
	if err != nil {
		p.refuse(w, sms.Errorf(sms.BodyTooLarge, "body", "a cosigned checkpoint has at most %d bytes", checkpoint.MaxBytes).Chinese("检查点至多 %d 字节", checkpoint.MaxBytes))
		return
	}
	if err := p.cosigned(r.Context(), string(body)); err != nil {
		p.fail(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (p *Platform) cosigned(ctx context.Context, signed string) error {
	log, _ := p.Evidence.Log()
	c, err := checkpoint.Open(signed, log.Origin, log.Verifier)
	if err != nil {
		return sms.Errorf(sms.BadRequest, "body", "send a checkpoint of this log with its signature: %s", err).Chinese("请提交本日志的检查点及其签名（%s）", err)
	}
	for _, key := range p.Config.Evidence.Witnesses {
		v, err := checkpoint.NewWitnessVerifier(key)
		if err != nil {
			return err
		}
		if _, err := checkpoint.CosignedAt(signed, v); err != nil {
			continue
		}
		prefix := "— " + v.Name() + " "
		for _, line := range strings.SplitAfter(signed, "\n") {
			if !strings.HasPrefix(line, prefix) {
				continue
			}
			return p.DB.Write(ctx, store.TurnSequencer, func(ctx context.Context, tx *store.Tx) error {
				return tx.PutCosignature(ctx, log.Origin, c.Tree.N, v.Name(), line, p.Now().UnixMilli())
			})
		}
	}
	return sms.Errorf(sms.BadRequest, "body", "no witness of the settings (evidence.witnesses) has signed it").Chinese("没有配置（evidence.witnesses）中任何见证人的签名")
}

// serveReady tells whether messages can be accepted and leave.
func (p *Platform) serveReady(w http.ResponseWriter, r *http.Request) {
	snap, _, err := p.Gate.InForce(r.Context())
	failed := p.DB.Failed()
	switch {
	case failed != nil:
		http.Error(w, failed.Error(), http.StatusServiceUnavailable)
	case snap == nil:
		p.fail(w, err)
	case err != nil:
		http.Error(w, "this node can't load the rule packs in force and decides nothing; see /v1/admin/rulebook", http.StatusServiceUnavailable)
	default:
		fmt.Fprintln(w, "ready")
	}
}

func (p *Platform) fail(w http.ResponseWriter, err error) {
	var known *sms.Error
	if errors.As(err, &known) && sms.Lookup(known.Code).HTTP < http.StatusInternalServerError {
		p.refuse(w, known)
		return
	}
	p.Logger.Error("request failed", "err", err)
	p.refuse(w, &sms.Error{Code: sms.StoreUnavailable})
}

func (p *Platform) refuse(w http.ResponseWriter, e *sms.Error) {
	if err := httpapi.Write(w, e); err != nil {
		p.Logger.Debug("write the problem", "err", err)
	}
}
