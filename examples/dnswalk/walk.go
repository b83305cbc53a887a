package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/demonet"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/network"
	"myriad/examples/internal/progress"
	"myriad/iobackend"
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
	o        *options
	roots    []iterate.Host
	list     io.ReadCloser // nil in the demo
	out      *output
	source   *source
	client   *tcpclient.Client
	handlers []*handler
	working  sync.WaitGroup // the handlers that have something to do
	backend  string
	check    *checker // of the demo
	world    *demodns.World
}

// walk makes a session, runs it and tells how it went.
func walk(o *options) (err error) {
	// Signals count from here on, so that nothing is left half made.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore) // a second one ends the process at once
	s := &session{o: o}
	if err := s.openInput(); err != nil {
		return err
	}
	out, closeOut, err := openOutput(o.Out)
	if err != nil {
		return err
	}
	defer closeOut()
	s.out = out
	if o.RTT != "" { // refused before the work rather than after it
		f, err := os.OpenFile(o.RTT, os.O_WRONLY|os.O_CREATE, 0o644)
		if err != nil {
			return fmt.Errorf("-rtt: %w", err)
		}
		f.Close()
	}
	defer func() {
		if s.world != nil {
			err = errors.Join(err, s.world.Stop())
		}
	}()
	if err := s.openNetwork(); err != nil {
		return err
	}
	return s.run(ctx)
}

// openInput opens what there is to be done, and from where.
func (s *session) openInput() (err error) {
	if s.o.demo() {
		s.roots = []iterate.Host{{Name: "a.root.", Addr: demodns.RootAddr}}
		s.check = newChecker(s.o.Demo)
		return nil
	}
	s.roots = iterate.Roots()
	if len(s.o.Roots) > 0 {
		s.roots = nil
		for _, a := range s.o.Roots {
			s.roots = append(s.roots, iterate.Host{Addr: a})
		}
	}
	if s.o.Hints != "" {
		f, err := os.Open(s.o.Hints)
		if err != nil {
			return fmt.Errorf("-hints: %w", err)
		}
		defer f.Close()
		if s.roots, err = iterate.ReadHints(f); err != nil {
			return fmt.Errorf("-hints %s: %w", s.o.Hints, err)
		}
	}
	s.list, err = openNames(s.o.Names)
	return err
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
	in := tcpclient.Interface{
		Name: s.o.Interface, Backend: s.o.Backend, Sources: s.o.Sources, Queues: s.o.Queues,
		Gateway: s.o.Gateway.Addr, GatewayMAC: net.HardwareAddr(s.o.GatewayMAC),
	}
	why := "-backend asks for it"
	if s.o.demo() {
		if s.world, err = demodns.Start(nil, s.o.Demo, s.o.DemoTiny); err != nil {
			return err
		}
		in.Name, in.Sources = demodns.Interface, []netip.Prefix{demodns.Sources}
		if in.Backend == "" && !demonet.Privileged() {
			in.Backend, why = "afpacket", "without root, in a user namespace, there is no AF_XDP"
		}
	}
	s.source = newSource()
	s.source.wake = s.wake
	if in.Backend != "" {
		err = s.open(in)
	} else {
		why, err = s.openAny(in)
	}
	if err == nil {
		s.announce(in.Name, why)
	}
	return err
}

// openAny takes AF_XDP, or where that cannot be had, AF_PACKET.
func (s *session) openAny(in tcpclient.Interface) (why string, err error) {
	in.Backend = "afxdp"
	first := s.open(in)
	if !errors.Is(first, iobackend.ErrNotSupported) {
		return "it is the faster way, and available here", first
	}
	in.Backend = "afpacket"
	if err := s.open(in); err != nil {
		return "", errors.Join(first, err)
	}
	return first.Error(), nil
}

// open opens the client. The bound per server is divided among the workers;
// those for which nothing is left take no names.
func (s *session) open(in tcpclient.Interface) (err error) {
	s.handlers, s.backend = nil, in.Backend
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

// announce says in one line what was chosen and why.
func (s *session) announce(device, why string) {
	what := map[string]string{"afxdp": "AF_XDP", "afpacket": "AF_PACKET"}[s.backend]
	where := ""
	if s.world != nil {
		where = fmt.Sprintf(", to a demo DNS of %d zones in a namespace of its own, served by %s", len(s.o.Demo.All()), s.world.Program)
	}
	fmt.Fprintf(os.Stderr, "dnswalk: %s on %s (%s)%s; output to %s\n", what, device, why, where, s.out.name)
}

// wake has the workers look at the list again.
func (s *session) wake() {
	for k := range s.handlers {
		s.client.Wake(k)
	}
}

// run resolves and sums up.
func (s *session) run(ctx context.Context) error {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before, start := network.Process(), time.Now()
	go s.out.run(func(err error) { cancel(err) })
	if err := s.client.Start(); err != nil {
		return err
	}
	go s.source.run(watched, s.read)
	go s.watch(watched, cancel)
	bar := progress.Start(os.Stderr, "names", s.state)
	s.await(watched)
	bar.Stop()
	err := context.Cause(watched)
	if ctx.Err() != nil {
		err = nil // that is how it was meant to end
	} else if err == nil {
		err = s.source.err
	}
	sum := summary{took: time.Since(start), interrupted: ctx.Err() != nil, outName: s.out.name, stack: s.client.Stats()}
	err = errors.Join(err, s.close())
	sum.counts, sum.outcomes = s.totals() // now that there is no more to come
	sum.cpu = network.Process().Sub(before)
	return s.finish(sum, err)
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
func (s *session) close() error {
	for k, h := range s.handlers {
		_ = s.client.Do(k, func(*tcpclient.Worker) { h.engine.End() })
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := s.client.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // some connections were reset instead
	}
	return errors.Join(err, s.out.end())
}

// finish writes the delays, ends the demo, where there is one, and prints the
// summary.
func (s *session) finish(sum summary, err error) error {
	if s.o.RTT != "" {
		n, rttErr := s.writeRTT()
		sum.servers, err = n, errors.Join(err, rttErr)
	}
	if s.world != nil {
		err = errors.Join(err, s.world.Stop())
		s.world = nil
	}
	if s.check != nil && !sum.interrupted && err == nil {
		err = s.check.verdict()
		sum.checked = err == nil
	}
	sum.print(os.Stderr)
	return err
}

// watchInterval is the time between two looks at the stack.
const watchInterval = 200 * time.Millisecond

// watch ends the walk when the stack has stopped working: without an interface
// no name would ever end.
func (s *session) watch(ctx context.Context, cancel func(error)) {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
			if err := s.client.Err(); err != nil {
				cancel(err)
			}
		case <-ctx.Done():
		}
	}
}

// totals sums up the handlers.
func (s *session) totals() (c iterate.Counts, outcomes map[string]int) {
	outcomes = map[string]int{}
	for _, h := range s.handlers {
		h.mu.Lock()
		c.Add(h.counts)
		for name, n := range h.outcomes {
			outcomes[name] += n
		}
		h.mu.Unlock()
	}
	return c, outcomes
}

func (s *session) state() progress.State {
	counts, outcomes := s.totals()
	for _, good := range []string{"NOERROR", "NXDOMAIN", noRecord} {
		delete(outcomes, good)
	}
	return progress.State{
		Done: counts.Finished, Known: int(s.source.known.Load()),
		Connections: int(s.client.Stats().ConnectionsOpen), Failures: outcomes,
	}
}
