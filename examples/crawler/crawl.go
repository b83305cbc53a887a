package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demonet"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/network"
	"myriad/examples/internal/progress"
	"myriad/examples/internal/robots"
	"myriad/examples/internal/targets"
	"myriad/examples/internal/warc"
	"myriad/tcpclient"
)

const (
	// lookups is the number of names looked up at a time.
	lookups = 32
	// closeGrace is how long connections have to end in order.
	closeGrace = 2 * time.Second
	// redirectsMax is how many redirects are followed one after another, as
	// browsers do.
	redirectsMax = 20
	// demoSYNRetries gives up on the demo's silent addresses after 7 seconds:
	// they are silent for good.
	demoSYNRetries = 2
)

// session is one run of the command, from the interface to the output.
type session struct {
	o          *options
	out        *jsonl.Writer
	outName    string
	net        *network.Network
	store      *disk.Store
	front      *frontier.Frontier
	before     frontier.StoreCounts // what was there already
	crawl      *crawl.Crawl
	exclusions *targets.Exclusions
	tls        *tls.Config
	archive    *warc.Writer   // nil without -warc
	check      *checker       // of the demo
	world      *demonet.World // of the demo
}

// crawlAll makes a session, runs it and tells how it went.
func crawlAll(o *options) (err error) {
	// Signals count from here on, so that nothing is left half made.
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	context.AfterFunc(ctx, restore) // a second one ends the process at once
	s := &session{o: o}
	seeds, err := s.seeds()
	if err != nil {
		return err
	}
	if err := s.trust(); err != nil {
		return err
	}
	closeOut, err := s.openOut()
	if err != nil {
		return err
	}
	defer closeOut()
	defer func() {
		if s.world != nil {
			_, stopErr := s.world.Stop()
			err = errors.Join(err, stopErr)
		}
	}()
	if s.o.WARC != "" {
		if s.archive, err = warc.Open(s.o.WARC, s.userAgent()); err != nil {
			return fmt.Errorf("-warc: %w", err)
		}
		defer s.archive.Close()
	}
	if err := s.openStore(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	if err := s.openNetwork(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeNetwork()) }()
	return s.run(ctx, seeds)
}

// seeds are the URLs to begin with.
func (s *session) seeds() ([]string, error) {
	if !s.o.demo() {
		return readSeeds(s.o.Seeds, len(s.o.Resolvers) > 0)
	}
	web := s.web()
	s.check = newChecker(&web)
	return []string{web.Root()}, nil
}

func (s *session) web() demoweb.Web {
	return demoweb.Default(s.o.DemoSeed, s.o.DemoPages, s.o.DemoHosts)
}

