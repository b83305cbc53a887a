package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/flags"
	"myriad/examples/internal/iterate"
)

// options are what the command line says, with the defaults of its mode.
type options struct {
	Interface  string
	Sources    flags.Prefixes
	Gateway    flags.Address
	GatewayMAC flags.MAC
	Backend    string
	Queues     int

	Names string
	Zone  string
	Type  recordType
	Hints string
	Roots flags.Addresses

	Out, RTT string

	Rate      float64
	PerServer int
	Parallel  int
	Timeout   time.Duration
	Tries     int
	Requests  int
	Cache     int

	Demo     demodns.Tree
	DemoTiny bool
}

func (o *options) demo() bool { return o.Interface == "" }

// Defaults that differ: towards the demo, which is ours, and everybody else.
const (
	goodRate, demoRate           = 1000, 0
	goodPerServer, demoPerServer = 4, 512
	goodTimeout, demoTimeout     = time.Second, 300 * time.Millisecond
)

const usageText = `Usage: dnswalk [flags]

Without -interface: walks a small DNS hierarchy that it serves in a network
namespace of its own; nothing else on the machine is touched.

With -interface and -source: resolves the names of -names, or of standard
input, from the root servers downwards through Myriad, politely: %d requests a
second, %d at a time per server. Flags ask for more.

Writes one JSON line per name to -out, progress and a summary to standard error.
Exit codes: 0 done or ended by Ctrl-C, 1 failed, 2 wrong usage.

`

// parse reads the command line. Errors name the flag, its value and what to
// do; flag.ErrHelp has been dealt with.
func parse(args []string, help io.Writer) (*options, error) {
	o := &options{Type: recordType(dnsmessage.TypeA)}
	f := define(o)
	err := f.Parse(args)
	if err == flag.ErrHelp {
		f.SetOutput(help)
		fmt.Fprintf(help, usageText, goodRate, goodPerServer)
		f.PrintDefaults()
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w; see dnswalk -h", err)
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: names go into a file, given with -names", f.Arg(0))
	}
	given := make(map[string]bool)
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.fillIn(given)
	return o, o.check(given)
}

