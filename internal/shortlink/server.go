package shortlink

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
)

// Store runs the package's transactions.
type Store interface {
	Write(ctx context.Context, fn func(context.Context, Tx) error) error
	Read(ctx context.Context, fn func(context.Context, Tx) error) error
}

// Server sends who follows a link to its page, and counts.
type Server struct {
	Store    Store
	Keys     *vault.Keys
	Snapshot func(ctx context.Context) (*registry.Snapshot, error)
	Now      func() time.Time
	Logger   *slog.Logger

	known atomic.Pointer[registry.Snapshot] // of a moment ago, so that other requests need not ask
	mu    sync.Mutex
	since map[sms.ID]*visits // not stored yet
}

type visits struct {
	views    int64
	visitors sketch
}

// Before serves the hosts of short links, and leaves all others to another handler.
func (s *Server) Before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if snap := s.known.Load(); snap != nil {
			if h := snap.LinkHost(hostname(r.Host)); h != nil {
				s.serve(w, r, snap, h)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

func hostname(host string) string {
	name, _, _ := strings.Cut(host, ":") // an IPv6 address is no host of links
	return strings.ToLower(strings.TrimSuffix(name, "."))
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, snap *registry.Snapshot, h *registry.LinkHost) {
	head := w.Header()
	head.Set("Cache-Control", "no-store")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("X-Content-Type-Options", "nosniff")
	path := strings.TrimPrefix(r.URL.Path, "/")
	if r.Method != http.MethodGet && r.Method != http.MethodHead || len(path) != codeLength {
		gone(w, http.StatusNotFound)
		return
	}
	var l Link
	var found bool
	err := s.Store.Read(r.Context(), func(ctx context.Context, tx Tx) (err error) {
		l, found, err = tx.ShortLink(ctx, h.Host, path)
		return err
	})
	switch party := snap.Party[h.PartyID]; {
	case err != nil:
		s.Logger.Error("read a short link", "err", err)
		gone(w, http.StatusServiceUnavailable)
	case !found:
		gone(w, http.StatusNotFound)
	case !l.Live(s.Now().UnixMilli()) || h.State != registry.Active || party == nil || party.State != registry.Active:
		gone(w, http.StatusGone)
	default:
		s.count(r, l.ID)
		head.Set("Location", l.Target)
		w.WriteHeader(http.StatusFound)
	}
}

var pages = map[int][2]string{
	http.StatusNotFound:           {"没有这个链接", "There is no such link"},
	http.StatusGone:               {"链接已失效", "This link has ended"},
	http.StatusServiceUnavailable: {"暂时无法打开，请稍后再试", "It can't be opened now: try again later"},
}

func gone(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, "%s\n%s\n", pages[status][0], pages[status][1])
}

// robot is how programs call themselves that look at links before people do.
var robot = regexp.MustCompile(`(?i)bot|spider|crawl|slurp|preview|monitor|scan|curl|wget|python|java/|go-http`)

// count counts a visit, unless a program makes it that says it is one.
func (s *Server) count(r *http.Request, id sms.ID) {
	agent := r.UserAgent()
	if r.Method != http.MethodGet || agent == "" || robot.MatchString(agent) {
		return
	}
	address := r.RemoteAddr
	if a, err := netip.ParseAddrPort(address); err == nil {
		address = a.Addr().Unmap().String()
	}
	hash := s.Keys.VisitorHash(id.String() + "\x00" + address + "\x00" + agent)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[sms.ID]*visits{}
	}
	v := s.since[id]
	if v == nil {
		v = &visits{}
		s.since[id] = v
	}
	v.views++
	v.visitors.add(hash)
}

// every is how long a visit may be counted in memory only, and a change of a host unknown.
const every = 2 * time.Second

// Run learns of hosts and stores what was counted, until it is stopped, and once more then.
func (s *Server) Run(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		s.learn(ctx)
		select {
		case <-ctx.Done():
			s.flush(context.WithoutCancel(ctx))
			return
		case <-tick.C:
			s.flush(ctx)
		}
	}
}

// learn looks which hosts there are.
func (s *Server) learn(ctx context.Context) {
	snap, err := s.Snapshot(ctx)
	switch {
	case err == nil:
		s.known.Store(snap)
	case ctx.Err() == nil:
		s.Logger.Error("read the hosts of short links", "err", err)
	}
}

// most is how many links' counts one transaction stores.
const most = 100

func (s *Server) flush(ctx context.Context) {
	s.mu.Lock()
	taken := s.since
	s.since = nil
	s.mu.Unlock()
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(taken)), most) { // rows are locked in this order
		err := s.Store.Write(ctx, func(ctx context.Context, tx Tx) error {
			for _, id := range ids {
				if err := tx.Visit(ctx, id, taken[id].views, taken[id].visitors.merge); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			s.Logger.Error("count visits of short links", "links", len(ids), "err", err)
			s.back(taken, ids)
		}
	}
}

// back counts again in memory what could not be stored.
func (s *Server) back(taken map[sms.ID]*visits, ids []sms.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since == nil {
		s.since = map[sms.ID]*visits{}
	}
	for _, id := range ids {
		v := taken[id]
		if newer := s.since[id]; newer != nil {
			v.views += newer.views
			v.visitors = newer.visitors.merge(v.visitors)
		}
		s.since[id] = v
	}
}
