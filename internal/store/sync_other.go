//go:build !linux

package store

import "os"

// syncData puts a file's contents and size on the disk.
func syncData(f *os.File) error { return f.Sync() }