func define(o *options) *flag.FlagSet {
	f := flag.NewFlagSet("dnswalk", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	f.StringVar(&o.Interface, "interface", "", "resolve through this network `device` instead of the demo")
	f.Var(&o.Sources, "source", "our addresses on it, which nobody else may use: `CIDR`s with commas between; may be repeated")
	f.Var(&o.Gateway, "gateway", "next hop (the kernel's default route of the device): `address`")
	f.Var(&o.GatewayMAC, "gateway-mac", "Ethernet address of the next hop, instead of asking for it: `MAC`")
	f.StringVar(&o.Backend, "backend", "", "`name` of the way to the device: afxdp or afpacket (the first that works)")
	f.IntVar(&o.Queues, "queues", 0, "`number` of queues of the device to use (all)")
	f.StringVar(&o.Names, "names", "-", "`file` of names, one a line, optionally with a type; - for standard input")
	f.StringVar(&o.Zone, "zone", "", "the names are relative to this zone: a `name` added to each")
	f.Var(&o.Type, "type", "`type` of record asked for, where the list gives none (A)")
	f.StringVar(&o.Hints, "hints", "", "`file` of root hints, as InterNIC's named.root (the root servers of the Internet)")
	f.Var(&o.Roots, "root", "`address`es of root servers instead, with commas between")
	f.StringVar(&o.Out, "out", "", "`file` that the JSON lines are added to, - for standard output (standard output; a new file in the\ntemporary folder if that is a terminal)")
	f.StringVar(&o.RTT, "rtt", "", "`file` for one JSON line per server, with the delays of its replies")
	f.Float64Var(&o.Rate, "rate", 0, "requests per second, a `number`; 0 for no limit (1000; demo: no limit)")
	f.IntVar(&o.PerServer, "per-server", 0, "`requests` to one server at a time (4; demo: 512)")
	f.IntVar(&o.Parallel, "parallel", 10_000, "`names` in hand at a time")
	f.DurationVar(&o.Timeout, "timeout", 0, "`time` for a reply, doubled with each round over a zone's servers (1s; demo: 300ms)")
	f.IntVar(&o.Tries, "tries", 4, "`requests` per name and zone, over all servers of the zone")
	f.IntVar(&o.Requests, "max-requests", 100, "`requests` per name, with all that it takes")
	f.IntVar(&o.Cache, "cache", 200_000, "`delegations` remembered")
	f.IntVar(&o.Demo.TLDs, "demo-tlds", 4, "`number` of the demo's top-level domains")
	f.IntVar(&o.Demo.Zones, "demo-zones", 25, "`zones` in each of them")
	f.IntVar(&o.Demo.Names, "demo-names", 100, "`names` in each zone")
	f.BoolVar(&o.DemoTiny, "demo-tiny", false, "serve the demo without NSD, also where it is installed")
	return f
}

// fillIn sets what was not given to the defaults of the mode.
func (o *options) fillIn(given map[string]bool) {
	rate, perServer, timeout := float64(goodRate), goodPerServer, goodTimeout
	if o.demo() {
		rate, perServer, timeout = demoRate, demoPerServer, demoTimeout
	}
	if !given["rate"] {
		o.Rate = rate
	}
	if !given["per-server"] {
		o.PerServer = perServer
	}
	if !given["timeout"] {
		o.Timeout = timeout
	}
}

// check refuses what cannot be done.
func (o *options) check(given map[string]bool) (err error) {
	if err := o.checkMode(given); err != nil {
		return err
	}
	if o.Zone != "" {
		if o.Zone, err = iterate.ParseName(o.Zone); err != nil {
			return fmt.Errorf("-zone: %w", err)
		}
	}
	if o.Backend != "" && o.Backend != "afxdp" && o.Backend != "afpacket" {
		return fmt.Errorf("-backend %q: give afxdp or afpacket, or leave it out for the first that works", o.Backend)
	}
	if math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) || o.Rate < 0 {
		return fmt.Errorf("-rate %v: give a number of requests per second above 0, or 0 for no limit", o.Rate)
	}
	if o.Timeout < time.Millisecond || o.Timeout > time.Minute {
		return fmt.Errorf("-timeout %v: give a time from 1ms to 1m, such as 2s", o.Timeout)
	}
	for _, n := range []struct {
		name               string
		value, least, most int
	}{
		{"queues", o.Queues, 0, 256},
		{"per-server", o.PerServer, 1, 60_000},
		{"parallel", o.Parallel, 1, 1_000_000},
		{"tries", o.Tries, 1, 64},
		{"max-requests", o.Requests, 1, 1_000},
		{"cache", o.Cache, 1, 50_000_000},
		{"demo-tlds", o.Demo.TLDs, 2, demodns.TLDsMax},
		{"demo-zones", o.Demo.Zones, 1, 250},
		{"demo-names", o.Demo.Names, 1, 250},
	} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("-%s %d: give a number from %d to %d", n.name, n.value, n.least, n.most)
		}
	}
	return nil
}

// checkMode refuses flags of the other mode, and what a real interface lacks.
func (o *options) checkMode(given map[string]bool) error {
	if o.demo() {
		for _, name := range []string{"source", "gateway", "gateway-mac", "names", "zone", "type", "hints", "root"} {
			if given[name] {
				return fmt.Errorf("-%s needs -interface: the demo, which runs without it, has its own", name)
			}
		}
		return nil
	}
	if !given["source"] {
		return fmt.Errorf("-source is missing: give addresses on %s that nobody else uses, such as -source 192.0.2.128/25", o.Interface)
	}
	if given["hints"] && given["root"] {
		return fmt.Errorf("-hints and -root both name the root servers: leave one of them out")
	}
	for _, name := range []string{"demo-tlds", "demo-zones", "demo-names", "demo-tiny"} {
		if given[name] {
			return fmt.Errorf("-%s goes with the demo, -interface with the real thing: leave one of them out", name)
		}
	}
	return nil
}

// recordType is the value of -type.
type recordType dnsmessage.Type

// String is the type's name.
func (t *recordType) String() string { return "" }

// Set reads a type.
func (t *recordType) Set(text string) error {
	kind, ok := iterate.ParseType(text)
	if !ok {
		return fmt.Errorf("%q is no record type such as AAAA, MX or TYPE65", text)
	}
	*t = recordType(kind)
	return nil
}
