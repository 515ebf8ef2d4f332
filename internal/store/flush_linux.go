//go:build amd64 || arm64

package store

import (
	"errors"
	"os"
	"syscall"
)

// sync_file_range(2): wait for what is being written, write what is changed, wait for that.
const flushFlags = 1 | 2 | 4

// flush writes out the changed pages of a part of a file. It is no sync: neither the file's
// size nor the disk's own memory is looked after. A file system that can't do it does nothing.
func flush(f *os.File, from, n int64) error {
	err := syscall.SyncFileRange(int(f.Fd()), from, n, flushFlags)
	for _, unable := range []error{syscall.ENOSYS, syscall.EINVAL, syscall.EOPNOTSUPP, syscall.ESPIPE} {
		if errors.Is(err, unable) {
			return nil
		}
	}
	return err
}
