// Package storetest starts the databases that tests run on: a SQLite file in a
// temporary folder, and a real PostgreSQL server from the installed binaries,
// on a Unix socket, one for the whole test process and one database per test.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zhunxin/zhunxin/internal/store"
)

// Both runs the test once on each store.
func Both(t *testing.T, now func() time.Time, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t, now))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t, now))
	})
}

// SQLite opens a new file.
func SQLite(t testing.TB, now func() time.Time) *store.DB {
	t.Helper()
	db, err := store.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "zhunxin.db"), now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Postgres creates a database of its own on the process's server.
func Postgres(t testing.TB, now func() time.Time) *store.DB {
	t.Helper()
	db, err := store.OpenPostgres(context.Background(), DSN(t), 8, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

var (
	startOnce sync.Once
	server    *postgres
	startErr  error
	databases atomic.Int64
)

// DSN creates an empty database and returns how to reach it.
func DSN(t testing.TB) string {
	t.Helper()
	startOnce.Do(func() { server, startErr = startPostgres() })
	if startErr != nil {
		t.Fatalf("start PostgreSQL for the tests: %v (install the package postgresql)", startErr)
	}
	name := fmt.Sprintf("t%d", databases.Add(1))
	admin, err := sql.Open("pgx", server.dsn("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close() //nolint:errcheck // nothing was buffered
	if _, err := admin.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	return server.dsn(name)
}

// Stop ends the process's server, if one was started. TestMain calls it.
func Stop() {
	if server != nil {
		server.stop()
	}
}

// Main runs the tests of a package that uses Postgres and stops the server.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

type postgres struct {
	dir  string
	cmd  *exec.Cmd
	gone chan struct{}
}

func (p *postgres) dsn(name string) string {
	return fmt.Sprintf("host=%s user=zhunxin dbname=%s sslmode=disable", p.dir, name)
}

func binary(name string) (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1], nil
	}
	return exec.LookPath(name)
}

// startPostgres runs as another user when the tests run as root, which the
// server refuses.
func startPostgres() (*postgres, error) {
	initdb, err := binary("initdb")
	if err != nil {
		return nil, err
	}
	postmaster, err := binary("postgres")
	if err != nil {
		return nil, err
	}
	// A socket's path is at most about 100 bytes, so the folder's name is short.
	dir, err := os.MkdirTemp("/tmp", "zxpg")
	if err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if os.Getuid() == 0 {
		uid, gid, err := unprivileged()
		if err != nil {
			return nil, err
		}
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			return nil, err
		}
		attr.Credential = &syscall.Credential{Uid: uid, Gid: gid}
	}
	data := filepath.Join(dir, "data")
	create := exec.Command(initdb, "-D", data, "-U", "zhunxin", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	create.SysProcAttr, create.Dir = &syscall.SysProcAttr{Credential: attr.Credential}, dir
	if out, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	cmd := exec.Command(postmaster, "-D", data, "-k", dir, "-c", "listen_addresses=",
		"-c", "max_locks_per_transaction=512", "-c", "max_connections=200", "-c", "shared_buffers=64MB")
	cmd.SysProcAttr, cmd.Dir = attr, dir
	p := &postgres{dir: dir, cmd: cmd, gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		// Pdeathsig fires when the thread that started the server ends, so
		// that thread is kept for as long as the server lives.
		runtime.LockOSThread()
		defer close(p.gone)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, p.ready()
}

func (p *postgres) ready() error {
	db, err := sql.Open("pgx", p.dsn("postgres"))
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing was buffered
	deadline := time.Now().Add(time.Minute)
	for tick := time.NewTicker(50 * time.Millisecond); ; <-tick.C {
		if err = db.Ping(); err == nil {
			tick.Stop()
			return nil
		}
		if time.Now().After(deadline) {
			tick.Stop()
			return fmt.Errorf("the server did not come up: %w", err)
		}
	}
}

func (p *postgres) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	<-p.gone
	_ = os.RemoveAll(p.dir)
}

func unprivileged() (uid, gid uint32, err error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		a, err1 := strconv.ParseUint(u.Uid, 10, 32)
		b, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return uint32(a), uint32(b), nil
		}
	}
	return 0, 0, fmt.Errorf("no user postgres or nobody to run the server as")
}
