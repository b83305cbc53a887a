package main

import (
	"flag"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/overlay"
	"myriad/examples/internal/program"
)

// options are what the command line says, with the defaults of its mode.
type options struct {
	program.Options

	Protocol  string
	Seeds     string
	Resolvers resolvers
	Contact   string
	CA        string
	WARC      string
	Cluster   string

	PerAddress   int
	PerPrefix    int
	Pause        time.Duration
	Parallel     int
	PagesMax     int
	DepthMax     int
	HostPagesMax int
	BytesMax     int64
	Timeout      time.Duration
	IgnoreRobots bool

	DemoPages, DemoHosts int
	DemoSeed             uint64

	gnutellaOptions
}

func (o *options) demo() bool { return o.Interface == "" }

// manners are the defaults that differ: towards the demo, which is ours, and
// towards everybody else.
type manners struct {
	rate       float64
	perAddress int
	perPrefix  int
	pause      time.Duration
	pagesMax   int
}

var (
	demoManners = manners{rate: 0, perAddress: 4, perPrefix: 0, pause: 0, pagesMax: 0}
	goodManners = manners{rate: 100, perAddress: 1, perPrefix: 20, pause: time.Second, pagesMax: 1000}
)

var about = fmt.Sprintf(`
Without -interface: crawls a demo web that it makes in a network namespace of
its own; nothing else on the machine is touched.

With -interface, -source and -seeds: crawls the real thing through Myriad,
politely: %g new connections a second, %d at a time per address and %d per /24,
%v between two requests to an address, %d pages, robots.txt honoured. Flags ask
for more.

With -protocol gnutella: takes a snapshot of a Gnutella 0.6 network, all
ultrapeers breadth first, from those in -seeds (addresses with ports, one a
line), each contacted once, from many source addresses, with the same limits per
address and /24; without -interface, of a demo network that it computes.

Writes one JSON line per URL or node to -out, progress and a summary to standard error.
`, goodManners.rate, goodManners.perAddress, goodManners.perPrefix, goodManners.pause, goodManners.pagesMax)

var groups = []program.Group{
	{Title: "What to crawl", Flags: []string{"protocol", "seeds", "resolver", "max-pages", "max-depth", "max-host-pages", "max-bytes", "timeout", "ca", "warc", "cluster"}},
	{Title: "Manners", Flags: []string{"contact", "per-address", "per-prefix", "pause", "parallel", "ignore-robots"}},
	{Title: "Gnutella", Flags: []string{"edges", "max-nodes", "max-known", "attempts"}},
	{Title: "Demo", Flags: []string{"demo-pages", "demo-hosts", "demo-nodes", "demo-seed"}},
}

func (o *options) define(f *flag.FlagSet) {
	f.StringVar(&o.Protocol, "protocol", "web", "what to crawl: `web or gnutella`")
	f.StringVar(&o.Seeds, "seeds", "", "`file` of URLs (gnutella: addresses with ports) to begin with, one a line; # begins a comment, - for standard input")
	f.Var(&o.Resolvers, "resolver", "DNS server that answers over TCP: `address[:port]`s with commas between; names fail without")
	f.StringVar(&o.CA, "ca", "", "`file` of the certificates to trust, in PEM (those that the system trusts)")
	f.StringVar(&o.Cluster, "cluster", "", "share the crawl with other processes that have the same -seeds and this `URL` of a NATS server with JetStream: nats://host:4222/name; -out has the records of all, limits hold for each process")
	f.StringVar(&o.WARC, "warc", "", "`folder` for WARC files of everything that was exchanged")
	f.StringVar(&o.Contact, "contact", "", "`where` people reach you, a URL or a mail address for the User-Agent; needed with -interface")
	f.IntVar(&o.PerAddress, "per-address", 0, "`connections` to one address at a time (1; demo: 4, gnutella: no limit)")
	f.IntVar(&o.PerPrefix, "per-prefix", 0, "`connections` to one /24 at a time, 0 for no limit (20; demo: no limit)")
	f.DurationVar(&o.Pause, "pause", 0, "`time` between two requests to one address (1s; demo: none)")
	f.IntVar(&o.Parallel, "parallel", 512, "`URLs` in hand at a time (gnutella: connections, 4096)")
	f.IntVar(&o.PagesMax, "max-pages", 0, "end after so many `URLs`, 0 for no limit (1000; demo: no limit)")
	f.IntVar(&o.DepthMax, "max-depth", 0, "fetch nothing more `links` away from the seeds, 0 for no limit")
	f.IntVar(&o.HostPagesMax, "max-host-pages", 0, "`URLs` of one host at most, 0 for no limit")
	f.Int64Var(&o.BytesMax, "max-bytes", 16<<20, "`bytes` read of one page")
	f.DurationVar(&o.Timeout, "timeout", 30*time.Second, "`time` for one page or node, from the first SYN to the last byte")
	f.BoolVar(&o.IgnoreRobots, "ignore-robots", false, "do not ask for robots.txt; only on hosts whose owner agreed")
	f.IntVar(&o.DemoPages, "demo-pages", 24_000, "`pages` of the demo web")
	f.IntVar(&o.DemoHosts, "demo-hosts", 256, "`addresses` of the demo web")
	f.Uint64Var(&o.DemoSeed, "demo-seed", 1, "`number` that the demo is made from")
	o.gnutellaOptions.define(f)
}

