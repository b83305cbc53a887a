package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/demonet"
	"myriad/examples/internal/gnucrawl"
	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/latency"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/network"
	"myriad/examples/internal/outcome"
	"myriad/examples/internal/overlay"
	"myriad/examples/internal/overlaynet"
	"myriad/examples/internal/program"
	words "myriad/examples/internal/summary"
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
	way     network.Choice
	rtts    []latency.Histogram // by worker
	journal *gnucrawl.Journal   // nil without -state
}

// crawlGnutella makes a snapshot, and tells how it went.
func crawlGnutella(ctx context.Context, o *options, r *program.Run) (err error) {
	s := &snapshot{session: session{o: o, run: r}}
	if err := s.findSeeds(); err != nil {
		return program.Fail(program.UsageWrong, err)
	}
	if s.exclusions, err = o.Exclusions(); err != nil {
		return err
	}
	if err := s.refuseSeeds(); err != nil {
		return program.Fail(program.UsageWrong, err)
	}
	if s.out, err = r.OpenOut(); err != nil {
		return err
	}
	defer s.out.Close()
	if err := s.openState(); err != nil {
		return err
	}
	defer s.closeState()
	if o.Edges != "" {
		if s.edges, err = os.Create(o.Edges); err != nil {
			return program.Fail(program.WriteFailed, fmt.Errorf("-edges: %w", err))
		}
		defer s.edges.Close()
	}
	defer func() {
		if s.far != nil {
			_, stopErr := s.far.Stop()
			err = errors.Join(err, stopErr)
		}
	}()
	return s.take(ctx)
}

// journalVersion is that of gnutellaPosition and of the journal.
const journalVersion = 1

// gnutellaPosition is what the checkpoint of a snapshot has beside the journal:
// where the lines of leaves begin in which output, once all nodes are found.
type gnutellaPosition struct {
	Out    string `json:"out,omitempty"`
	Leaves int64  `json:"leaves,omitempty"`
}

// openState opens the folder that -state names, with the journal, and takes
// back the lines of leaves that a kill has interrupted.
func (s *snapshot) openState() (err error) {
	if s.dir, err = s.run.OpenState(journalVersion, s.o.settings()); s.dir == nil {
		return err
	}
	var at gnutellaPosition
	if err = s.dir.Position(&at); err == nil && at.Out == s.out.Name && at.Leaves > 0 {
		err = s.out.Rewind(at.Leaves)
	}
	if err == nil {
		err = s.dir.Save(gnutellaPosition{})
	}
	if err == nil {
		s.journal, err = gnucrawl.OpenJournal(s.dir.Path("nodes.journal"))
	}
	if err != nil {
		s.closeState()
	}
	return err
}

func (s *snapshot) closeState() {
	if s.journal != nil {
		s.journal.Close()
	}
	if s.dir != nil {
		s.dir.Close()
	}
}

