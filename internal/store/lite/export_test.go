package lite

import (
	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	realSync flagsFunc
	onSync   func()
)

// WatchLogSyncs calls f after every sync of a log, until stop is called. Nothing else may
// use SQLite meanwhile, and a log must have been opened before.
func WatchLogSyncs(f func()) (stop func()) {
	m := as[sqlite3.Tsqlite3_io_methods](logs.under)
	before := m.FxSync
	realSync, onSync = behind[flagsFunc](before), f
	m.FxSync = pointerTo(flagsFunc(watchedSync))
	return func() { m.FxSync = before }
}

func watchedSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	rc := realSync(tls, file, flags)
	onSync()
	return rc
}
