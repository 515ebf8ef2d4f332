package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/zhunxin/zhunxin/internal/lab/carrier"
	"github.com/zhunxin/zhunxin/internal/registry"
	"github.com/zhunxin/zhunxin/internal/sms"
)

// The demo's four carriers, each a simulator on a port of its own.
var demoCarriers = []struct {
	carrier  sms.Carrier
	sim      carrier.Protocol
	protocol string
	zh       string
}{
	{sms.Mobile, carrier.CMPP, "cmpp30", "中国移动"},
	{sms.Unicom, carrier.SGIP, "sgip12", "中国联通"},
	{sms.Telecom, carrier.SMGP, "smgp30", "中国电信"},
	{sms.International, carrier.SMPP, "smpp34", "国际"},
}

// How the simulated SGIP gateway and the demo know each other.
const (
	demoNode       = 3028099999 // a service provider's node: area 028, enterprise 99999
	demoCorp       = "99999"
	demoBackLogin  = "unicom"
	demoBackSecret = "777777"
)

// sims are running simulators by the carrier that they play.
type sims map[sms.Carrier]*carrier.Carrier

// stop ends them.
func (s sims) stop(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownPatience)
	defer cancel()
	for _, c := range s {
		err = errors.Join(err, c.Stop(ctx))
	}
	return err
}

// startSims starts the four carriers on their listeners. back is where the SGIP gateway
// finds the demo.
func startSims(ctx context.Context, lns []net.Listener, back string, now func() time.Time, logger *slog.Logger) (s sims, err error) {
	s = sims{}
	for i, d := range demoCarriers {
		c, err := startSim(ctx, d.sim, lns[i], back, now, logger)
		if err != nil {
			return nil, errors.Join(err, s.stop(ctx))
		}
		s[d.carrier] = c
	}
	return s, nil
}

// portAfter is an address n ports further.
func portAfter(at string, n int) (string, error) {
	if at == "" {
		return "127.0.0.1:0", nil
	}
	addr, err := net.ResolveTCPAddr("tcp", at)
	if err != nil {
		return "", fmt.Errorf("--sim: the simulated carriers' address: %w; write host:port", err)
	}
	if addr.Port != 0 {
		addr.Port += n
	}
	return addr.String(), nil
}

func startSim(ctx context.Context, protocol carrier.Protocol, ln net.Listener, back string, now func() time.Time, logger *slog.Logger) (*carrier.Carrier, error) {
	account := carrier.Account{Login: simLogin, Secret: simSecret, Sessions: 64, Window: 4096, Codes: []string{storyCode}}
	if protocol == carrier.SGIP {
		account.Callback, account.CallbackLogin, account.CallbackSecret = back, demoBackLogin, demoBackSecret
	}
	return carrier.Start(context.WithoutCancel(ctx), ln, carrier.Config{
		Protocol: protocol, Accounts: []carrier.Account{account},
		Behaviour: carrier.Behaviour{Latency: carrier.Latency{Fixed: carrier.Duration(20 * time.Millisecond)}, ReportDelay: carrier.Range{Min: carrier.Duration(100 * time.Millisecond), Max: carrier.Duration(300 * time.Millisecond)}},
	}, logger, now, nil)
}

// upstreams are the channels to the simulators.
func (s sims) upstreams() (list []upstream) {
	for _, d := range demoCarriers {
		u := upstream{Carrier: d.carrier, Protocol: d.protocol, Address: s[d.carrier].Addr().String()}
		if d.sim == carrier.SGIP {
			u.Options = registry.ChannelOptions{Node: demoNode, CorpID: demoCorp, BackLogin: demoBackLogin}
			u.BackSecret = demoBackSecret
		}
		if d.carrier == sms.International {
			u.Options.Peer = registry.PeerMainland // the simulator runs on this machine
		}
		list = append(list, u)
	}
	return list
}
