package carrier

import (
	"fmt"
	"net/http"
)

// Limits are what an account may do at once.
type Limits struct {
	Sessions int `json:"sessions"` // connections, 0 is 1
	Window   int `json:"window"`   // unanswered submits of each, 0 is 16
	TPS      int `json:"tps"`      // segments a second over all of them, 0 is unlimited
}

// limits are those of now.
func (a *account) limits() Limits {
	a.mu.Lock()
	defer a.mu.Unlock()
	return Limits{a.Sessions, a.Window, a.TPS}
}

// SetLimits changes what an account may do, and closes its connections: as with a real carrier,
// the new limits hold from the next login on.
func (c *Carrier) SetLimits(login string, l Limits) error {
	a := c.accounts[login]
	if a == nil {
		return fmt.Errorf("carrier: no account %.20q", login)
	}
	a.mu.Lock()
	changed := a.Account
	changed.Sessions, changed.Window, changed.TPS = l.Sessions, l.Window, l.TPS
	err := changed.validate(c.cfg.protocol(), c.dialect)
	if err == nil {
		a.Sessions, a.Window, a.TPS = l.Sessions, l.Window, l.TPS
	}
	a.mu.Unlock()
	if err != nil {
		return fmt.Errorf("carrier: %w", err)
	}
	return c.Disconnect(login)
}

func (c *Carrier) getLimits(w http.ResponseWriter, r *http.Request) {
	a := c.accounts[r.PathValue("login")]
	if a == nil {
		c.refuse(w, http.StatusNotFound, fmt.Errorf("no account %.20q", r.PathValue("login")))
		return
	}
	c.reply(w, http.StatusOK, a.limits())
}

func (c *Carrier) patchLimits(w http.ResponseWriter, r *http.Request) {
	a := c.accounts[r.PathValue("login")]
	if a == nil {
		c.getLimits(w, r) // which says so
		return
	}
	l := a.limits()
	if !c.read(w, r, &l) {
		return
	}
	if err := c.SetLimits(a.Login, l); err != nil {
		c.refuse(w, http.StatusUnprocessableEntity, err)
		return
	}
	c.reply(w, http.StatusOK, l)
}
