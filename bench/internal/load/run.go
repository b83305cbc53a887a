package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"myriad/bench/internal/usage"
	"myriad/tcpclient"
)

// Run does a run. When ctx ends it stops early and returns what was measured
// by then, without an error.
func Run(ctx context.Context, c Config) (result Result, err error) {
	if err := c.validate(); err != nil {
		return result, err
	}
	if c.Enter == nil {
		c.Enter = func(f func() error) error { return f() }
	}
	r, err := start(&c)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	r.untilDone(ctx)
	return r.measured(ctx)
}

// drainMax bounds the wait for connections that are still at it when a run
// ends; by then SYNs have been sent again three times.
const drainMax = 20 * time.Second

// run is a run under way.
type run struct {
	shared
	client   *tcpclient.Client
	handlers []*handler
	quiet    chan struct{}

	began   time.Time
	elapsed time.Duration
	process usage.CPU
	machine usage.Whole
}

func start(c *Config) (*run, error) {
	r := &run{shared: shared{Config: c}}
	err := c.Enter(func() (err error) {
		r.client, err = tcpclient.New(c.Client, r.newHandler)
		return err
	})
	if err != nil {
		return nil, err
	}
	workers := r.client.Workers()
	r.quiet = make(chan struct{}, workers)
	for k, h := range r.handlers {
		*h = *newHandler(&r.shared, k, workers, r.quiet)
	}
	if len(c.Request) > 0 {
		if r.request, err = r.client.Intern(c.Request); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	r.process, r.machine = usage.Process(), usage.Machine()
	r.began = time.Now()
	if err := c.Enter(r.client.Start); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// newHandler makes a handler to be filled in once the number of workers is
// known.
func (r *run) newHandler(w *tcpclient.Worker) tcpclient.Handler {
	for len(r.handlers) <= w.Index() {
		r.handlers = append(r.handlers, &handler{})
	}
	return r.handlers[w.Index()]
}

// untilDone waits for the end of the run's time or of its work.
func (r *run) untilDone(ctx context.Context) {
	if r.Duration > 0 {
		timed, cancel := context.WithTimeout(ctx, r.Duration)
		defer cancel()
		ctx = timed
	}
	if r.allQuiet(ctx) {
		r.elapsed = time.Since(r.began)
		return
	}
	r.turn(stopping)
	drain, cancel := context.WithTimeout(context.Background(), drainMax)
	defer cancel()
	r.allQuiet(drain)
	r.elapsed = time.Since(r.began)
}

// turn begins a phase.
func (r *run) turn(p phase) {
	for len(r.quiet) > 0 {
		<-r.quiet
	}
	r.phase.Store(p)
	r.each(func(_ int, h *handler) { h.told = false })
	for k := range r.handlers {
		r.client.Wake(k)
	}
}

// allQuiet waits until every worker has nothing more to do.
func (r *run) allQuiet(ctx context.Context) bool {
	for range r.handlers {
		select {
		case <-r.quiet:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// each runs f for each handler on its worker's goroutine.
func (r *run) each(f func(k int, h *handler)) {
	done := make(chan struct{}, len(r.handlers))
	for k, h := range r.handlers {
		err := r.client.Do(k, func(*tcpclient.Worker) { f(k, h); done <- struct{}{} })
		if err != nil {
			done <- struct{}{}
		}
	}
	for range r.handlers {
		<-done
	}
}

// measured reads everything, and ends what is held.
func (r *run) measured(ctx context.Context) (Result, error) {
	result := Result{
		Workers:  len(r.handlers),
		Method:   r.client.Devices()[0].Method,
		Elapsed:  r.elapsed,
		Process:  usage.Process().Since(r.process),
		Machine:  usage.Machine().Since(r.machine),
		Resident: usage.ResidentBytes(),
	}
	if r.Hold {
		r.turn(closing)
		drain, cancel := context.WithTimeout(ctx, drainMax)
		defer cancel()
		r.allQuiet(drain)
	}
	result.Stats = r.settled()
	return result, r.sumUp(&result)
}

// settled returns the client's counters once they rest: the last frames may
// still be on their way.
func (r *run) settled() tcpclient.Stats {
	last := r.published()
	for range 50 {
		s := r.published()
		if s.FramesSent == last.FramesSent && s.FramesReceived == last.FramesReceived {
			return s
		}
		last = s
	}
	return last
}

// published returns the counters with all that was until now. A worker publishes
// them at the end of a turn, some milliseconds after the last time: that of the
// second turn here, which is over in the third, however late they all are.
func (r *run) published() tcpclient.Stats {
	turn := func() { r.each(func(int, *handler) {}) }
	turn()
	time.Sleep(20 * time.Millisecond)
	turn()
	turn()
	return r.client.Stats()
}

// sumUp adds up the handlers' counts.
func (r *run) sumUp(result *Result) error {
	result.FailedBy = make(map[string]uint64)
	var failure error
	parts := make([]counts, len(r.handlers))
	r.each(func(k int, h *handler) { parts[k] = h.counts })
	for k := range parts {
		c := &parts[k]
		c.failedBy(result.FailedBy)
		result.Opened += c.opened
		result.Completed += c.completed
		result.Refused += c.refused
		result.Held += c.heldMax
		failure = errors.Join(failure, c.err)
	}
	if failure != nil {
		return fmt.Errorf("load: opening connections: %w", failure)
	}
	return nil
}

// close ends the client. Connections that are still open are reset.
func (r *run) close() error {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	err := r.Enter(func() error { return r.client.Close(done) })
	if errors.Is(err, context.Canceled) {
		return nil // connections were reset: asked for
	}
	return err
}
