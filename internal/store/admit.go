package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Settings that tie a database to the key file whose index key makes its ids.
const (
	SettingIndex   = "vault.index"   // fingerprint of the newest index key
	SettingReindex = "vault.reindex" // how far a change of it has come, "" when none is under way
)

// nodeLock is held by every connection to a PostgreSQL database: shared by those of
// nodes, alone by that of a process that replaces ids. A connection that was lost has no
// lock, but then no transaction either, and the next one is admitted anew.
const nodeLock = postgresMigrationLock + 2

// admitWithin is how long a connection waits for those that keep it out to be gone.
const admitWithin = 2 * time.Second

// Errors of connections that are not admitted.
var (
	ErrNotAlone = errors.New("other nodes use the database: stop them first")
	errReindex  = errors.New("the index key of this database is being changed: run zhunxin vault reindex again if that was stopped")
	errIndex    = errors.New("the index key of this database was changed: copy the new key file to this node and restart it")
)

// RequireIndex refuses connections from now on once the database's ids are made by
// another index key than the one with this fingerprint: a node that slept through the
// change would look for refusals under ids that are no more.
func (d *DB) RequireIndex(fingerprint string) { d.index.Store(&fingerprint) }

func (d *DB) admit(ctx context.Context, c *pgx.Conn) error {
	lock, refused := "SELECT pg_try_advisory_lock_shared($1)", errReindex
	if d.alone {
		lock, refused = "SELECT pg_try_advisory_lock($1)", ErrNotAlone
	}
	for asked := time.Now(); ; {
		var ok bool
		if err := c.QueryRow(ctx, lock, int64(nodeLock)).Scan(&ok); err != nil {
			return fmt.Errorf("join the database's nodes: %w", err)
		}
		if ok {
			break
		}
		if time.Since(asked) > admitWithin {
			return refused
		}
		select { // the server may not have noticed yet that the others are gone
		case <-time.After(admitWithin / 20):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	want := d.index.Load()
	if want == nil {
		return nil
	}
	var index, under string
	err := c.QueryRow(ctx, "SELECT COALESCE(max(value) FILTER (WHERE name = $1), ''), COALESCE(max(value) FILTER (WHERE name = $2), '') FROM setting WHERE name IN ($1, $2)",
		SettingIndex, SettingReindex).Scan(&index, &under)
	switch {
	case err != nil:
		return fmt.Errorf("read which index key the database has: %w", err)
	case under != "":
		return errReindex
	case index != *want:
		return errIndex
	}
	return nil
}