// fillIn sets what was not given to the defaults of the mode.
func (o *options) fillIn(given program.Given) {
	m := goodManners
	if o.demo() {
		m = demoManners
		program.Default(given, "contact", &o.Contact, "demo@demo.test")
		o.Allow = append(o.Allow, demonet.Targets, overlay.Prefix)
	}
	if o.Protocol == "gnutella" {
		if o.demo() {
			m.perAddress = 0
		}
		program.Default(given, "parallel", &o.Parallel, gnutellaParallel)
	}
	program.Default(given, "rate", &o.Rate, m.rate)
	program.Default(given, "per-address", &o.PerAddress, m.perAddress)
	program.Default(given, "per-prefix", &o.PerPrefix, m.perPrefix)
	program.Default(given, "pause", &o.Pause, m.pause)
	program.Default(given, "max-pages", &o.PagesMax, m.pagesMax)
}

// check fills in the defaults of the mode, and refuses what cannot be done.
func (o *options) check(given program.Given, _ []string) error {
	if err := o.checkProtocol(given); err != nil {
		return err
	}
	o.fillIn(given)
	if err := o.checkMode(given); err != nil {
		return err
	}
	if o.Timeout <= 0 {
		return fmt.Errorf("-timeout %v: give a time above 0, such as 30s", o.Timeout)
	}
	if o.Pause < 0 {
		return fmt.Errorf("-pause %v: give a time of 0 or more, such as 1s", o.Pause)
	}
	if !printable(o.Contact) {
		return fmt.Errorf("-contact %q: it goes into a header: use printable ASCII characters without spaces", o.Contact)
	}
	perAddressLeast := int64(1)
	if o.Protocol == "gnutella" {
		perAddressLeast = 0
	}
	return program.InRange(
		program.Range{Name: "per-address", Value: int64(o.PerAddress), Least: perAddressLeast, Most: 1024},
		program.Range{Name: "per-prefix", Value: int64(o.PerPrefix), Least: 0, Most: 60_000},
		program.Range{Name: "max-depth", Value: int64(o.DepthMax), Least: 0, Most: math.MaxInt32},
		program.Range{Name: "max-host-pages", Value: int64(o.HostPagesMax), Least: 0, Most: math.MaxInt32},
		program.Range{Name: "parallel", Value: int64(o.Parallel), Least: 1, Most: 60_000},
		program.Range{Name: "max-pages", Value: int64(o.PagesMax), Least: 0, Most: math.MaxInt32},
		program.Range{Name: "max-bytes", Value: o.BytesMax, Least: 1, Most: 1 << 30},
		program.Range{Name: "demo-pages", Value: int64(o.DemoPages), Least: 1, Most: 10_000_000},
		program.Range{Name: "demo-hosts", Value: int64(o.DemoHosts), Least: 1, Most: demonet.HostsMax},
		program.Range{Name: "demo-nodes", Value: int64(o.DemoNodes), Least: overlay.NodesMin, Most: overlay.NodesMax},
		program.Range{Name: "max-nodes", Value: int64(o.NodesMax), Least: 0, Most: math.MaxInt32},
		program.Range{Name: "max-known", Value: int64(o.KnownMax), Least: 1, Most: 1 << 29},
		program.Range{Name: "attempts", Value: int64(o.Attempts), Least: 1, Most: 100},
	)
}

// checkMode refuses flags of the other mode, and what a real interface needs
// and was not given.
func (o *options) checkMode(given program.Given) error {
	if o.demo() {
		return given.Refuse(program.NeedsInterface, "source", "seeds", "resolver", "gateway", "gateway-mac", "cluster")
	}
	err := given.Require(
		program.Need{Name: "source", Remedy: "give addresses on " + o.Interface + " that nobody else uses, such as -source 192.0.2.128/25"},
		program.Need{Name: "seeds", Remedy: "give a file with the URLs to begin with, one a line"},
		program.Need{Name: "contact", Remedy: "give a URL or a mail address by which those you crawl can reach you"},
	)
	if err != nil {
		return err
	}
	if o.Cluster != "" {
		if err := given.Refuse("does not go with -cluster, which keeps the state at the server: leave one of them out", "state", "max-host-pages"); err != nil {
			return err
		}
	}
	if o.Contact == "" {
		return fmt.Errorf("-contact is empty: give a URL or a mail address by which those you crawl can reach you")
	}
	return given.Refuse(program.NeedsDemo, "demo-pages", "demo-hosts", "demo-nodes", "demo-seed")
}

func printable(text string) bool {
	for i := range len(text) {
		if text[i] <= ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// resolvers is the value of -resolver.
type resolvers []netip.AddrPort

func (r *resolvers) String() string { return "" }

func (r *resolvers) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		server, err := netip.ParseAddrPort(part)
		if addr, ok := netip.ParseAddr(part); ok == nil {
			server, err = netip.AddrPortFrom(addr, 53), nil
		}
		if err != nil || !server.Addr().Is4() || server.Port() == 0 {
			return fmt.Errorf("%q is no IPv4 address with or without a port, such as 192.0.2.53:53", part)
		}
		*r = append(*r, server)
	}
	return nil
}