// leavesBegin keeps where the lines of leaves begin.
func (s *snapshot) leavesBegin() error {
	if s.dir == nil {
		return nil
	}
	return s.dir.Save(gnutellaPosition{Out: s.out.Name, Leaves: s.out.Mark()})
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

// refuseSeeds refuses seeds of which none may be looked at, for the first one's
// reason. Of others each has its outcome in the output.
func (s *snapshot) refuseSeeds() error {
	var first error
	for _, a := range s.seeds {
		at := a.AddrPort().Addr()
		refusal := s.exclusions.Refuse(netip.PrefixFrom(at, at.BitLen()))
		if refusal == nil {
			return nil
		}
		if first == nil {
			first = fmt.Errorf("-seeds %s: none may be crawled: %w", s.o.Seeds, refusal)
		}
	}
	return first
}

// demoQueues is the number of queues of the demo's wire.
const demoQueues = 2

// config is the client's. In the demo the far end is started first.
func (s *snapshot) config() (c tcpclient.Config, err error) {
	in := s.o.Device()
	if s.o.demo() {
		backend := s.o.Backend
		if backend == "" && !demonet.Privileged() {
			backend = "afpacket"
		}
		queues := demoQueues
		if s.o.Queues > 0 {
			queues = s.o.Queues
		}
		in.Name, in.Sources = overlaynet.Interface, []netip.Prefix{overlaynet.Sources}
		s.far, err = overlaynet.Start(overlaynet.Config{
			Seed: s.o.DemoSeed, Nodes: s.o.DemoNodes, Backend: backend, Queues: queues,
			Request: gnutella.Request(s.userAgent()),
		})
	}
	return tcpclient.Config{
		Interfaces: []tcpclient.Interface{in}, Rate: s.o.Rate, Timeout: s.o.Timeout,
		ConnectionsMax: 2 * max(s.o.Parallel, gnutellaParallel),
	}, err
}

// open opens the client.
func (s *snapshot) open() error {
	c, err := s.config()
	if err != nil {
		return err
	}
	in := &c.Interfaces[0]
	s.crawl, err = gnucrawl.New(gnucrawl.Options{
		Seeds: s.seeds, Sources: in.Sources, UserAgent: s.userAgent(), Parallel: s.o.Parallel,
		PerAddress: s.o.PerAddress, PerPrefix: s.o.PerPrefix,
		NodesMax: s.o.KnownMax, ContactMax: s.o.NodesMax, Attempts: s.o.Attempts, Write: s.out.WritePages,
		Journal: s.journal, Leaves: s.leavesBegin, Missed: s.missed(),
		Excluded: s.excluded, Latency: func(worker int, rtt time.Duration) { s.rtts[worker].Observe(rtt) },
	})
	if err != nil {
		return err
	}
	var before []string
	if s.o.demo() {
		before = []string{"live"} // its wire is a veth pair with XDP at the other end
	}
	s.way, err = network.Choose(s.o.Backend, s.o.demo(), func(backend string) (err error) {
		in.Backend = backend
		s.client, err = tcpclient.New(c, s.crawl.Handler)
		return err
	}, before...)
	if err != nil {
		return err
	}
	s.rtts = make([]latency.Histogram, s.client.Workers())
	where := ""
	if s.o.demo() {
		where = fmt.Sprintf(", to a demo network of %d ultrapeers in a namespace of its own", s.o.DemoNodes)
	}
	s.run.Log.Info(s.way.Announce(in.Name) + where + "; output to " + s.out.Name)
	s.run.Details(in.Sources, s.client.Devices()...)
	s.run.Log.Debug("snapshot", "seeds", len(s.seeds))
	return nil
}

// missed tells of each node that gave no answer, with -v -v; nil without.
func (s *snapshot) missed() func(gnutella.Address, gnucrawl.Reason, int) {
	if !s.run.Targets() {
		return nil
	}
	return func(a gnutella.Address, why gnucrawl.Reason, attempts int) {
		s.run.Missed(a.String(), why.String(), attempts)
	}
}

// excluded reports whether a node is left alone.
func (s *snapshot) excluded(a netip.Addr) bool {
	_, excluded := s.exclusions.Excluded(a)
	return excluded
}

// take takes the snapshot and sums up.
func (s *snapshot) take(ctx context.Context) (err error) {
	if err := s.open(); err != nil {
		return err
	}
	before, start := network.Process(), time.Now()
	m := s.run.Watch(metrics.Info{Interface: s.o.Interface, Backend: s.way.Backend, Unit: "nodes"}, s.account)
	err = s.crawl.Run(ctx, s.client)
	s.ended.Store(err == nil)
	sum := snapshotSummary{took: time.Since(start), usage: network.Process().Sub(before), outName: s.out.Name}
	if errors.Is(err, context.Canceled) {
		err = program.ErrInterrupted
	}
	sum.stack, err = s.close(err)
	if s.far != nil {
		result, stopErr := s.far.Stop()
		s.far, sum.demo = nil, &result
		err = errors.Join(err, stopErr)
	}
	if err == nil {
		err = s.looked()
	}
	if err == nil && s.dir != nil {
		err = s.dir.Finish(gnutellaPosition{})
	}
	sum.graph, sum.before = s.crawl.Graph(), s.crawl.Before()
	if s.edges != nil {
		err = errors.Join(err, s.writeEdges())
	}
	if s.overlay != nil && s.o.NodesMax == 0 && err == nil {
		err = program.Fail(program.DemoWrong, s.overlay.Check(s.crawl))
		sum.checked = err == nil
	}
	err = errors.Join(err, m.End(program.How(err)))
	sum.err = err
	sum.print(s.run.Summary())
	return err
}

// writeEdges writes the edges in the form that their file's name asks for.
func (s *snapshot) writeEdges() error {
	write := s.crawl.WriteEdges
	if strings.HasSuffix(s.o.Edges, ".tsv") {
		write = s.crawl.WriteEdgesText
	}
	if err := write(s.edges); err != nil {
		return program.Fail(program.WriteFailed, fmt.Errorf("-edges: %w", err))
	}
	return nil
}

// looked is an error when no node was looked at, and that was not for the
// exclusions.
func (s *snapshot) looked() error {
	finished, _, looked, failures := s.crawl.Progress()
	for word, n := range failures {
		if !outcome.NotLooked(word) {
			looked += n
		}
	}
	if looked > 0 || finished == failures[outcome.Excluded] {
		return nil
	}
	return fmt.Errorf("no node could be looked at: %s", words.Words(failures))
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

// account is how the snapshot stands. Nodes named as leaves only are no
// targets.
func (s *snapshot) account() account.Account {
	finished, known, answered, failures := s.crawl.Progress()
	address, prefix := s.crawl.Most()
	a := account.Account{
		Bounds: []account.Bound{
			{Name: "connections at a time to one address", Limit: float64(s.o.PerAddress), Peak: float64(address)},
			{Name: "connections at a time to one /24", Limit: float64(s.o.PerPrefix), Peak: float64(prefix)},
		},
		Done: int64(finished), Known: int64(known), Found: int64(answered),
		Growing:  !s.ended.Load() && (s.o.NodesMax == 0 || known < s.o.NodesMax),
		Outcomes: map[string]int64{}, Stack: s.client.Stats(), Latency: new(latency.Distribution),
	}
	if answered > 0 {
		a.Outcomes["answered"] = a.Found
	}
	for word, n := range failures {
		a.Outcomes[word] = int64(n)
	}
	for k := range s.rtts {
		a.Latency.Add(&s.rtts[k])
	}
	return a
}
