package lite

import (
	"encoding/binary"
	"sync"
	"unsafe"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	sqlite3 "modernc.org/sqlite/lib"
)

// SQLite writes each page of a transaction to its log by two calls to the system, the page
// and before it 24 bytes. Files opened by the file system below gather what follows one
// another in the log, up to the end of the transaction. Nothing else differs: before a log
// is read, measured, cut, synced or closed, and after a transaction's last page, everything
// gathered has been written.

const (
	logName  = "zhunxin"
	logMost  = 0x1ffff // bytes gathered at the most: so many SQLite writes at once on Unix
	logFrame = 24      // bytes before a page. SQLite's file format, §4.1
)

// logFile is what is gathered for one open log.
type logFile struct {
	under *sqlite3.Tsqlite3_io_methods // of SQLite's own file system
	buf   uintptr                      // C memory of logMost bytes
	n     int                          // of them in use
	at    int64                        // where they belong
	next  int64                        // where what was written last ends
	ends  bool                         // the next page ends a transaction
	later bool                         // syncs are left to Commit's caller
	owed  bool                         // there was one
	head  bool                         // the log's own header was written and not synced
}

// logs are the open logs, by SQLite's pointer to the file.
var logs struct {
	sync.RWMutex
	of      map[uintptr]*logFile
	under   uintptr // methods that every log has of SQLite's own; 0 before the first
	methods uintptr // those, with ours in place of some. They don't change any more
}

func logOf(file uintptr) *logFile {
	logs.RLock()
	defer logs.RUnlock()
	return logs.of[file]
}

// The methods of a file, as SQLite calls them.
type (
	openFunc  = func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	bytesFunc = func(tls *libc.TLS, file, buf uintptr, n int32, at int64) int32
	sizeFunc  = func(tls *libc.TLS, file uintptr, size int64) int32
	tellFunc  = func(tls *libc.TLS, file, out uintptr) int32
	flagsFunc = func(tls *libc.TLS, file uintptr, flags int32) int32
	closeFunc = func(tls *libc.TLS, file uintptr) int32
)

// as is a C structure.
func as[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// pointerTo is a C pointer to a Go function, which must be one of a package: those do not move.
func pointerTo[F any](f F) uintptr { return *(*uintptr)(unsafe.Pointer(&f)) }

// behind is the function at a C pointer.
func behind[F any](p uintptr) F { return *(*F)(unsafe.Pointer(&p)) }

// system registers the file system once, and gives its name in C memory.
var system = sync.OnceValues(func() (name uintptr, err error) {
	tls := libc.NewTLS() // never closed: so long does SQLite keep what is made here
	if name, err = libc.CString(logName); err != nil {
		return 0, err
	}
	own := sqlite3.Xsqlite3_vfs_find(tls, 0)
	p := libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(sqlite3.Tsqlite3_vfs{})))
	if own == 0 || p == 0 {
		return 0, errNoMemory
	}
	if logs.methods = libc.Xmalloc(tls, types.Size_t(unsafe.Sizeof(sqlite3.Tsqlite3_io_methods{}))); logs.methods == 0 {
		return 0, errNoMemory
	}
	logs.of = map[uintptr]*logFile{}
	ours := as[sqlite3.Tsqlite3_vfs](p)
	*ours = *as[sqlite3.Tsqlite3_vfs](own)
	ours.FpNext, ours.FzName, ours.FxOpen = 0, name, pointerTo(openFunc(openFile))
	if rc := sqlite3.Xsqlite3_vfs_register(tls, p, 0); rc != sqlite3.SQLITE_OK {
		return 0, &Error{int(rc), "register the file system"}
	}
	return name, nil
})

func openFile(tls *libc.TLS, _, name, file uintptr, flags int32, out uintptr) int32 {
	own := sqlite3.Xsqlite3_vfs_find(tls, 0)
	rc := behind[openFunc](as[sqlite3.Tsqlite3_vfs](own).FxOpen)(tls, own, name, file, flags, out)
	if rc != sqlite3.SQLITE_OK || flags&sqlite3.SQLITE_OPEN_WAL == 0 {
		return rc
	}
	f := as[sqlite3.Tsqlite3_file](file)
	logs.Lock()
	defer logs.Unlock()
	if logs.under == 0 {
		logs.under = f.FpMethods
		m := as[sqlite3.Tsqlite3_io_methods](logs.methods)
		*m = *as[sqlite3.Tsqlite3_io_methods](logs.under)
		m.FxClose, m.FxRead, m.FxWrite = pointerTo(closeFunc(closeLog)), pointerTo(bytesFunc(readLog)), pointerTo(bytesFunc(writeLog))
		m.FxTruncate, m.FxSync, m.FxFileSize = pointerTo(sizeFunc(truncateLog)), pointerTo(flagsFunc(syncLog)), pointerTo(tellFunc(sizeLog))
	}
	if f.FpMethods == logs.under { // else nothing is gathered
		logs.of[file] = &logFile{under: as[sqlite3.Tsqlite3_io_methods](logs.under), next: -1}
		f.FpMethods = logs.methods
	}
	return rc
}

