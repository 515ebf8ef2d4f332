package carrier

import (
	"container/heap"
	"sync"
	"time"
)

// maxTasks bounds what waits in the schedule; about 100 bytes each.
const maxTasks = 1_000_000

// task is something to do at a time.
type task struct {
	due   time.Duration // since the schedule's start
	order uint64        // equal times keep their order
	do    func()
}

type taskHeap []task

func (h taskHeap) Len() int { return len(h) }
func (h taskHeap) Less(i, j int) bool {
	return h[i].due < h[j].due || h[i].due == h[j].due && h[i].order < h[j].order
}
func (h taskHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *taskHeap) Push(x any)   { *h = append(*h, x.(task)) }
func (h *taskHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = task{}
	*h = old[:len(old)-1]
	return last
}

// schedule runs tasks at their time, all from one goroutine.
type schedule struct {
	start time.Time
	kick  chan struct{}

	mu    sync.Mutex
	tasks taskHeap
	next  time.Duration // when the goroutine wakes
	order uint64
}

// forever is the sleep with nothing to do.
const forever = 24 * time.Hour

func newSchedule() *schedule {
	return &schedule{start: time.Now(), kick: make(chan struct{}, 1), next: forever}
}

// after has do run in d, and tells whether there was room.
func (s *schedule) after(d time.Duration, do func()) bool {
	due := time.Since(s.start) + d
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.tasks) >= maxTasks {
		return false
	}
	s.order++
	heap.Push(&s.tasks, task{due: due, order: s.order, do: do})
	if due < s.next {
		s.next = due
		select {
		case s.kick <- struct{}{}:
		default:
		}
	}
	return true
}

func (s *schedule) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tasks)
}

// run does what is due until stop is closed. What is left is dropped.
func (s *schedule) run(stop <-chan struct{}) {
	timer := time.NewTimer(forever)
	defer timer.Stop()
	var due []func()
	for {
		var wait time.Duration
		due, wait = s.take(due[:0])
		for _, do := range due {
			do()
		}
		if len(due) > 0 {
			continue // doing took time
		}
		timer.Reset(wait)
		select {
		case <-stop:
			return
		case <-s.kick:
		case <-timer.C:
		}
	}
}

// take removes what is due, a bounded number at once, and says how long nothing
// else will be.
func (s *schedule) take(due []func()) ([]func(), time.Duration) {
	const batch = 1024
	now := time.Since(s.start)
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.tasks) > 0 && s.tasks[0].due <= now && len(due) < batch {
		due = append(due, heap.Pop(&s.tasks).(task).do)
	}
	s.next = now + forever
	if len(s.tasks) > 0 {
		s.next = s.tasks[0].due
	}
	return due, s.next - now
}
