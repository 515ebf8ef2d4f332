package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Names in the data folder.
const (
	fileLock        = "lock"
	fileKeys        = "keys.json"
	fileDatabase    = "zhunxin.db"
	fileClock       = "clock.json"
	fileCheckpoints = "checkpoints.txt"
	fileCopied      = "copied" // stands in a backup, and in what is restored from it until its first start
)

// folder is a data folder that this process alone uses.
type folder struct {
	path string
	lock *os.File
}

// openFolder makes the folder if need be and locks it. A second process on it is
// told so.
func openFolder(path string) (*folder, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, fileLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder %s can't be written: %w", path, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("data folder %s is in use by another process: stop that one, or name another folder (数据目录正被另一进程使用)", path), f.Close())
	}
	return &folder{path, f}, nil
}

func (f *folder) close() error { return f.lock.Close() }

// clock is the fixed offset of a folder that was made to play a story at any
// hour. It never changes, and serve refuses such a folder.
type clock struct {
	OffsetMS int64 `json:"offset_ms"`
}

func (c clock) offset() time.Duration { return time.Duration(c.OffsetMS) * time.Millisecond }

func (c clock) now() time.Time { return time.Now().Add(c.offset()) }

// readClock reads the folder's offset; a folder without the file has none.
func (f *folder) readClock() (c clock, err error) {
	b, err := os.ReadFile(filepath.Join(f.path, fileClock))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		err = fmt.Errorf("the folder's clock: %w", err)
	}
	return c, err
}

// createClock fixes the offset of a new folder: 0 within the hours of TIM-01 in
// Shanghai, else what lands at ten in the morning there.
func (f *folder) createClock(now time.Time) (c clock, err error) {
	if _, err := os.Stat(filepath.Join(f.path, fileDatabase)); err == nil {
		return f.readClock()
	}
	c.OffsetMS = storyOffset(now).Milliseconds()
	b, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	return c, os.WriteFile(filepath.Join(f.path, fileClock), b, 0o600)
}

// storyHours are when a story may begin: some time before the end of TIM-01's
// window, so that it does not run into it.
const (
	storyFrom, storyTo = 9, 19
	storyAt            = 10
)

func storyOffset(now time.Time) time.Duration {
	local := now.In(time.FixedZone("Asia/Shanghai", 8*60*60))
	if h := local.Hour(); h >= storyFrom && h < storyTo {
		return 0
	}
	at := time.Date(local.Year(), local.Month(), local.Day(), storyAt, 0, 0, 0, local.Location())
	if at.Before(local) {
		at = at.AddDate(0, 0, 1)
	}
	return at.Sub(local).Truncate(time.Second) + time.Second // not a moment before the hour
}
