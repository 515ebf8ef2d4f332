package spserver

import (
	"context"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
	"github.com/zhunxin/zhunxin/internal/vault"
	"github.com/zhunxin/zhunxin/protocol/session"
)

// SGIP's gateway connects to its customer to bring reports and replies. We do so when
// there are some, and leave when there are none. SGIP 1.2 §3.7.2.
const (
	callEvery  = time.Second
	callFailed = 10 * time.Second // until the next try at a customer that was not reached
)

// callBack connects to customers for whom something waits.
func (s *Server) callBack(ctx context.Context) {
	tick := time.NewTicker(callEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		snap, err := s.Gate.Snapshot(ctx)
		if err != nil {
			continue // the registry is read again the next time
		}
		for _, a := range snap.Logins(SGIP) {
			if a.State != registry.Active || a.BackAddress == "" {
				continue
			}
			s.mu.Lock()
			l := s.login(a.ID)
			s.mu.Unlock()
			if l.free(time.Now()) && s.waits(ctx, a.ID) {
				s.parts.Go(func() { s.callOut(ctx, a, l) })
			}
		}
	}
}

// waits tells whether there is anything to bring.
func (s *Server) waits(ctx context.Context, login sms.ID) bool {
	var list []sms.Event
	err := s.Store.Read(ctx, func(ctx context.Context, tx Tx) (err error) {
		list, err = tx.Untold(ctx, login, 0, 1)
		return err
	})
	return err == nil && len(list) > 0
}

// dialBack makes one connection and keeps it until it ends.
func (s *Server) dialBack(ctx context.Context, a *registry.SPAccount, l *login) error {
	secret, err := s.Keys.Open(vault.PurposeLogin, a.BackSecret)
	if err != nil {
		return err
	}
	h := &back{login: l}
	c, err := session.DialSGIPBack(ctx, session.ClientConfig{
		Address: a.BackAddress, Login: a.BackLogin, Secret: string(secret), Window: int(a.Window), Logger: s.Logger, Now: s.Now,
		SGIP: session.SGIPOptions{Node: s.GatewayID},
	}, h)
	if err != nil {
		return err
	}
	l.open(c)
	select {
	case <-c.Done():
	case <-ctx.Done():
		c.Close()
		<-c.Done()
	}
	l.close(c)
	return nil
}

// callOut makes one, unless another does.
func (s *Server) callOut(ctx context.Context, a *registry.SPAccount, l *login) {
	if !l.begin() {
		return
	}
	err := s.dialBack(ctx, a, l)
	if err != nil && ctx.Err() == nil {
		s.Logger.Warn("a customer's SGIP listener is not reached", "login", a.Login, "address", a.BackAddress, "err", err)
	}
	l.called(err != nil, time.Now())
}

// free tells whether a connection may be made: there is none, and the last try did not
// fail just now.
func (l *login) free(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return !l.calling && len(l.peers) == 0 && !now.Before(l.rest)
}

func (l *login) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.calling
	l.calling = true
	return !was
}

func (l *login) called(failed bool, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calling = false
	if failed {
		l.rest = now.Add(callFailed)
	}
}

// back is the handler of a connection that we bring something on.
type back struct{ login *login }

// OnReport implements session.ClientHandler; the engine lets nothing come here.
func (*back) OnReport(_ *session.Client, _ session.Report, ack func(bool)) { ack(false) }

// OnMO implements session.ClientHandler.
func (*back) OnMO(_ *session.Client, _ session.MO, ack func(bool)) { ack(false) }

// OnCredit implements session.ClientHandler.
func (b *back) OnCredit(*session.Client) { b.login.pump() }

// OnClose implements session.ClientHandler.
func (*back) OnClose(*session.Client, error) {}
