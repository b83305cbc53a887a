package scan

import (
	"fmt"
	"math"
	"sync/atomic"
)

// job is the shard that is being done.
type job struct {
	shard, shards uint64
	before        Progress // what was done when it began
	from          uint64   // its first index
	targets       uint64   // of the shard, those before from included
	workers       uint64
	windows       []*window    // by worker
	open          atomic.Int64 // windows that are not over
	working       atomic.Int64 // workers that are not done
	done          chan struct{}
}

func (s *Scanner) newJob(shard int, before Progress) (*job, error) {
	c, workers := &s.cfg, s.cfg.Device.Info().Queues
	j := &job{
		shard: uint64(shard), shards: uint64(c.Shards), before: before, from: before.Low(), workers: uint64(workers),
		targets: shareOf(c.Space.Targets(), uint64(shard), uint64(c.Shards)), done: make(chan struct{}),
	}
	if err := before.check(j.targets); err != nil {
		return nil, err
	}
	for k := range workers {
		w := newWindow(c.window(workers), shareOf(j.targets-j.from, uint64(k), uint64(workers)), c.Retries)
		w.known = shareOf(before.end()-j.from, uint64(k), uint64(workers))
		w.done = func(i uint64) bool { return j.before.Has(j.index(k, i)) }
		j.windows = append(j.windows, w)
	}
	j.open.Store(int64(workers))
	j.working.Store(int64(workers))
	return j, nil
}

// Begin goes on with another shard when the one before is Done. What answers of
// that from now on is late.
func (s *Scanner) Begin(shard int, before Progress) error {
	if shard < 0 || shard >= s.cfg.Shards {
		return fmt.Errorf("scan: Begin: shard %d is not one of %d", shard, s.cfg.Shards)
	}
	select {
	case <-s.Done():
	default:
		return fmt.Errorf("scan: Begin: the shard before is not done")
	}
	next, err := s.newJob(shard, before)
	if err != nil {
		return err
	}
	s.job.Store(next)
	s.wake()
	return nil
}

// wake has all workers take a turn.
func (s *Scanner) wake() {
	for _, w := range s.workers {
		w.queue.Wake()
	}
}

// begin takes a job over.
func (w *Worker) begin(j *job) {
	w.job, w.window = j, j.windows[w.index]
	w.over, w.finished = false, false
	clear(w.left)
}

// end notes how far the worker is with its job. A worker is done when it has
// nothing in hand and no window can be marked any more: until then each may be
// given the answers to another one's probes.
func (w *Worker) end() {
	j := w.job
	if !w.over && w.window.over() {
		w.over = true
		if j.open.Add(-1) == 0 {
			w.scanner.wake()
		}
	}
	if w.over && !w.finished && j.open.Load() == 0 && w.idle() {
		w.finished = true
		if j.working.Add(-1) == 0 {
			close(j.done)
		}
	}
}

// place is where the order has index i of worker w.
func (j *job) place(w int, i uint64) uint64 {
	return j.shard + j.shards*j.index(w, i)
}

// index is the shard's of index i of worker w.
func (j *job) index(w int, i uint64) uint64 { return j.from + uint64(w) + j.workers*i }

// indexOf is place's inverse; false for another shard's, and for what was done
// before.
func (j *job) indexOf(place uint64) (w int, i uint64, ok bool) {
	n := place / j.shards
	if place%j.shards != j.shard || n < j.from {
		return 0, 0, false
	}
	n -= j.from
	return int(n % j.workers), n / j.workers, true
}

// settled is the first index that no window has let go.
func (j *job) settled() uint64 {
	low := uint64(math.MaxUint64)
	for k, w := range j.windows {
		low = min(low, j.from+uint64(k)+j.workers*w.tail.Load()*wordBits)
	}
	return min(low, j.targets)
}
