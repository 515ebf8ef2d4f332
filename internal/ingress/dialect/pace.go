package dialect

import (
	"sync"

	"golang.org/x/time/rate"

	"github.com/zhunxin/zhunxin/internal/sms"
)

// pace is how often a key may ask for something, less often than for the rest.
type pace struct {
	what             string
	perSecond, burst int
}

// Pulling has Tencent Cloud's own limit. A look at statistics reads many messages.
var (
	pulling  = pace{"pull", 20, 20}
	counting = pace{"statistics", 5, 20}
)

type paceOf struct {
	key  sms.ID
	what string
}

// paces are the limits of each key, on this node.
type paces struct{ limits sync.Map } // paceOf → *rate.Limiter

// keep refuses a request that comes too soon.
func (p *paces) keep(key sms.ID, x pace) error {
	limit, _ := p.limits.LoadOrStore(paceOf{key, x.what}, rate.NewLimiter(rate.Limit(x.perSecond), x.burst))
	if !limit.(*rate.Limiter).Allow() {
		return sms.Errorf(sms.RateLimited, "Action", "the key may ask %d times a second for this", x.perSecond)
	}
	return nil
}
