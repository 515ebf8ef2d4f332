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

	"github.com/zhunxin/zhunxin/internal/store"
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
	OffsetMS int64  `json:"offset_ms"`
	Made     string `json:"made,omitempty"` // by whom; older folders don't say
}

// Who makes folders with a clock. They hold people and money that nobody has.
const (
	madeByDemo  = "demo"
	madeByBench = "bench"
)

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

// hasClock tells whether the folder was made by demo or bench.
func (f *folder) hasClock() (bool, error) {
	_, err := os.Stat(filepath.Join(f.path, fileClock))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// used tells whether a node was ever started on the folder. One on PostgreSQL has keys alone.
func (f *folder) used() bool {
	for _, name := range []string{fileDatabase, fileKeys} {
		if _, err := os.Stat(filepath.Join(f.path, name)); err == nil {
			return true
		}
	}
	return false
}

// createClock fixes the offset of a new folder: 0 within the hours of TIM-01 in
// Shanghai, else what lands at ten in the morning there. A folder that somebody else
// made is refused: what the maker writes would stand among a real node's rows.
func (f *folder) createClock(now time.Time, maker string) (c clock, err error) {
	if f.used() {
		has, err := f.hasClock()
		if err != nil {
			return c, err
		}
		if !has {
			return c, fmt.Errorf("data folder %s was made by serve: %s would write invented people and money into it; name another folder with --data (该目录属于正式节点，请用 --data 指定其他目录)", f.path, maker)
		}
		if c, err = f.readClock(); err != nil {
			return c, err
		}
		if c.Made != "" && c.Made != maker {
			return c, fmt.Errorf("data folder %s was made by %s, and %s needs one of its own; name another folder with --data (该目录由 %s 创建，请用 --data 指定其他目录)", f.path, c.Made, maker, c.Made)
		}
		return c, nil
	}
	c = clock{OffsetMS: storyOffset(now).Milliseconds(), Made: maker}
	b, err := json.Marshal(c)
	if err != nil {
		return c, err
	}
	return c, os.WriteFile(filepath.Join(f.path, fileClock), b, 0o600)
}

// onFullDisk says of an error of a full disk which disk that is, and what to do.
func onFullDisk(path string, err error) error {
	if !store.Full(err) {
		return err
	}
	return fmt.Errorf("the disk of data folder %s is full: free space and start again; nothing that was accepted is lost (磁盘已满，请清理空间后重新启动；已受理的内容不会丢失): %w", path, err)
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
