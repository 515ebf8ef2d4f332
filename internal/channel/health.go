package channel

import (
	"github.com/zhunxin/zhunxin/internal/dispatch"
)

// Health is what the channel's breaker says, as operators see it.
type Health struct {
	Breaker dispatch.BreakerState `json:"breaker" enum:"closed,open,half_open" doc:"closed: used; open: taken out; half_open: a few messages try it 熔断"`
	Cause   dispatch.Cause        `json:"breaker_cause,omitempty" enum:"down,throttled,reports" doc:"why it was last taken out"`
	Since   int64                 `json:"breaker_since,omitempty" doc:"when it came to this, epoch milliseconds"`
	Until   int64                 `json:"breaker_until,omitempty" doc:"when an open breaker is tried at the earliest, epoch milliseconds"`
}

// HealthOf shows what dispatch knows of a channel.
func HealthOf(v dispatch.ChannelHealth) Health {
	h := Health{Breaker: v.State, Cause: v.Cause}
	if !v.Since.IsZero() {
		h.Since = v.Since.UnixMilli()
	}
	if v.State == dispatch.Open {
		h.Until = v.Since.Add(v.CoolDown).UnixMilli()
	}
	return h
}

var _ dispatch.Line = (*Channel)(nil)
