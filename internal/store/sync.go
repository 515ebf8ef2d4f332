package store

import (
	"fmt"
	"os"
	"sync"
)

// syncs puts SQLite's log on the disk for transactions that have given up their turn: the next
// one works meanwhile, and one sync serves all that were committed before it began. Nobody is
// told of a commit before its sync (P2). Other connections can see it earlier, so whatever
// speaks to the outside by what it has read alone must not be of the classes that defer.
type syncs struct {
	log  *os.File
	sync func(*os.File) error

	mu        sync.Mutex
	ended     sync.Cond
	running   bool
	committed uint64 // commits so far
	synced    uint64 // of them on the disk
	failed    error
}

// deferred are the classes whose answers all come after their own commits. The sequencer is
// not one of them: what it has signed may be fetched as soon as it can be read (P8).
var deferred = [numTurns]bool{TurnGate: true, TurnSubmit: true, TurnReport: true}

// openSyncs opens the log a second time; SQLite locks other files only.
func openSyncs(path string) (*syncs, error) {
	log, err := os.OpenFile(path+"-wal", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &syncs{log: log, sync: syncData}
	s.ended.L = &s.mu
	return s, nil
}

// commit counts one, in the writer's turn.
func (s *syncs) commit() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed++
	return s.committed
}

// err is why nothing may be written any more. After a failed sync the system may have
// forgotten what it could not write: only a new start tells what is on the disk.
func (s *syncs) err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// wait returns when the commit of that number is on the disk; 0 is of none.
func (s *syncs) wait(number uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.synced < number && s.failed == nil {
		if s.running {
			s.ended.Wait()
			continue
		}
		s.running = true
		upTo := s.committed
		s.mu.Unlock()
		err := s.sync(s.log)
		s.mu.Lock()
		s.running = false
		if err != nil {
			s.failed = fmt.Errorf("sync the database's log: %w; restart the process", err)
		} else {
			s.synced = upTo
		}
		s.ended.Broadcast()
	}
	if s.synced >= number {
		return nil
	}
	return s.failed
}

// close syncs what is left. No transaction may begin any more.
func (s *syncs) close() error {
	s.mu.Lock()
	last := s.committed
	s.mu.Unlock()
	if err := s.wait(last); err != nil {
		return err
	}
	return s.log.Close() // nobody syncs what is synced
}
