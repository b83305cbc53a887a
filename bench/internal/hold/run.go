package hold

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"myriad/bench/internal/usage"
	"myriad/tcpclient"
)

// run is a run under way.
type run struct {
	Config
	client   *tcpclient.Client
	handlers []*handler
	quiet    chan struct{}
}

// Run does a run. When ctx ends it stops early and returns what was measured
// by then, without an error.
func Run(ctx context.Context, c Config) (result Result, err error) {
	if err := c.validate(); err != nil {
		return result, err
	}
	if c.Enter == nil {
		c.Enter = func(f func() error) error { return f() }
	}
	result.Before = usage.ResidentBytes()
	r := &run{Config: c}
	if err := r.make(); err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	result.Workers, result.Method = len(r.handlers), r.client.Devices()[0].Method
	if err := r.fill(ctx, &result); err != nil {
		return result, err
	}
	if c.Exchanges > 0 && ctx.Err() == nil {
		r.exchange(ctx, &result)
	}
	return result, r.sumUp(&result)
}

// make makes the client, and a handler for each worker.
func (r *run) make() error {
	err := r.Enter(func() (err error) {
		r.client, err = tcpclient.New(r.Client, func(w *tcpclient.Worker) tcpclient.Handler {
			h := &handler{}
			r.handlers = append(r.handlers, h)
			return h
		})
		return err
	})
	if err != nil {
		return err
	}
	var request tcpclient.RequestID
	if len(r.Request) > 0 {
		if request, err = r.client.Intern(r.Request); err != nil {
			return errors.Join(err, r.close())
		}
	}
	r.quiet = make(chan struct{}, 3*len(r.handlers)) // each tells three times at most
	for k, h := range r.handlers {
		*h = *newHandler(&r.Config, k, len(r.handlers), r.quiet)
		h.request = request
	}
	return nil
}

// fill opens connections until all stand or no more can be opened.
func (r *run) fill(ctx context.Context, result *Result) error {
	collected, pauses := readCollector(), readPauses()
	process, machine, began := usage.Process(), usage.Machine(), time.Now()
	if err := r.Enter(r.client.Start); err != nil {
		return err
	}
	r.await(ctx)
	result.Filling = time.Since(began)
	result.Process = usage.Process().Since(process)
	result.Machine = usage.Machine().Since(machine)
	if err := r.client.Err(); err != nil {
		return err
	}
	if r.Filled != nil {
		if err := r.Filled(r.opening()); err != nil {
			return err
		}
	}
	result.addSince(collected)
	result.PauseMax = pauses.longestSince()
	forced := readPauses()
	result.Resident = usage.ResidentBytes()
	result.PauseForced = forced.longestSince()
	return r.client.Err()
}

// exchange has traffic go over the sample: first, uncounted, as many exchanges as
// there are connections in it, since the first to use a page of the table's records
// has the kernel zero it.
func (r *run) exchange(ctx context.Context, result *Result) {
	if !r.traffic(ctx, func(h *handler) int { return len(h.sample) }) {
		return
	}
	collected, pauses, frames := readCollector(), readPauses(), r.frames()
	process, began := usage.Process(), time.Now()
	r.traffic(ctx, func(h *handler) int { return h.share })
	result.Exchanging = time.Since(began)
	result.Check = usage.Process().Since(process)
	result.ExchangeFrames = r.frames() - frames
	result.addSince(collected)
	result.PauseMax = max(result.PauseMax, pauses.longestSince())
	forced := readPauses()
	result.ResidentUsed = usage.ResidentBytes()
	result.PauseForced = max(result.PauseForced, forced.longestSince())
}

// traffic has each handler make as many exchanges as it is told, and reports
// whether all came to their end.
func (r *run) traffic(ctx context.Context, count func(h *handler) int) bool {
	r.each(func(w *tcpclient.Worker, h *handler) {
		h.begin(count(h))
		h.ask(w)
	})
	return r.await(ctx)
}

// opening is how many frames were sent, or are about to be, for the connections that
// stand: SYN and ACK of each, and what was sent again.
func (r *run) opening() uint64 {
	var held atomic.Uint64
	r.each(func(_ *tcpclient.Worker, h *handler) { held.Add(h.held) })
	return 2*held.Load() + r.client.Stats().Retransmitted
}

// frames are those that were sent and received.
func (r *run) frames() uint64 {
	s := r.client.Stats()
	return s.FramesSent + s.FramesReceived
}

// await waits until every worker told that it is done, for no longer than the
// timeout, and reports whether they did.
func (r *run) await(ctx context.Context) bool {
	timed, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	for range r.handlers {
		select {
		case <-r.quiet:
		case <-timed.Done():
			return false
		}
	}
	return true
}

// each runs f for each handler on its worker's goroutine.
func (r *run) each(f func(w *tcpclient.Worker, h *handler)) {
	done := make(chan struct{}, len(r.handlers))
	for k, h := range r.handlers {
		err := r.client.Do(k, func(w *tcpclient.Worker) { f(w, h); done <- struct{}{} })
		if err != nil {
			done <- struct{}{}
		}
	}
	for range r.handlers {
		<-done
	}
}

// sumUp adds up the handlers' counts.
func (r *run) sumUp(result *Result) error {
	result.FailedBy = make(map[string]uint64)
	parts := make([]handler, 0, len(r.handlers))
	for k, h := range r.handlers {
		done := make(chan handler, 1)
		if err := r.client.Do(k, func(*tcpclient.Worker) { done <- *h }); err != nil {
			return fmt.Errorf("hold: reading worker %d: %w", k, err)
		}
		parts = append(parts, <-done)
	}
	var failure error
	for k := range parts {
		h := &parts[k]
		failure = errors.Join(failure, h.err)
		h.addTo(result)
	}
	result.Stats = r.client.Stats()
	if failure != nil {
		return fmt.Errorf("hold: opening connections: %w", failure)
	}
	return nil
}

// addTo adds what the handler counted.
func (h *handler) addTo(result *Result) {
	result.Opened += h.opened
	result.Held += h.held
	result.Full += h.full
	result.Exchanged += h.answered
	result.Wrong += h.wrong
	for i, s := range h.stretches {
		result.Stretches[i].UpTo = upTo[i]
		result.Stretches[i].Opens += s.Opens
		result.Stretches[i].Took += s.Took
	}
	for reason, n := range h.failed {
		if n > 0 {
			result.FailedBy[tcpclient.Reason(reason).String()] += n
		}
	}
	if h.current > 0 {
		result.FailedBy["unfinished"] += uint64(h.current)
	}
}

// close ends the client. Connections that are open are reset.
func (r *run) close() error {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	err := r.Enter(func() error { return r.client.Close(done) })
	if errors.Is(err, context.Canceled) {
		return nil // connections were reset: asked for
	}
	return err
}
