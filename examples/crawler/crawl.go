package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demonet"
	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/fetch"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/frontier/disk"
	"myriad/examples/internal/frontier/stream"
	"myriad/examples/internal/latency"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/monitor"
	"myriad/examples/internal/network"
	"myriad/examples/internal/outcome"
	"myriad/examples/internal/program"
	"myriad/examples/internal/robots"
	"myriad/examples/internal/state"
	"myriad/examples/internal/targets"
	"myriad/examples/internal/warc"
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
	run        *program.Run
	out        *program.Out
	dir        *state.Dir // nil without -state
	delays     latency.Histogram
	tells      bool        // of each page without a reply
	ended      atomic.Bool // the crawl is, so nothing more comes to be known
	net        *network.Network
	store      frontier.Store
	cluster    *stream.Cluster // nil without -cluster
	front      *frontier.Frontier
	before     frontier.StoreCounts // what was there already
	crawl      *crawl.Crawl
	fetcher    *fetch.Fetcher
	exclusions *targets.Exclusions
	tls        *tls.Config
	archive    *warc.Writer   // nil without -warc
	check      *checker       // of the demo
	world      *demonet.World // of the demo
}

// crawlAll makes a session, runs it and tells how it went.
func crawlAll(ctx context.Context, o *options, r *program.Run) (err error) {
	s := &session{o: o, run: r}
	seeds, err := s.seeds()
	if err != nil {
		return program.Fail(program.UsageWrong, err)
	}
	if err := s.trust(); err != nil {
		return err
	}
	if s.out, err = r.OpenOut(); err != nil {
		return err
	}
	defer s.out.Close()
	defer func() {
		if s.world != nil {
			_, stopErr := s.world.Stop()
			err = errors.Join(err, stopErr)
		}
	}()
	if s.o.WARC != "" {
		if s.archive, err = warc.Open(s.o.WARC, s.userAgent()); err != nil {
			return program.Fail(program.WriteFailed, fmt.Errorf("-warc: %w", err))
		}
		defer s.archive.Close()
	}
	defer func() {
		if s.dir != nil {
			s.dir.Close()
		}
	}()
	if err := s.openStore(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.store.Close()) }()
	if err := s.openFrontier(seeds); err != nil {
		return err
	}
	if err := s.openNetwork(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.closeNetwork()) }()
	return s.crawlAndTell(ctx)
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
	if s.exclusions, err = s.o.Exclusions(); err != nil {
		return err
	}
	s.tls = new(tls.Config)
	if s.o.CA == "" {
		return nil
	}
	text, err := os.ReadFile(s.o.CA)
	if err != nil {
		return program.Fail(program.UsageWrong, fmt.Errorf("-ca: %w", err))
	}
	s.tls.RootCAs = x509.NewCertPool()
	if !s.tls.RootCAs.AppendCertsFromPEM(text) {
		return program.Fail(program.UsageWrong, fmt.Errorf("-ca %s: there is no certificate in it; give a file in PEM", s.o.CA))
	}
	return nil
}

// stateVersion is that of the folder beside the store, which has its own.
const stateVersion = 1

// storeFailed ends the process when the store cannot be written, such as on a
// full disk: what is finished is in it, and the same command goes on.
func (s *session) storeFailed(text string) {
	s.run.Log.Error("-state: " + text + "; make room, and give the same command again")
	os.Exit(program.WriteFailed)
}

// openStore opens the folder that -state names, or none.
func (s *session) openStore() (err error) {
	if s.o.Cluster != "" {
		return s.joinCluster()
	}
	folder := ""
	if s.dir, err = s.run.OpenState(stateVersion, s.o.settings()); err != nil {
		return err
	}
	if s.dir != nil {
		folder = s.dir.Path("store")
		if err := s.dir.Save(nil); err != nil { // where the crawl stands, the store knows
			return err
		}
	}
	s.store, err = disk.Open(disk.Options{Dir: folder, PerHost: s.o.HostPagesMax, Fatal: s.storeFailed})
	switch {
	case errors.Is(err, frontier.ErrVersion), errors.Is(err, frontier.ErrInUse):
		return program.Fail(program.StateRefused, fmt.Errorf("-state: %w", err))
	case err != nil:
		return fmt.Errorf("-state: %w", err)
	}
	s.before = s.store.Counts()
	return nil
}

