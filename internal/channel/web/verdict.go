package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zhunxin/zhunxin/internal/registry"
)

// notNow are the statuses of an account that may not ask now.
var notNow = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests}

// answerReader tells what an answer comes to.
type answerReader struct {
	accepted, id, code, overSpeed, refused *program
	readsJSON                              bool
}

func (r *answerReader) read(field string, d *registry.UpstreamAnswer, v *vocabulary) error {
	err := v.expressions(field, []wish{
		{&r.accepted, "accepted", d.Accepted, truths, true},
		{&r.id, "id", d.ID, words, true},
		{&r.code, "code", d.Code, words, false},
		{&r.overSpeed, "over_speed", d.OverSpeed, truths, false},
		{&r.refused, "refused", d.Refused, truths, false},
	})
	for _, p := range []*program{r.accepted, r.id, r.code, r.overSpeed, r.refused} {
		r.readsJSON = r.readsJSON || p != nil && p.uses["json"]
	}
	return err
}

// of reads an answer. What can't be computed is not true; only where the message was
// certainly not taken does that make it refused.
func (r *answerReader) of(s *scope, status int, retryAfter string) (Answer, error) {
	var a Answer
	if r.code != nil {
		code, _ := r.code.text(s, words, maxGiven) // an answer without a code has none
		a.Code = clipBytes(strings.Map(printable, code), maxID)
	}
	taken, unread := r.accepted.truth(s)
	if taken {
		id, err := r.id.name(s, maxID)
		if err == nil {
			a.Verdict, a.ID = Accepted, id
			return a, nil
		}
		return a, fmt.Errorf("the message was taken, by an id that can't be read: %w", err)
	}
	refused, err := r.refused.holds(s)
	if now, _ := r.overSpeed.holds(s); now || !refused && slices.Contains(notNow, status) {
		a.Verdict = NotNow
		if seconds, err := strconv.ParseUint(retryAfter, 10, 31); err == nil {
			a.Wait = min(time.Duration(seconds)*time.Second, longestWait)
		}
		return a, nil
	}
	if r.refused == nil {
		readable := s.vars["json"] != nil || !r.readsJSON
		says := status >= http.StatusBadRequest || s.vars["json"] != nil || a.Code != ""
		refused = status < http.StatusInternalServerError && status != http.StatusRequestTimeout && readable && says &&
			(unread == nil || status >= http.StatusBadRequest)
	}
	if refused {
		a.Verdict = Refused
		return a, nil
	}
	if err = cmp.Or(unread, err); err != nil {
		return a, fmt.Errorf("the answer (status %d) does not say whether the message was taken: %w", status, err)
	}
	return a, fmt.Errorf("the answer (status %d) says neither that the message was taken nor that it was refused", status)
}

// holds computes a condition that need not be there.
func (p *program) holds(s *scope) (bool, error) {
	if p == nil {
		return false, nil
	}
	return p.truth(s)
}
