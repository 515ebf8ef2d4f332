package store

import (
	"context"

	"github.com/zhunxin/zhunxin/internal/incident"
	"github.com/zhunxin/zhunxin/internal/sms"
)

var tIncident = tableOf("incident", 1, incident.Incident{})

// PutIncident stores an incident, new or changed.
func (t *Tx) PutIncident(ctx context.Context, i incident.Incident) error {
	return tIncident.put(ctx, t, i)
}

// Incident reads one; none has the id 0.
func (t *Tx) Incident(ctx context.Context, id sms.ID, lock bool) (incident.Incident, error) {
	var out []incident.Incident
	if err := tIncident.some(ctx, t, &out, "WHERE id = ?"+t.locking(lock), int64(id)); err != nil || len(out) == 0 {
		return incident.Incident{}, err
	}
	return out[0], nil
}

// Incidents lists them, newest first.
func (t *Tx) Incidents(ctx context.Context, before sms.ID, limit int) (out []incident.Incident, err error) {
	return out, tIncident.some(ctx, t, &out, "WHERE id < ? ORDER BY id DESC LIMIT ?", int64(before), int64(limit))
}
