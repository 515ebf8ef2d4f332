package channel

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/zhunxin/zhunxin/protocol/session"
)

const sgip12 = "sgip12"

// dials are the protocols of channels.
var dials = map[string]struct {
	version session.Version
	dial    func(context.Context, session.ClientConfig, session.ClientHandler) (*session.Client, error)
}{
	"cmpp20": {session.CMPP20, session.DialCMPP},
	"cmpp30": {session.CMPP30, session.DialCMPP},
	sgip12:   {0, session.DialSGIP},
	"smgp13": {session.SMGP13, session.DialSMGP},
	"smgp30": {session.SMGP30, session.DialSMGP},
	"smpp34": {session.SMPP34, session.DialSMPP},
}

// The words of registry.ChannelOptions; what is not named is the usual.
var (
	smgpModes = map[string]session.SMGPMode{"send": session.SMGPSend, "receive": session.SMGPReceive}
	smppBinds = map[string]session.SMPPBind{"send": session.SMPPTransmitter, "receive": session.SMPPReceiver}
	smppIDs   = map[string]session.SMPPIDs{"hex-decimal": session.SMPPHexThenID, "decimal-hex": session.SMPPIDThenHex}
)

// session is how one of the channel's sessions is made.
func (c *sessions) session() session.ClientConfig {
	o := &c.def.Options
	cfg := session.ClientConfig{
		Address: c.def.Address, Login: c.def.Login, Secret: c.secret, ServiceID: c.def.ServiceID, Version: dials[c.def.Protocol].version,
		Window: c.window(), Pacer: c.pacer, Logger: c.cfg.Logger, Now: c.cfg.Now, ResponseTimeout: c.cfg.ResponseTimeout,
		RetryStatus: o.RetryStatus,
		SGIP:        session.SGIPOptions{Node: o.Node, CorpID: o.CorpID},
		SMGP:        session.SMGPOptions{Mode: smgpModes[o.Mode], MsgSrc: o.MsgSrc, MServiceID: o.MServiceID},
		SMPP:        session.SMPPOptions{Bind: smppBinds[o.Mode], SystemType: o.SystemType, IDs: smppIDs[o.IDs], SAR: o.SAR},
	}
	if o.TLS {
		cfg.Dial = (&tls.Dialer{Config: &tls.Config{MinVersion: tls.VersionTLS12}}).DialContext
	}
	return cfg
}

// window is how many PDUs of a session may be unanswered.
func (c *Channel) window() int {
	if c.def.Protocol == sgip12 {
		return min(int(c.def.Window), sgipWindow)
	}
	return int(c.def.Window)
}

// sgipWindow is the most that SGIP 1.2 lets be open.
const sgipWindow = 32

// rest waits until a message needs the session that ended quietly. True means that one
// does: awake must follow once it was dialled.
func (c *sessions) rest(ctx context.Context) bool {
	c.mu.Lock()
	c.resting++
	c.mu.Unlock()
	c.cfg.OnCredit()
	for {
		select {
		case <-c.need:
		case <-ctx.Done():
		}
		c.mu.Lock()
		needed := len(c.waiting) > 0 // else another session took what called
		if needed || ctx.Err() != nil {
			c.resting--
			if needed {
				c.waking++
			}
			c.mu.Unlock()
			return needed
		}
		c.mu.Unlock()
	}
}

// awake tells that the dialling of a session that rested has ended.
func (c *sessions) awake() {
	c.mu.Lock()
	c.waking--
	c.mu.Unlock()
}

// forsake gives back what waits for a session that can't be had.
func (c *sessions) forsake(why error) {
	c.mu.Lock()
	waiting := c.waiting
	c.waiting = nil
	c.mu.Unlock()
	for _, w := range waiting {
		w.done(session.Outcome{Kind: session.NotWritten, Err: why, At: c.cfg.now()})
	}
}

// now is the channels' clock.
func (c *Config) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}