// trust reads whom we trust, and whom we leave alone.
func (s *session) trust() (err error) {
	s.exclusions = targets.New()
	s.exclusions.Allow(s.o.Allow...)
	if s.o.demo() {
		s.exclusions.Allow(demonet.Targets)
	}
	for _, path := range s.o.Exclude {
		if err := s.exclusions.ReadFile(path); err != nil {
			return fmt.Errorf("-exclude %w", err)
		}
	}
	s.tls = new(tls.Config)
	if s.o.CA == "" {
		return nil
	}
	text, err := os.ReadFile(s.o.CA)
	if err != nil {
		return fmt.Errorf("-ca: %w", err)
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(text) {
		return fmt.Errorf("-ca %s: there is no certificate in it; give a file in PEM", s.o.CA)
	}
	return nil
}

// openOut opens the output before anything else is made: it fails most easily.
func (s *session) openOut() (closeOut func(), err error) {
	s.outName = s.o.Out
	if s.outName == "" && progress.Terminal(os.Stdout) {
		s.outName = filepath.Join(os.TempDir(), time.Now().Format("crawl-20060102-150405.jsonl"))
	}
	if s.outName == "" || s.outName == "-" {
		s.outName, s.out = "standard output", jsonl.NewWriter(os.Stdout)
		return func() {}, nil
	}
	_, statErr := os.Lstat(s.outName)
	w, f, err := jsonl.Open(s.outName)
	if err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	s.out = w
	return func() {
		// A crawl that could not begin leaves no empty file behind.
		if info, err := f.Stat(); errors.Is(statErr, fs.ErrNotExist) && err == nil && info.Size() == 0 {
			os.Remove(s.outName)
		}
		f.Close()
	}, nil
}

// openStore opens the folder that -state names, or none.
func (s *session) openStore() (err error) {
	if s.store, err = disk.Open(disk.Options{Dir: s.o.State, PerHost: s.o.HostPagesMax}); err != nil {
		return fmt.Errorf("-state: %w", err)
	}
	s.before = s.store.Counts()
	return nil
}

// openNetwork opens the interface, which in the demo it makes first.
func (s *session) openNetwork() (err error) {
	c := network.Config{
		Interface: tcpclient.Interface{
			Name: s.o.Interface, Backend: s.o.Backend, Sources: s.o.Sources, Queues: s.o.Queues,
			Gateway: s.o.Gateway.Addr, GatewayMAC: net.HardwareAddr(s.o.GatewayMAC),
		},
		Rate: s.o.Rate, Resolvers: s.o.Resolvers,
	}
	why := "-backend asks for it"
	if s.o.demo() {
		if s.world, err = demonet.Start(s.web()); err != nil {
			return err
		}
		c.Interface.Name, c.Interface.Sources = demonet.Interface, []netip.Prefix{demonet.Sources}
		c.Resolvers, c.SYNRetries = []netip.AddrPort{demonet.Resolver}, demoSYNRetries
		if s.o.Backend == "" && !demonet.Privileged() {
			c.Interface.Backend, why = "afpacket", "without root, in a user namespace, there is no AF_XDP"
		}
	}
	if s.net, err = network.Open(c); err != nil {
		return err
	}
	if c.Interface.Backend == "" {
		why = s.net.Why()
	}
	s.announce(c.Interface.Name, why)
	return nil
}

// announce says in one line what was chosen and why.
func (s *session) announce(device, why string) {
	what := map[string]string{"afxdp": "AF_XDP", "afpacket": "AF_PACKET", "irlstack": "IRLstack"}[s.net.Backend()]
	where := ""
	if s.o.demo() {
		where = fmt.Sprintf(", to a demo web of %d pages on %d addresses in a namespace of its own", s.o.DemoPages, s.o.DemoHosts)
	}
	fmt.Fprintf(os.Stderr, "crawler: %s on %s (%s)%s; output to %s\n", what, device, why, where, s.outName)
}

func (s *session) closeNetwork() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	err := s.net.Close(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil // some connections were reset instead
	}
	return err
}

// run crawls and sums up.
func (s *session) run(ctx context.Context, seeds []string) error {
	if err := s.openFrontier(seeds); err != nil {
		return err
	}
	s.crawl = crawl.New(crawl.Options{
		Frontier: s.front,
		Fetcher: fetch.New(fetch.Options{
			Dial: s.net.Dial, Timeout: s.o.Timeout, UserAgent: s.userAgent(),
			BodyBytes: s.o.BytesMax, PerAddress: s.o.PerAddress, PerPrefix: s.o.PerPrefix,
			TLS: s.tls, Guest: s.guest, KeepRaw: s.archive != nil,
		}),
		Lookup: s.net.Lookup, Write: s.write,
		Parallel: s.o.Parallel, Lookups: lookups,
		PagesMax: s.o.PagesMax, DepthMax: s.o.DepthMax, RedirectsMax: redirectsMax,
		IgnoreRobots: s.o.IgnoreRobots, Archive: s.archiver(),
	})
	before, start := network.Process(), time.Now()
	bar := progress.Start(os.Stderr, "pages", s.state)
	watched, stop := s.watch(ctx)
	err := s.crawl.Run(watched)
	if err == nil {
		err = s.net.Err() // the crawl may have ended, in failures, before the watch saw it
	}
	stop()
	bar.Stop()
	sum := summary{
		counts: s.crawl.Counts(), front: s.front.Counts(), stack: s.net.Stats(), took: time.Since(start),
		interrupted: ctx.Err() != nil, workers: s.net.Workers(), outName: s.outName,
	}
	sum.crawler = network.Process().Sub(before).Sub(sum.workers)
	return s.finish(sum, err)
}