// flush writes what is gathered. What can't be written is given up: SQLite then ends the
// transaction, and writes there again.
func (l *logFile) flush(tls *libc.TLS, file uintptr) int32 {
	if l.n == 0 {
		return sqlite3.SQLITE_OK
	}
	n := l.n
	l.n = 0
	return behind[bytesFunc](l.under.FxWrite)(tls, file, l.buf, int32(n), l.at)
}

func writeLog(tls *libc.TLS, file, buf uintptr, n int32, at int64) int32 {
	l := logOf(file)
	l.head = l.head || at == 0
	if l.buf == 0 {
		l.buf = libc.Xmalloc(tls, logMost)
	}
	follows := at == l.next && l.buf != 0 && n <= logMost
	if !follows || l.n+int(n) > logMost {
		if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
			return rc
		}
	}
	last := l.ends && n != logFrame
	if l.ends = false; n == logFrame { // before a transaction's last page it holds the database's size
		l.ends = binary.BigEndian.Uint32(libc.GoBytes(buf, logFrame)[4:]) != 0
	}
	l.next = at + int64(n)
	if !follows {
		return behind[bytesFunc](l.under.FxWrite)(tls, file, buf, n, at)
	}
	if l.n == 0 {
		l.at = at
	}
	libc.Xmemcpy(tls, l.buf+uintptr(l.n), buf, types.Size_t(n))
	l.n += int(n)
	if last {
		return l.flush(tls, file)
	}
	return sqlite3.SQLITE_OK
}

func readLog(tls *libc.TLS, file, buf uintptr, n int32, at int64) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return behind[bytesFunc](l.under.FxRead)(tls, file, buf, n, at)
}

func truncateLog(tls *libc.TLS, file uintptr, size int64) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return behind[sizeFunc](l.under.FxTruncate)(tls, file, size)
}

func syncLog(tls *libc.TLS, file uintptr, flags int32) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	if l.later && !l.head {
		l.owed = true
		return sqlite3.SQLITE_OK
	}
	rc := behind[flagsFunc](l.under.FxSync)(tls, file, flags)
	l.head = l.head && rc != sqlite3.SQLITE_OK
	return rc
}

func sizeLog(tls *libc.TLS, file, out uintptr) int32 {
	l := logOf(file)
	if rc := l.flush(tls, file); rc != sqlite3.SQLITE_OK {
		return rc
	}
	return behind[tellFunc](l.under.FxFileSize)(tls, file, out)
}

func closeLog(tls *libc.TLS, file uintptr) int32 {
	l := logOf(file)
	rc := l.flush(tls, file)
	libc.Xfree(tls, l.buf)
	logs.Lock()
	delete(logs.of, file)
	logs.Unlock()
	if closed := behind[closeFunc](l.under.FxClose)(tls, file); rc == sqlite3.SQLITE_OK {
		rc = closed
	}
	return rc
}

// Commit ends a transaction. When the log's sync is left for later, it tells whether one is
// owed: the caller syncs the log before anybody is told. What the disk has not got of such
// transactions is cut off by the log's checksums, so that after a loss of power the first
// ones of several are there. SQLite's file format, §4.2. A log that begins anew still has its
// header synced first: under the old one, what is left of the old pages would count again.
func (c *Conn) Commit(later bool) (owed bool, err error) {
	var l *logFile
	if later && sqlite3.Xsqlite3_file_control(c.tls, c.db, 0, sqlite3.SQLITE_FCNTL_JOURNAL_POINTER, c.out) == sqlite3.SQLITE_OK {
		l = logOf(c.pointer(0))
	}
	if l != nil { // else SQLite syncs
		l.later, l.owed = true, false
		defer func() { l.later, owed = false, l.owed }()
	}
	_, err = c.Exec("COMMIT", nil)
	return false, err
}
