package store

import (
	"os"
	"syscall"
)

// syncData puts a file's contents and size on the disk.
func syncData(f *os.File) error {
	for {
		if err := syscall.Fdatasync(int(f.Fd())); err != syscall.EINTR { //nolint:errorlint // it is bare
			return err
		}
	}
}
