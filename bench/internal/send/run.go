package send

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"

	"myriad/bench/internal/cpu"
	"myriad/bench/internal/usage"
)

// sender sends by one method on one queue.
type sender interface {
	// send sends up to count frames, no more than the batch, and returns how
	// many were taken and how many refused.
	send(count int) (sent, refused int, err error)
	close() error
}

// Run sends. When ctx ends it stops early and returns what was sent by then,
// without an error.
func Run(ctx context.Context, c Config) (r Result, err error) {
	if err := c.validate(); err != nil {
		return r, err
	}
	senders := make([]sender, 0, c.Queues)
	defer func() {
		for _, s := range senders {
			err = errors.Join(err, s.close())
		}
	}()
	err = c.Enter(func() error {
		for k := range c.Queues {
			s, err := newSender(&c, k, newFrames(&c, k))
			if err != nil {
				return fmt.Errorf("send: %s: %w", c.Method, err)
			}
			senders = append(senders, s)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	process, machine, began := usage.Process(), usage.Machine(), time.Now()
	loops := make([]loop, c.Queues)
	var wait sync.WaitGroup
	for k, s := range senders {
		wait.Go(func() { loops[k].run(ctx, &c, k, s, began) })
	}
	wait.Wait()
	r.Elapsed = time.Since(began)
	r.Process, r.Machine = usage.Process().Since(process), usage.Machine().Since(machine)
	for k := range loops {
		r.Sent += loops[k].sent
		r.Refused += loops[k].refused
		if loops[k].err != nil {
			return r, fmt.Errorf("send: %s, queue %d: %w", c.Method, k, loops[k].err)
		}
	}
	return r, nil
}

// loop is one thread's part of a run.
type loop struct {
	sent, refused uint64
	err           error
	_             [64]byte // no other thread's counters in the same cache line
}

// checkEvery is how many frames go out between two looks at the clock.
const checkEvery = 4096

func (l *loop) run(ctx context.Context, c *Config, k int, s sender, began time.Time) {
	runtime.LockOSThread() // for good: a pinned thread ends with its goroutine
	cpu.Pin(c.FirstCPU+c.Queues, c.FirstCPU+k)
	since := 0
	for {
		n := c.Batch
		if c.Count > 0 {
			n = min(n, c.Count-int(l.sent+l.refused))
		}
		if n == 0 {
			return
		}
		if c.Rate > 0 {
			l.pace(c, began)
		}
		sent, refused, err := s.send(n)
		l.sent += uint64(sent)
		l.refused += uint64(refused)
		if err != nil {
			l.err = err
			return
		}
		if since += max(sent+refused, 1); since < checkEvery && c.Rate == 0 {
			continue
		}
		since = 0
		if ctx.Err() != nil || c.Count == 0 && time.Since(began) >= c.Duration {
			return
		}
	}
}

// pace waits until the next frame is due. A generator that was held up catches
// up: the rate is an average.
func (l *loop) pace(c *Config, began time.Time) {
	due := time.Duration(float64(l.sent+l.refused) * float64(c.Queues) / c.Rate * float64(time.Second))
	for {
		early := due - time.Since(began)
		switch {
		case early <= 0:
			return
		case c.Sleep:
			cpu.Sleep(early)
		case early > sleepMin:
			time.Sleep(early - sleepMin)
		}
	}
}

// sleepMin is how much earlier than due a sleep must end, which may be late.
const sleepMin = 200 * time.Microsecond
