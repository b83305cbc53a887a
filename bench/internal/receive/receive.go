package receive

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"myriad/bench/internal/usage"
	"myriad/iobackend"
)

// Config describes a receiver.
type Config struct {
	Device iobackend.Device
	Batch  int
	// Capacity is the frames per second that each worker's application
	// takes; 0 is without limit.
	Capacity float64
	// Held is the most frames a worker holds: less than the queue's receive
	// frames.
	Held int
	// Threshold is the number of held frames beyond which more are handed
	// over; 0 is never.
	Threshold int
	// CPUs are the processors the workers share, beginning with the first.
	CPUs int
	// Valid tells a frame that is ours from others.
	Valid func(frame []byte) bool
}

// Queue is what one worker counted.
type Queue struct {
	Taken      uint64 // by the application
	Other      uint64 // frames that were not ours
	HandedOver uint64
	HeldMost   int
	CPU        usage.CPU
	Device     iobackend.Counters
}

// Receiver is a set of workers.
type Receiver struct {
	config  Config
	workers []*worker
	paused  atomic.Bool
	stop    atomic.Bool
	wait    sync.WaitGroup
}

// Start starts a worker for each queue of the device.
func Start(c Config) (*Receiver, error) {
	switch {
	case c.Batch < 1 || c.Held < c.Batch:
		return nil, fmt.Errorf("receive: Batch %d is not within 1 and Held %d", c.Batch, c.Held)
	case c.Capacity < 0 || c.Threshold < 0:
		return nil, fmt.Errorf("receive: Capacity %v and Threshold %d: neither may be below 0", c.Capacity, c.Threshold)
	case c.CPUs < 1:
		return nil, fmt.Errorf("receive: CPUs %d is below 1", c.CPUs)
	}
	r := &Receiver{config: c}
	for k := range c.Device.Info().Queues {
		r.workers = append(r.workers, &worker{
			receiver: r, index: k, queue: c.Device.Queue(k),
			rx: make([]iobackend.Frame, c.Batch), held: make([]iobackend.Frame, 0, 2*c.Held),
		})
	}
	for _, w := range r.workers {
		r.wait.Go(w.run)
	}
	return r, nil
}

// Pause has the application look at nothing until Resume: the frames wait in
// the device's memory. It returns once every worker has looked away.
func (r *Receiver) Pause() {
	r.paused.Store(true)
	r.wake()
	for _, w := range r.workers {
		for !w.away.Load() && !w.ended.Load() {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// Resume ends Pause.
func (r *Receiver) Resume() {
	r.paused.Store(false)
	r.wake()
}

func (r *Receiver) wake() {
	for _, w := range r.workers {
		w.queue.Wake()
	}
}

// Taken is how many frames the application took so far.
func (r *Receiver) Taken() (total uint64) {
	for _, w := range r.workers {
		total += w.taken.Load()
	}
	return total
}

// Settle waits until nothing has come for a while and nothing is held, for no
// longer than most.
func (r *Receiver) Settle(most time.Duration) {
	end := time.Now().Add(most)
	same := 0
	for last := r.Taken(); same < settleSteps && time.Now().Before(end); {
		time.Sleep(settleStep)
		now := r.Taken()
		if same++; now != last || r.holding() > 0 {
			same = 0
		}
		last = now
	}
}

// The while is long enough for a worker that has to wait for its processor.
const (
	settleStep  = 20 * time.Millisecond
	settleSteps = 5
)

func (r *Receiver) holding() (total int64) {
	for _, w := range r.workers {
		total += w.holding.Load()
	}
	return total
}

// Stop ends the workers and returns what each counted.
func (r *Receiver) Stop() (queues []Queue, err error) {
	r.stop.Store(true)
	r.wake()
	r.wait.Wait()
	for _, w := range r.workers {
		queues = append(queues, Queue{
			Taken: w.taken.Load(), Other: w.other, HandedOver: w.handedOver,
			HeldMost: w.heldMost, CPU: w.cpu, Device: w.queue.Counters(),
		})
		err = errors.Join(err, w.err)
	}
	return queues, err
}
