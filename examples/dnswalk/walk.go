package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/demodns"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/latency"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/monitor"
	"myriad/examples/internal/network"
	"myriad/examples/internal/outcome"
	"myriad/examples/internal/program"
	"myriad/examples/internal/state"
	"myriad/examples/internal/targets"
	"myriad/tcpclient"
)

const (
	// closeGrace is how long connections have to end in order.
	closeGrace = 2 * time.Second
	// streamsMax is TCP connections at a time, per worker.
	streamsMax = 1024
	// queryBytes is the longest request: header, name, type and class, EDNS.
	queryBytes = 12 + 255 + 4 + 11
)

// session is one run of the command, from the interface to the output.
type session struct {
	o          *options
	run        *program.Run
	roots      []iterate.Host
	exclusions *targets.Exclusions
	list       io.ReadCloser // nil in the demo, and with -cluster
	index      *index        // of the list with -cluster
	dir        *state.Dir    // nil without -state
	out        *output
	source     *source
	client     *tcpclient.Client
	handlers   []*handler
	working    sync.WaitGroup // the handlers that have something to do
	way        network.Choice
	check      *checker // of the demo
	world      *demodns.World
}

// walk makes a session, runs it and tells how it went.
func walk(ctx context.Context, o *options, r *program.Run) (err error) {
	s := &session{o: o, run: r}
	if err := s.openInput(); err != nil {
		return err
	}
	closeOut, err := s.openOutput()
	if err != nil {
		return err
	}
	defer closeOut()
	if o.Cluster != "" {
		if err := s.join(ctx); err != nil {
			return err
		}
		defer s.out.parts.run.Close()
	}
	defer func() {
		if s.world != nil {
			err = errors.Join(err, s.world.Stop())
		}
	}()
	if err := s.openNetwork(); err != nil {
		return err
	}
	return s.resolve(ctx)
}

// openInput opens what there is to be done, and from where.
func (s *session) openInput() (err error) {
	if s.o.demo() {
		s.o.Allow = append(s.o.Allow, demodns.Targets)
		s.check = newChecker(s.o.Demo)
	} else if s.o.Cluster != "" {
		if s.index, err = indexNames(s.o); err != nil {
			return err
		}
	} else if s.list, err = openNames(s.o.Names); err != nil {
		return err
	}
	if s.exclusions, err = s.o.Exclusions(); err != nil {
		return err
	}
	if s.roots, err = s.findRoots(); err != nil {
		return program.Fail(program.UsageWrong, err)
	}
	for _, r := range s.roots {
		if err := s.exclusions.Refuse(netip.PrefixFrom(r.Addr, 32)); err != nil {
			return fmt.Errorf("root server: %w", err)
		}
	}
	return nil
}

// findRoots are the root servers to begin with.
func (s *session) findRoots() (roots []iterate.Host, err error) {
	switch {
	case s.o.demo():
		return []iterate.Host{{Name: "a.root.", Addr: demodns.RootAddr}}, nil
	case len(s.o.Roots) > 0:
		for _, a := range s.o.Roots {
			roots = append(roots, iterate.Host{Addr: a})
		}
		return roots, nil
	case s.o.Hints == "":
		return iterate.Roots(), nil
	}
	f, err := os.Open(s.o.Hints)
	if err != nil {
		return nil, fmt.Errorf("-hints: %w", err)
	}
	defer f.Close()
	if roots, err = iterate.ReadHints(f); err != nil {
		return nil, fmt.Errorf("-hints %s: %w", s.o.Hints, err)
	}
	return roots, nil
}

// openOutput opens what is written, and goes on from the state, if there is
// one. It is done before anything else is made: it fails most easily.
func (s *session) openOutput() (closeOut func(), err error) {
	out, err := s.run.OpenOut()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			out.Close()
		}
	}()
	if s.o.RTT != "" { // refused before the work rather than after it
		f, err := os.OpenFile(s.o.RTT, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return nil, program.Fail(program.WriteFailed, fmt.Errorf("-rtt: %w", err))
		}
		f.Close()
	}
	if s.dir, err = s.run.OpenState(stateVersion, s.o.settings()); err != nil {
		return nil, err
	}
	var began position
	if s.dir != nil {
		if err := s.dir.Position(&began); err != nil {
			return nil, err
		}
	}
	if n := outcome.Sum(began.Outcomes); n > 0 {
		s.run.Log.Info(fmt.Sprintf("goes on after %d names", n))
	}
	s.out = newOutput(out, s.dir, began)
	return func() {
		if s.dir != nil {
			s.dir.Close()
		}
		out.Close()
	}, nil
}

