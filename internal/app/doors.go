package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/zhunxin/zhunxin/internal/config"
	"github.com/zhunxin/zhunxin/internal/ingress/listener"
)

// openSockets prepares how this node listens. A certificate that can't be used is told before
// anything starts.
func (p *Platform) openSockets() (err error) {
	p.sockets = listener.Config{Balancers: p.Config.Balancers(), Logger: p.Logger, Taken: p.taken}
	if len(p.Config.ListensTLS()) > 0 {
		// The node's own clock may be moved (demo), that of the files is not.
		p.sockets.Certificate, err = listener.OpenCertificate(p.Config.TLS.CertFile, p.Config.TLS.KeyFile, time.Now)
	}
	return err
}

// webSockets is how it listens for HTTP, before which other balancers may stand.
func webSockets(c config.Proxy, all listener.Config) listener.Config {
	if !c.HTTP {
		all.Balancers = nil
	}
	return all
}

// doors are the listeners of one service: plain, under TLS, both or none.
type doors struct{ plain, tls net.Listener }

// openDoors opens those for which there is an address. key is the setting of the plain one;
// that of the other ends in _tls.
func openDoors(ctx context.Context, by *listener.Config, what, key, plain, secret string) (d doors, err error) {
	if plain != "" {
		if d.plain, err = by.Open(ctx, plain); err != nil {
			return doors{}, fmt.Errorf("listen for %s: %w; stop what listens there, or change %s in the settings", what, err, key)
		}
	}
	if secret == "" {
		return d, nil
	}
	if d.tls, err = by.OpenTLS(ctx, secret); err != nil {
		err = fmt.Errorf("listen for %s under TLS: %w; see %s_tls in the settings", what, err, key)
		if d.plain != nil {
			err = errors.Join(err, d.plain.Close())
		}
		return doors{}, err
	}
	return d, nil
}

func (d doors) list() (lns []net.Listener) {
	for _, ln := range []net.Listener{d.plain, d.tls} {
		if ln != nil {
			lns = append(lns, ln)
		}
	}
	return lns
}

// addrs are where they listen, nil where they don't.
func (d doors) addrs() (plain, secret net.Addr) {
	if d.plain != nil {
		plain = d.plain.Addr()
	}
	if d.tls != nil {
		secret = d.tls.Addr()
	}
	return plain, secret
}

func alsoOn(s interface{ AlsoOn(ln net.Listener) error }, lns []net.Listener) error {
	for _, ln := range lns {
		if err := s.AlsoOn(ln); err != nil {
			return err
		}
	}
	return nil
}
