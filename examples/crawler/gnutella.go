package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"syscall"
	"time"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/gnucrawl"
	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/network"
	"myriad/examples/internal/overlay"
	"myriad/examples/internal/overlaynet"
	"myriad/examples/internal/progress"
	"myriad/iobackend"
	"myriad/tcpclient"
)

// snapshot is one run of the command over Gnutella.
type snapshot struct {
	session
	overlay *overlay.Overlay  // of the demo
	far     *overlaynet.World // of the demo
	seeds   []gnutella.Address
	crawl   *gnucrawl.Crawl
	client  *tcpclient.Client
	edges   *os.File
}

// crawlGnutella makes a snapshot, and tells how it went.
func crawlGnutella(o *options) (err error) {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore) // a second one ends the process at once
	s := &snapshot{session: session{o: o}}
	if err := s.findSeeds(); err != nil {
		return err
	}
	closeOut, err := s.openOut()
	if err != nil {
		return err
	}
	defer closeOut()
	if o.Edges != "" {
		if s.edges, err = os.Create(o.Edges); err != nil {
			return fmt.Errorf("-edges: %w", err)
		}
		defer s.edges.Close()
	}
	defer func() {
		if s.far != nil {
			_, stopErr := s.far.Stop()
			err = errors.Join(err, stopErr)
		}
	}()
	return s.run(ctx)
}

// findSeeds reads the seeds; the demo's is its first ultrapeer.
func (s *snapshot) findSeeds() (err error) {
	if !s.o.demo() {
		s.seeds, err = readServents(s.o.Seeds)
		return err
	}
	if s.overlay, err = overlay.New(s.o.DemoSeed, s.o.DemoNodes); err != nil {
		return err
	}
	s.seeds = []gnutella.Address{s.overlay.Address(0)}
	return nil
}

// demoQueues is the number of queues of the demo's wire.
const demoQueues = 2

// config is the client's. In the demo the far end is started first.
func (s *snapshot) config() (c tcpclient.Config, why string, err error) {
	in := tcpclient.Interface{
		Name: s.o.Interface, Backend: s.o.Backend, Sources: s.o.Sources, Queues: s.o.Queues,
		Gateway: s.o.Gateway.Addr, GatewayMAC: net.HardwareAddr(s.o.GatewayMAC),
	}
	why = "-backend asks for it"
	if s.o.demo() {
		backend := s.o.Backend
		if backend == "" && !demonet.Privileged() {
			backend, why = "afpacket", "without root, in a user namespace, there is no AF_XDP"
		}
		queues := demoQueues
		if s.o.Queues > 0 {
			queues = s.o.Queues
		}
		in.Name, in.Sources, in.Backend = overlaynet.Interface, []netip.Prefix{overlaynet.Sources}, backend
		s.far, err = overlaynet.Start(overlaynet.Config{
			Seed: s.o.DemoSeed, Nodes: s.o.DemoNodes, Backend: backend, Queues: queues,
			Request: gnutella.Request(s.userAgent()),
		})
	}
	return tcpclient.Config{
		Interfaces: []tcpclient.Interface{in}, Rate: s.o.Rate, Timeout: s.o.Timeout,
		ConnectionsMax: 2 * max(s.o.Parallel, gnutellaParallel),
	}, why, err
}

// open opens the client: over AF_PACKET where AF_XDP cannot be had and nothing
// else is asked for.
func (s *snapshot) open() error {
	c, why, err := s.config()
	if err != nil {
		return err
	}
	s.crawl, err = gnucrawl.New(gnucrawl.Options{
		Seeds: s.seeds, Sources: c.Interfaces[0].Sources, UserAgent: s.userAgent(), Parallel: s.o.Parallel,
		NodesMax: s.o.KnownMax, ContactMax: s.o.NodesMax, Attempts: s.o.Attempts, Write: s.out.WritePages,
	})
	if err != nil {
		return err
	}
	in := &c.Interfaces[0]
	if in.Backend == "" {
		in.Backend, why = "afxdp", "it is the faster way, and available here"
		s.client, err = tcpclient.New(c, s.crawl.Handler)
		if !errors.Is(err, iobackend.ErrNotSupported) {
			s.announce(in, why, err)
			return err
		}
		in.Backend, why = "afpacket", err.Error()
	}
	s.client, err = tcpclient.New(c, s.crawl.Handler)
	s.announce(in, why, err)
	return err
}

// announce says in one line what was chosen and why.
func (s *snapshot) announce(in *tcpclient.Interface, why string, err error) {
	if err != nil {
		return
	}
	what := map[string]string{"afxdp": "AF_XDP", "afpacket": "AF_PACKET"}[in.Backend]
	where := ""
	if s.o.demo() {
		where = fmt.Sprintf(", to a demo network of %d ultrapeers in a namespace of its own", s.o.DemoNodes)
	}
	fmt.Fprintf(os.Stderr, "crawler: %s on %s (%s)%s; output to %s\n", what, in.Name, why, where, s.outName)
}

// run takes the snapshot and sums up.
func (s *snapshot) run(ctx context.Context) (err error) {
	if err := s.open(); err != nil {
		return err
	}
	before, start := network.Process(), time.Now()
	bar := progress.Start(os.Stderr, "nodes", s.state)
	err = s.crawl.Run(ctx, s.client)
	sum := snapshotSummary{took: time.Since(start), usage: network.Process().Sub(before), outName: s.outName}
	bar.Stop()
	if errors.Is(err, context.Canceled) {
		sum.interrupted, err = true, nil // that is how it was meant to end
	}
	sum.stack, err = s.close(err)
	if s.far != nil {
		result, stopErr := s.far.Stop()
		s.far, sum.demo = nil, &result
		err = errors.Join(err, stopErr)
	}
	sum.graph = s.crawl.Graph()
	if s.edges != nil {
		if writeErr := s.crawl.WriteEdges(s.edges); writeErr != nil {
			err = errors.Join(err, fmt.Errorf("-edges: %w", writeErr))
		}
	}
	var verdict error
	if s.overlay != nil && !sum.interrupted && s.o.NodesMax == 0 && err == nil {
		verdict = s.overlay.Check(s.crawl)
		sum.checked = verdict == nil
	}
	sum.print(os.Stderr)
	return errors.Join(err, verdict)
}

// close ends the client; what is still open waits for its servent's FIN a
// moment, and is reset then.
func (s *snapshot) close(err error) (tcpclient.Stats, error) {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace/4)
	defer cancel()
	closeErr := s.client.Close(ctx)
	if errors.Is(closeErr, context.DeadlineExceeded) {
		closeErr = nil
	}
	return s.client.Stats(), errors.Join(err, closeErr)
}

func (s *snapshot) state() progress.State {
	finished, known, failures := s.crawl.Progress()
	return progress.State{
		Done: finished, Known: known, Failures: failures,
		Connections: int(s.client.Stats().ConnectionsOpen),
	}
}
