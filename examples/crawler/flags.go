package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"net/netip"
	"strings"
	"time"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/flags"
	"myriad/examples/internal/overlay"
)

// options are what the command line says, with the defaults of its mode.
type options struct {
	Protocol   string
	Interface  string
	Sources    flags.Prefixes
	Seeds      string
	Resolvers  resolvers
	Gateway    flags.Address
	GatewayMAC flags.MAC
	Backend    string
	Queues     int

	Out     string
	State   string
	WARC    string
	Contact string
	Allow   flags.Prefixes
	Exclude flags.Strings
	CA      string

	Rate         float64
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

const usageText = `Usage: crawler [flags]

Without -interface: crawls a demo web that it makes in a network namespace of
its own; nothing else on the machine is touched.

With -interface, -source and -seeds: crawls the real thing through Myriad,
politely: %g new connections a second, %d at a time per address and %d per /24,
%v between two requests to an address, %d pages, robots.txt honoured. Flags ask
for more.

With -protocol gnutella: takes a snapshot of a Gnutella 0.6 network, all
ultrapeers breadth first, from those in -seeds (addresses with ports, one a
line), each contacted once, from many source addresses; without -interface, of
a demo network that it computes.

Writes one JSON line per URL or node to -out, progress and a summary to standard error.
Exit codes: 0 done or ended by Ctrl-C, 1 failed, 2 wrong usage.

`

// parse reads the command line. Errors name the flag, its value and what to
// do; flag.ErrHelp has been dealt with.
func parse(args []string, help io.Writer) (*options, error) {
	o := &options{}
	flags := define(o)
	err := flags.Parse(args)
	if err == flag.ErrHelp {
		flags.SetOutput(help)
		fmt.Fprintf(help, usageText, goodManners.rate, goodManners.perAddress, goodManners.perPrefix, goodManners.pause, goodManners.pagesMax)
		flags.PrintDefaults()
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see crawler -h", err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: URLs go into a file, given with -seeds", flags.Arg(0))
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := o.checkProtocol(given); err != nil {
		return nil, err
	}
	o.fillIn(given)
	return o, o.check(given)
}

func define(o *options) *flag.FlagSet {
	f := flag.NewFlagSet("crawler", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&o.Protocol, "protocol", "web", "what to crawl: `web or gnutella`")
	f.StringVar(&o.Interface, "interface", "", "crawl from this network `device` instead of the demo")
	f.Var(&o.Sources, "source", "our addresses on it, which nobody else may use: `CIDR`s with commas between; may be repeated")
	f.StringVar(&o.Seeds, "seeds", "", "`file` of URLs (gnutella: addresses with ports) to begin with, one a line; # begins a comment")
	f.Var(&o.Resolvers, "resolver", "DNS server that answers over TCP: `address[:port]`s with commas between; names fail without")
	f.Var(&o.Gateway, "gateway", "next hop (the kernel's default route of the device): `address`")
	f.Var(&o.GatewayMAC, "gateway-mac", "Ethernet address of the next hop, instead of asking for it: `MAC`")
	f.StringVar(&o.Backend, "backend", "", "`name` of the way to the device: afxdp or afpacket (the first that works)")
	f.IntVar(&o.Queues, "queues", 0, "`number` of queues of the device to use (all)")
	f.StringVar(&o.Out, "out", "", "`file` that the JSON lines are added to, - for standard output (standard output; a new file in the\ntemporary folder if that is a terminal)")
	f.StringVar(&o.State, "state", "", "`folder` for what is seen and what waits: the same command again goes on where it stopped,\nhowever it stopped (in memory only)")
	f.Var(&o.Exclude, "exclude", "`file` of addresses and CIDRs that are left alone, one a line, # begins a comment; may be repeated")
	f.Var(&o.Allow, "allow", "`CIDR`s out of IANA's special-purpose blocks, private ones among them, that are not left alone; may be repeated")
	f.StringVar(&o.CA, "ca", "", "`file` of the certificates to trust, in PEM (those that the system trusts)")
	f.StringVar(&o.WARC, "warc", "", "`folder` for WARC files of everything that was exchanged")
	f.StringVar(&o.Contact, "contact", "", "`where` people reach you, a URL or a mail address for the User-Agent; needed with -interface")
	f.Float64Var(&o.Rate, "rate", 0, "new connections per second, a `number`; 0 for no limit (100; demo: no limit)")
	f.IntVar(&o.PerAddress, "per-address", 0, "`connections` to one address at a time (1; demo: 4)")
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
	return f
}

// fillIn sets what was not given to the defaults of the mode.
func (o *options) fillIn(given map[string]bool) {
	m := goodManners
	if o.demo() {
		m = demoManners
		if o.Contact == "" {
			o.Contact = "demo@demo.test"
		}
	}
	if o.Protocol == "gnutella" && !given["parallel"] {
		o.Parallel = gnutellaParallel
	}
	if !given["rate"] {
		o.Rate = m.rate
	}
	if !given["per-address"] {
		o.PerAddress = m.perAddress
	}
	if !given["per-prefix"] {
		o.PerPrefix = m.perPrefix
	}
	if !given["pause"] {
		o.Pause = m.pause
	}
	if !given["max-pages"] {
		o.PagesMax = m.pagesMax
	}
}

// check refuses what cannot be done.
func (o *options) check(given map[string]bool) error {
	if o.demo() {
		for _, name := range []string{"source", "seeds", "resolver", "gateway", "gateway-mac"} {
			if given[name] {
				return fmt.Errorf("-%s needs -interface: the demo, which runs without it, has its own", name)
			}
		}
	} else if err := o.checkReal(given); err != nil {
		return err
	}
	if o.Backend != "" && o.Backend != "afxdp" && o.Backend != "afpacket" {
		return fmt.Errorf("-backend %q: give afxdp or afpacket, or leave it out for the first that works", o.Backend)
	}
	if math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) || o.Rate < 0 {
		return fmt.Errorf("-rate %v: give a number of connections per second above 0, or 0 for no limit", o.Rate)
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
	for _, n := range []struct {
		name        string
		value       int64
		least, most int64
	}{
		{"queues", int64(o.Queues), 0, 256},
		{"per-address", int64(o.PerAddress), 1, 1024},
		{"per-prefix", int64(o.PerPrefix), 0, 60_000},
		{"max-depth", int64(o.DepthMax), 0, math.MaxInt32},
		{"max-host-pages", int64(o.HostPagesMax), 0, math.MaxInt32},
		{"parallel", int64(o.Parallel), 1, 60_000},
		{"max-pages", int64(o.PagesMax), 0, math.MaxInt32},
		{"max-bytes", o.BytesMax, 1, 1 << 30},
		{"demo-pages", int64(o.DemoPages), 1, 10_000_000},
		{"demo-hosts", int64(o.DemoHosts), 1, demonet.HostsMax},
		{"demo-nodes", int64(o.DemoNodes), overlay.NodesMin, overlay.NodesMax},
		{"max-nodes", int64(o.NodesMax), 0, math.MaxInt32},
		{"max-known", int64(o.KnownMax), 1, 1 << 29},
		{"attempts", int64(o.Attempts), 1, 100},
	} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("-%s %d: give a number from %d to %d", n.name, n.value, n.least, n.most)
		}
	}
	return nil
}

// checkReal refuses what a real interface needs and was not given.
func (o *options) checkReal(given map[string]bool) error {
	for _, need := range []struct{ name, remedy string }{
		{"source", "give addresses on " + o.Interface + " that nobody else uses, such as -source 192.0.2.128/25"},
		{"seeds", "give a file with the URLs to begin with, one a line"},
		{"contact", "give a URL or a mail address by which those you crawl can reach you"},
	} {
		if !given[need.name] {
			return fmt.Errorf("-%s is missing: %s", need.name, need.remedy)
		}
	}
	if o.Contact == "" {
		return fmt.Errorf("-contact is empty: give a URL or a mail address by which those you crawl can reach you")
	}
	for _, name := range []string{"demo-pages", "demo-hosts", "demo-nodes", "demo-seed"} {
		if given[name] {
			return fmt.Errorf("-%s goes with the demo, -interface with the real thing: leave one of them out", name)
		}
	}
	return nil
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