// openFrontier begins with what is left of the run before, and the seeds.
func (s *session) openFrontier(seeds []string) (err error) {
	s.front, err = frontier.New(s.store, frontier.Limits{
		PerAddress: s.o.PerAddress, PerPrefix: s.o.PerPrefix, Pause: s.o.Pause, Refuse: s.refuse,
	})
	if err != nil {
		return err
	}
	links := make([]frontier.Link, len(seeds))
	for i, u := range seeds {
		links[i].URL = u
	}
	_, err = s.front.Add(links)
	return err
}

// refuse says why an address is left alone, if it is.
func (s *session) refuse(a netip.Addr) error {
	if block, excluded := s.exclusions.Excluded(a); excluded {
		return fmt.Errorf("%v: %w: %v", a, frontier.ErrExcluded, block)
	}
	return nil
}

// guest is a connection to a host out of turn; see fetch.Options.
func (s *session) guest(ctx context.Context, host string) (addr netip.Addr, leave func(), err error) {
	if addr, err = netip.ParseAddr(host); err != nil {
		if addr, err = s.net.Lookup(ctx, host); err != nil {
			return addr, nil, err
		}
	}
	leave, err = s.front.Guest(ctx, addr)
	return addr, leave, err
}

// resumed reports whether an earlier run has left something.
func (s *session) resumed() bool { return s.before.Seen > 0 }

// finish ends the demo, where there is one, and prints the summary.
func (s *session) finish(sum summary, crawlErr error) error {
	if s.world != nil {
		result, err := s.world.Stop()
		s.world = nil
		if err != nil {
			crawlErr = errors.Join(crawlErr, err)
		}
		sum.demo = &result
	}
	var verdict error
	if s.check != nil && !sum.interrupted && s.o.PagesMax == 0 && s.o.DepthMax == 0 && !s.resumed() && crawlErr == nil {
		verdict = s.check.verdict()
		sum.checked = verdict == nil
	}
	sum.print(os.Stderr)
	if sum.interrupted {
		crawlErr = nil // that is how it was meant to end
	}
	return errors.Join(crawlErr, verdict)
}

// watchInterval is the time between two looks at the stack.
const watchInterval = 200 * time.Millisecond

// watch returns a context that also ends when the stack has stopped working,
// with the reason: without an interface every URL would fail, one by one.
func (s *session) watch(ctx context.Context) (watched context.Context, stop func()) {
	watched, cancel := context.WithCancelCause(ctx)
	go func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for watched.Err() == nil {
			select {
			case <-ticker.C:
				if err := s.net.Err(); err != nil {
					cancel(err)
				}
			case <-watched.Done():
			}
		}
	}()
	return watched, func() { cancel(nil) }
}

func (s *session) write(r *crawl.Record) error {
	if err := s.out.Write(r); err != nil {
		return err
	}
	if s.check != nil {
		s.check.note(r)
	}
	return nil
}

func (s *session) state() progress.State {
	counts := s.crawl.Counts()
	known := s.front.Counts().Seen - (s.before.Seen - s.before.Left)
	if s.o.PagesMax > 0 {
		known = min(known, s.o.PagesMax)
	}
	return progress.State{
		Done: counts.Pages, Known: known,
		Connections: int(s.net.Stats().ConnectionsOpen), Failures: counts.ByReason,
	}
}

// userAgent names the program and whom to talk to about it.
func (s *session) userAgent() string {
	return robots.Agent + "/0.1 (+" + s.o.Contact + ")"
}