// settings are what makes a run the one that it is.
func (o *options) settings() map[string]string {
	s := map[string]string{"-protocol": o.Protocol, "-interface": "given"}
	if o.demo() {
		s["-interface"] = ""
		s["demo"] = fmt.Sprint(o.DemoSeed, o.DemoPages, o.DemoHosts)
		if o.Protocol == "gnutella" {
			s["demo"] = fmt.Sprint(o.DemoSeed, o.DemoNodes)
		}
	}
	return s
}

// openNetwork opens the interface, which in the demo it makes first.
func (s *session) openNetwork() (err error) {
	c := network.Config{Interface: s.o.Device(), Rate: s.o.Rate, Resolvers: s.o.Resolvers, Demo: s.o.demo()}
	where := ""
	if s.o.demo() {
		if s.world, err = demonet.Start(s.web()); err != nil {
			return err
		}
		c.Interface.Name, c.Interface.Sources = demonet.Interface, []netip.Prefix{demonet.Sources}
		c.Resolvers, c.SYNRetries = []netip.AddrPort{demonet.Resolver}, demoSYNRetries
		where = fmt.Sprintf(", to a demo web of %d pages on %d addresses in a namespace of its own", s.o.DemoPages, s.o.DemoHosts)
	}
	if s.net, err = network.Open(c); err != nil {
		return err
	}
	s.run.Log.Info(s.net.Way().Announce(c.Interface.Name) + where + "; output to " + s.out.Name)
	s.run.Details(c.Interface.Sources, s.net.Devices()...)
	return nil
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

// crawlAndTell crawls and sums up.
func (s *session) crawlAndTell(ctx context.Context) error {
	s.fetcher = fetch.New(fetch.Options{
		Dial: s.net.Dial, Timeout: s.o.Timeout, UserAgent: s.userAgent(),
		BodyBytes: s.o.BytesMax, PerAddress: s.o.PerAddress, PerPrefix: s.o.PerPrefix,
		TLS: s.tls, Guest: s.guest, KeepRaw: s.archive != nil,
	})
	s.crawl = crawl.New(crawl.Options{
		Frontier: s.front, Fetcher: s.fetcher,
		Lookup: s.net.Lookup, Write: s.write,
		Parallel: s.o.Parallel, Lookups: lookups,
		PagesMax: s.o.PagesMax, DepthMax: s.o.DepthMax, RedirectsMax: redirectsMax,
		IgnoreRobots: s.o.IgnoreRobots, Archive: s.archiver(), Rules: s.tellRules(),
	})
	s.tells = s.run.Targets()
	s.run.Log.Debug("crawl", "left of the run before", s.before.Left, "fetched before", s.before.Seen-s.before.Left)
	before, start := network.Process(), time.Now()
	m := s.run.Watch(metrics.Info{Interface: s.o.Interface, Backend: s.net.Way().Backend, Unit: "pages"}, s.account)
	watched, stop := s.watch(ctx)
	written, err := s.follow()
	if err != nil {
		return err
	}
	err = s.crawl.Run(watched)
	if err == nil {
		err = s.net.Err() // the crawl may have ended, in failures, before the watch saw it
	}
	err = errors.Join(err, written(err == nil))
	s.ended.Store(err == nil)
	stop()
	if ctx.Err() != nil {
		err = program.ErrInterrupted
	}
	sum := summary{
		counts: s.crawl.Counts(), front: s.front.Counts(), stack: s.net.Stats(), took: time.Since(start),
		crawler: network.Process().Sub(before), outName: s.out.Name,
	}
	return s.finish(sum, m, err)
}

// openFrontier begins with what is left of the run before, and the seeds. Where
// both are nothing new, that run had come to its end.
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
	if _, err = s.front.Add(links); err == nil && s.dir != nil && s.resumed() && s.front.Counts().Left == 0 {
		return program.FinishedBefore("the crawl in -state %s has come to its end: nothing is left; give more -seeds, or remove the directory to begin anew", s.o.State)
	}
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

// whole reports whether a crawl finds all there is.
func (o *options) whole() bool { return o.PagesMax == 0 && o.DepthMax == 0 && o.HostPagesMax == 0 }

// resumed reports whether an earlier run has left something.
func (s *session) resumed() bool { return s.before.Seen > 0 }

// finish ends the demo, where there is one, and prints the summary.
func (s *session) finish(sum summary, m *monitor.Monitor, err error) error {
	if s.world != nil {
		result, stopErr := s.world.Stop()
		s.world = nil
		err = errors.Join(err, stopErr)
		sum.demo = &result
	}
	if s.check != nil && s.o.whole() && !s.resumed() && err == nil {
		err = program.Fail(program.DemoWrong, s.check.verdict())
		sum.checked = err == nil
	}
	err = errors.Join(err, m.End(program.How(err)))
	sum.err = err
	sum.print(s.run.Summary())
	return err
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
	put := s.out.Write
	if s.cluster != nil {
		put = s.share
	}
	if err := put(r); err != nil {
		return err
	}
	if r.FirstByteUS > 0 {
		s.delays.Observe(time.Duration(r.FirstByteUS) * time.Microsecond)
	}
	if s.check != nil {
		s.check.note(r)
	}
	if s.tells && r.Error != "" {
		s.run.Missed(r.URL, cmp.Or(r.Detail, r.Error), r.Attempts)
	}
	return nil
}

// tellRules tells of each site's robots.txt, with -v; nil without.
func (s *session) tellRules() func(site string, rules *robots.Rules, err error) {
	if !s.run.Detailed() {
		return nil
	}
	return func(site string, rules *robots.Rules, err error) {
		if err != nil {
			s.run.Log.Debug("robots.txt", "site", site, "failed", err)
			return
		}
		s.run.Log.Debug("robots.txt", "site", site, "bytes", rules.Bytes(), "allows /", rules.Allowed(site+"/"), "delay", rules.Delay())
	}
}

// account is how the crawl stands, this run's alone. A page is found when it
// was answered, whatever the status.
func (s *session) account() account.Account {
	counts := s.crawl.Counts()
	a := account.Account{
		Done: int64(counts.Pages), Known: int64(s.front.Counts().Seen - (s.before.Seen - s.before.Left)),
		Bounds:   s.bounds(s.front.LeastPause()),
		Outcomes: map[string]int64{}, Stack: s.net.Stats(), Latency: s.delays.Distribution(),
		Counters: map[string]int64{
			"bytes": counts.Bytes, "links": int64(counts.Links), "robots": int64(counts.Robots),
			"names": int64(counts.Names), "reused": int64(counts.Reused), "too_deep": int64(counts.TooDeep),
		},
	}
	a.Growing = !s.ended.Load()
	if most := int64(s.o.PagesMax); most > 0 && a.Known >= most {
		a.Known, a.Growing = most, false
	}
	for reason, n := range counts.ByReason {
		a.Outcomes[reason] = int64(n)
	}
	a.Found = a.Done - outcome.Sum(a.Outcomes)
	a.Outcomes["answered"] = a.Found
	return a
}

// bounds are what is promised to others, and what they have seen.
func (s *session) bounds(pause time.Duration) []account.Bound {
	address, prefix := s.fetcher.Most()
	return []account.Bound{
		{Name: "connections at a time to one address", Limit: float64(s.o.PerAddress), Peak: float64(address)},
		{Name: "connections at a time to one /24 or /64", Limit: float64(s.o.PerPrefix), Peak: float64(prefix)},
		{Name: "seconds between two requests to one address", Limit: s.o.Pause.Seconds(), Peak: pause.Seconds(), Least: true},
	}
}

// userAgent names the program and whom to talk to about it.
func (s *session) userAgent() string {
	return robots.Agent + "/0.1 (+" + s.o.Contact + ")"
}
