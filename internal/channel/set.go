package channel

import (
	"bytes"
	"reflect"
	"sync"

	"github.com/zhunxin/zhunxin/internal/dispatch"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// Set is the channels of one node. It follows the registry.
type Set struct {
	cfg Config
	use func([]dispatch.Line)

	mu   sync.Mutex
	list map[sms.ID]*Channel

	calls   sync.Mutex // beside mu, which is held while channels end
	callees map[sms.ID]*callee
}

// NewSet makes an empty set; use is told each time which lines there are.
func NewSet(cfg Config, use func([]dispatch.Line)) *Set {
	cfg.backs = &backs{}
	return &Set{cfg: cfg, use: use, list: map[sms.ID]*Channel{}}
}

// same tells whether a change of definition leaves the sessions as they are.
func same(a, b *registry.Channel) bool {
	x, y := a.Options, b.Options
	x.Codes, y.Codes = nil, nil // they only say what is shown
	x.Cloud, y.Cloud = unfiled(x.Cloud), unfiled(y.Cloud)
	return a.Address == b.Address && a.Login == b.Login && bytes.Equal(a.Secret, b.Secret) && a.Protocol == b.Protocol &&
		a.ServiceID == b.ServiceID && a.Sessions == b.Sessions && a.Window == b.Window && a.TPS == b.TPS &&
		bytes.Equal(a.BackSecret, b.BackSecret) && reflect.DeepEqual(x, y)
}

// unfiled leaves out the templates, of which decisions are made and no connection.
func unfiled(c *registry.CloudUpstream) *registry.CloudUpstream {
	if c == nil {
		return nil
	}
	x := *c
	x.Templates = nil
	return &x
}

// codeOf is the digits of a channel's access code.
func codeOf(snap *registry.Snapshot, def *registry.Channel) string {
	if x := snap.AccessCode[def.AccessCodeID]; x != nil {
		return x.Code
	}
	return ""
}

// Sync starts the channels that are active, and ends those that are not any more
// or have changed.
func (s *Set) Sync(snap *registry.Snapshot) {
	s.listen(snap)
	s.mu.Lock()
	defer s.mu.Unlock()
	var ending sync.WaitGroup
	for id, c := range s.list {
		if def := snap.Channel[id]; def == nil || def.State != registry.Active || !same(def, &c.def) || codeOf(snap, def) != c.code {
			delete(s.list, id)
			ending.Go(c.close)
		}
	}
	ending.Wait()
	for _, def := range snap.Channels {
		if def.State != registry.Active || s.list[def.ID] != nil {
			continue
		}
		c, err := start(s.cfg, *def, codeOf(snap, def), s.callee(def.ID))
		if err != nil {
			s.cfg.Logger.Error("a channel can't start", "channel", def.ID, "name", def.Name, "err", err)
			continue
		}
		s.list[def.ID] = c
	}
	lines := make([]dispatch.Line, 0, len(s.list))
	for _, c := range s.list {
		lines = append(lines, c)
	}
	s.use(lines)
}

// Close ends every channel in order: open submits are answered or in doubt when
// it returns.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ending sync.WaitGroup
	for _, c := range s.list {
		ending.Go(c.close)
	}
	ending.Wait()
	s.list = map[sms.ID]*Channel{}
}

// Rest ends every channel until the next Sync, so that other nodes take them.
func (s *Set) Rest() {
	s.Close()
	s.use(nil)
}

// States lists the channels as operators see them.
func (s *Set) States() []State {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]State, 0, len(s.list))
	for _, c := range s.list {
		out = append(out, c.State())
	}
	return out
}
