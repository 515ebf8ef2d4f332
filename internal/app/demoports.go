package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/zhunxin/zhunxin/internal/config"
)

// ports are what the demo listens on. It takes all of them before it writes anything, so
// that one in use is told at once and leaves no half-made folder.
type ports struct {
	sims []net.Listener          // in the order of demoCarriers
	own  map[string]net.Listener // by the address that the settings then name
}

// close lets go of those that nobody serves. A listener that was closed already says so,
// which is no news.
func (p *ports) close() {
	for _, ln := range p.sims {
		_ = ln.Close()
	}
	for _, ln := range p.own {
		_ = ln.Close()
	}
}

// takePorts listens on every address and writes those that were found into the settings.
func (d *Demo) takePorts(ctx context.Context, cfg *config.Config) (p *ports, err error) {
	p = &ports{own: map[string]net.Listener{}}
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	for _, x := range []struct {
		at         *string
		what, flag string
	}{
		{&cfg.HTTP.Listen, "the API", "--http"},
		{&cfg.CMPP.Listen, "customers' CMPP", "--cmpp"},
		{&cfg.SGIP.Listen, "customers' SGIP", "--sgip"},
		{&cfg.SMGP.Listen, "customers' SMGP", "--smgp"},
		{&cfg.SMPP.Listen, "customers' SMPP", "--smpp"},
		{&cfg.SGIP.Carriers, "the simulated SGIP gateway's reports", "--back"},
	} {
		if *x.at == "" {
			if x.flag == "--http" || x.flag == "--back" {
				return p, fmt.Errorf("the story needs an address for %s: name one with %s host:port (演示需要此地址)", x.what, x.flag)
			}
			continue
		}
		ln, err := take(ctx, *x.at, x.what, x.flag)
		if err != nil {
			return p, err
		}
		*x.at = ln.Addr().String()
		p.own[*x.at] = ln
	}
	for i, c := range demoCarriers {
		at, err := portAfter(d.Sim, i)
		if err != nil {
			return p, err
		}
		ln, err := take(ctx, at, "the simulated carrier "+c.zh, "--sim (it takes four ports in a row)")
		if err != nil {
			return p, err
		}
		p.sims = append(p.sims, ln)
	}
	return p, nil
}

// take listens, or says which flag names another address.
func take(ctx context.Context, at, what, flag string) (net.Listener, error) {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s (for %s) is in use: stop what listens there, or name another address with %s (端口已被占用，请换地址)", at, what, flag)
	case err != nil:
		return nil, fmt.Errorf("%s can't be listened on for %s: %w; name another address with %s (无法监听，请换地址)", at, what, err, flag)
	}
	return ln, nil
}