// excluded reports whether a server is left alone.
func (s *session) excluded(a netip.Addr) bool {
	_, excluded := s.exclusions.Excluded(a)
	return excluded
}

// read yields the questions.
func (s *session) read(yield func(iterate.Question) bool) error {
	if s.list != nil {
		return readNames(s.list, s.o, yield)
	}
	for w := range s.o.Demo.Each {
		if !yield(iterate.Question{Name: w.Name, Type: w.Type}) {
			break
		}
	}
	return nil
}

// openNetwork opens the interface, which in the demo it makes first.
func (s *session) openNetwork() (err error) {
	in := s.o.Device()
	if s.o.demo() {
		if s.world, err = demodns.Start(nil, s.o.Demo, s.o.DemoTiny); err != nil {
			return err
		}
		in.Name, in.Sources = demodns.Interface, []netip.Prefix{demodns.Sources}
	}
	s.source = newSource(s.out.points, func(q iterate.Question) {
		if s.check != nil {
			s.check.skip(q)
		}
	})
	s.source.wake = s.wake
	if s.index != nil {
		s.source.batches = make(chan []item, 1) // others may have what is not in hand yet
	}
	s.way, err = network.Choose(s.o.Backend, s.o.demo(), func(backend string) error {
		in.Backend = backend
		return s.open(in)
	})
	if err != nil {
		return err
	}
	where := ""
	if s.world != nil {
		where = fmt.Sprintf(", to a demo DNS of %d zones in a namespace of its own, served by %s", len(s.o.Demo.All()), s.world.Program)
	}
	s.run.Log.Info(s.way.Announce(in.Name) + where + "; output to " + s.out.out.Name)
	s.run.Details(in.Sources, s.client.Devices()...)
	s.run.Log.Debug("walk", "root servers", len(s.roots), "the first", s.roots[0].Addr, "names from", s.o.Names, "workers", min(len(s.handlers), s.o.PerServer))
	return nil
}

// open opens the client. The bound per server is divided among the workers;
// those for which nothing is left take no names.
func (s *session) open(in tcpclient.Interface) (err error) {
	s.handlers = nil
	s.client, err = tcpclient.New(tcpclient.Config{
		Interfaces: []tcpclient.Interface{in}, Rate: s.o.Rate, SYNRetries: 2,
		ConnectionsMax: 16 * streamsMax, QueriesMax: s.o.Parallel + 4096, QueryBytes: queryBytes,
	}, func(w *tcpclient.Worker) tcpclient.Handler {
		h := newHandler(s, w)
		s.handlers = append(s.handlers, h)
		return h
	})
	if err != nil {
		return err
	}
	working := min(len(s.handlers), s.o.PerServer)
	for k, h := range s.handlers {
		h.idle = k >= working
		h.engine.Share(working)
	}
	s.working.Add(len(s.handlers))
	return nil
}

// wake has the workers look at the list again.
func (s *session) wake() {
	for k := range s.handlers {
		s.client.Wake(k)
	}
}

// resolve resolves and sums up.
func (s *session) resolve(ctx context.Context) error {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before, start := network.Process(), time.Now()
	go s.out.run(func(err error) { cancel(err) })
	if err := s.client.Start(); err != nil {
		return err
	}
	if s.index != nil {
		go s.source.runParts(watched, s.out.parts, s.index)
	} else {
		go s.source.run(watched, s.read)
	}
	go s.watch(watched, cancel)
	m := s.run.Watch(metrics.Info{Interface: s.o.Interface, Backend: s.way.Backend, Unit: "names"}, s.account)
	s.await(watched)
	err := s.reason(ctx, watched)
	sum := summary{took: time.Since(start), stack: s.client.Stats(), before: outcome.Sum(s.out.points.began.Outcomes)}
	if closeErr := s.close(err == nil); err == nil || !errors.Is(closeErr, err) {
		err = errors.Join(err, closeErr)
	}
	sum.cpu = network.Process().Sub(before)
	return s.finish(sum, m, err)
}

// reason is why the walk has ended: nil at the end of the list.
func (s *session) reason(ctx, watched context.Context) error {
	switch {
	case ctx.Err() != nil:
		return program.ErrInterrupted
	case context.Cause(watched) != nil:
		return context.Cause(watched)
	}
	return s.source.err
}

// await returns when all names are done, or ctx ends.
func (s *session) await(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		s.working.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// close ends the client and then the output. The engines drop what is in
// hand: it has not failed.
func (s *session) close(finished bool) error {
	for k, h := range s.handlers {
		_ = s.client.Do(k, func(*tcpclient.Worker) { h.engine.End() })
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := s.client.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // some connections were reset instead
	}
	return errors.Join(err, s.out.end(finished))
}

// finish writes the delays, ends the demo, where there is one, and prints the
// summary.
func (s *session) finish(sum summary, m *monitor.Monitor, err error) error {
	if s.o.RTT != "" {
		n, rttErr := s.writeRTT()
		sum.servers, err = n, errors.Join(err, rttErr)
	}
	if s.world != nil {
		err = errors.Join(err, s.world.Stop())
		s.world = nil
	}
	if s.check != nil && err == nil {
		err = s.check.verdict()
		sum.checked = err == nil
	}
	err = errors.Join(err, m.End(program.How(err)))
	sum.account, sum.counts, sum.err = s.account(), s.counts(), err
	sum.print(s.run.Summary(), s.out.out.Name, s.o)
	return err
}

const (
	// watchInterval is the time between two looks at the stack.
	watchInterval = 200 * time.Millisecond
	// paceInterval is the time between two looks at the requests that wait for
	// their server's next turn.
	paceInterval = 2 * time.Millisecond
)

// watch ends the walk when the stack has stopped working: without an interface
// no name would ever end. It wakes workers whose requests wait for their turn.
func (s *session) watch(ctx context.Context, cancel func(error)) {
	ticker, pace := time.NewTicker(watchInterval), time.NewTicker(paceInterval)
	defer ticker.Stop()
	defer pace.Stop()
	if s.o.PerServerRate == 0 {
		pace.Stop()
	}
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
			if err := s.client.Err(); err != nil {
				cancel(err)
			}
		case <-pace.C:
			s.wake()
		case <-ctx.Done():
		}
	}
}

// counts sums up the engines' counts.
func (s *session) counts() (c iterate.Counts) {
	for _, h := range s.handlers {
		h.mu.Lock()
		c.Add(h.counts)
		h.mu.Unlock()
	}
	return c
}

// account is how the walk stands. A name is done when its line is written.
func (s *session) account() account.Account {
	c, stack := s.counts(), s.client.Stats()
	a := account.Account{
		Known: s.source.known.Load(), Growing: !s.source.ended.Load(), Outcomes: s.out.outcomes(),
		Stack: stack, Latency: new(latency.Distribution),
		Counters: map[string]int64{
			"requests": int64(c.Requests), "requests_tcp": int64(c.Streams), "requests_silent": int64(c.Silent),
			"replies_mismatched": int64(c.Mismatch), "replies_late": int64(stack.Drops["reply_late"]),
			"referrals": int64(c.Referrals), "glueless_lookups": int64(c.Glueless),
			"names_waited": int64(c.Waited), "servers_excluded": int64(c.Excluded),
		},
		Bounds: []account.Bound{
			{Name: "requests at a time per server", Limit: float64(s.o.PerServer), Peak: float64(c.PeakInFlight)},
			{Name: "requests a second per server", Limit: s.o.PerServerRate, Peak: float64(c.PeakRate)},
		},
	}
	a.Done = outcome.Sum(a.Outcomes)
	for _, good := range []string{"NOERROR", "NXDOMAIN", noRecord} {
		a.Found += a.Outcomes[good]
	}
	for _, h := range s.handlers {
		a.Latency.Add(&h.delays)
	}
	return a
}
