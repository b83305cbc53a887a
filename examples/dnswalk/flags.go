package main

import (
	"flag"
	"fmt"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/demodns"
	"myriad/examples/internal/flags"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/program"
)

// options are what the command line says, with the defaults of its mode.
type options struct {
	program.Options

	Names string
	Zone  string
	Type  recordType
	Hints string
	Roots flags.Addresses
	RTT   string

	Cluster string

	PerServer     int
	PerServerRate float64
	Parallel      int
	Timeout       time.Duration
	Tries         int
	Requests      int
	Deadline      time.Duration
	Cache         int

	Demo     demodns.Tree
	DemoTiny bool
}

func newOptions() *options { return &options{Type: recordType(dnsmessage.TypeA)} }

func (o *options) demo() bool { return o.Interface == "" }

// manners are the defaults that differ: towards the demo, which is ours, and
// towards everybody else.
type manners struct {
	rate, perServerRate float64
	perServer           int
	timeout             time.Duration
}

var (
	demoManners = manners{perServer: 512, timeout: 300 * time.Millisecond}
	goodManners = manners{rate: 1000, perServerRate: 50, perServer: 4, timeout: time.Second}
)

var about = fmt.Sprintf(`
Without -interface: walks a small DNS hierarchy that it serves in a network
namespace of its own; nothing else on the machine is touched.

With -interface and -source: resolves the names of -names, or of standard
input, from the root servers downwards through Myriad, politely: %g requests a
second, %d at a time and %g a second per server. Flags ask for more.

Writes one JSON line per name to -out, progress and a summary to standard error.
`, goodManners.rate, goodManners.perServer, goodManners.perServerRate)

var groups = []program.Group{
	{Title: "What to resolve", Flags: []string{"names", "zone", "type", "hints", "root", "cluster"}},
	{Title: "How", Flags: []string{"per-server", "per-server-rate", "parallel", "timeout", "tries", "max-requests", "deadline", "cache", "rtt"}},
	{Title: "Demo", Flags: []string{"demo-tlds", "demo-zones", "demo-names", "demo-tiny"}},
}

func (o *options) define(f *flag.FlagSet) {
	f.StringVar(&o.Names, "names", "-", "`file` of names, one a line, optionally with a type; - for standard input")
	f.StringVar(&o.Zone, "zone", "", "the names are relative to this zone: a `name` added to each")
	f.Var(&o.Type, "type", "`type` of record asked for, where the list gives none (A)")
	f.StringVar(&o.Hints, "hints", "", "`file` of root hints, as InterNIC's named.root (the root servers of the Internet)")
	f.Var(&o.Roots, "root", "`address`es of root servers instead, with commas between")
	f.StringVar(&o.RTT, "rtt", "", "`file` for one JSON line per server, with the delays of its replies")
	f.StringVar(&o.Cluster, "cluster", "", "share the list with other processes that have the same one and this `URL` of a NATS server with JetStream: nats://host:4222/name; each has lines of its own part in -out, and its own limits")
	f.IntVar(&o.PerServer, "per-server", 0, "`requests` to one server at a time (4; demo: 512)")
	f.Float64Var(&o.PerServerRate, "per-server-rate", 0, "requests to one server per second, a `number`; 0 for no limit (50; demo: no limit)")
	f.IntVar(&o.Parallel, "parallel", 10_000, "`names` in hand at a time")
	f.DurationVar(&o.Timeout, "timeout", 0, "`time` for a reply, doubled with each round over a zone's servers (1s; demo: 300ms)")
	f.IntVar(&o.Tries, "tries", 4, "`requests` per name and zone, over all servers of the zone")
	f.IntVar(&o.Requests, "max-requests", 100, "`requests` per name, with all that it takes")
	f.DurationVar(&o.Deadline, "deadline", 10*time.Minute, "`time` for a name with all its requests, after which none leaves; its waiting for -rate and -per-server-rate counts")
	f.IntVar(&o.Cache, "cache", 200_000, "`delegations` remembered")
	f.IntVar(&o.Demo.TLDs, "demo-tlds", 4, "`number` of the demo's top-level domains")
	f.IntVar(&o.Demo.Zones, "demo-zones", 25, "`zones` in each of them")
	f.IntVar(&o.Demo.Names, "demo-names", 100, "`names` in each zone")
	f.BoolVar(&o.DemoTiny, "demo-tiny", false, "serve the demo without NSD, also where it is installed")
}

// check fills in the defaults of the mode, and refuses what cannot be done.
func (o *options) check(given program.Given, _ []string) (err error) {
	m := goodManners
	if o.demo() {
		m = demoManners
	}
	program.Default(given, "rate", &o.Rate, m.rate)
	program.Default(given, "per-server-rate", &o.PerServerRate, m.perServerRate)
	program.Default(given, "per-server", &o.PerServer, m.perServer)
	program.Default(given, "timeout", &o.Timeout, m.timeout)
	if err := o.checkMode(given); err != nil {
		return err
	}
	if o.Zone != "" {
		if o.Zone, err = iterate.ParseName(o.Zone); err != nil {
			return fmt.Errorf("-zone: %w", err)
		}
	}
	if o.Timeout < time.Millisecond || o.Timeout > time.Minute {
		return fmt.Errorf("-timeout %v: give a time from 1ms to 1m, such as 2s", o.Timeout)
	}
	if o.Deadline < time.Millisecond || o.Deadline > 24*time.Hour {
		return fmt.Errorf("-deadline %v: give a time from 1ms to 24h, such as 1m", o.Deadline)
	}
	if !(o.PerServerRate >= 0 && o.PerServerRate <= 1e9) {
		return fmt.Errorf("-per-server-rate %v: give a number above 0, or 0 for no limit", o.PerServerRate)
	}
	return program.InRange(
		program.Range{Name: "per-server", Value: int64(o.PerServer), Least: 1, Most: 60_000},
		program.Range{Name: "parallel", Value: int64(o.Parallel), Least: 1, Most: 1_000_000},
		program.Range{Name: "tries", Value: int64(o.Tries), Least: 1, Most: 64},
		program.Range{Name: "max-requests", Value: int64(o.Requests), Least: 1, Most: 1_000},
		program.Range{Name: "cache", Value: int64(o.Cache), Least: 1, Most: 50_000_000},
		program.Range{Name: "demo-tlds", Value: int64(o.Demo.TLDs), Least: 2, Most: demodns.TLDsMax},
		program.Range{Name: "demo-zones", Value: int64(o.Demo.Zones), Least: 1, Most: 250},
		program.Range{Name: "demo-names", Value: int64(o.Demo.Names), Least: 1, Most: 250},
	)
}

// checkMode refuses flags of the other mode, and what a real interface lacks.
func (o *options) checkMode(given program.Given) error {
	if o.demo() {
		return given.Refuse(program.NeedsInterface, "source", "gateway", "gateway-mac", "allow", "exclude", "names", "zone", "type", "hints", "root", "cluster")
	}
	if err := given.Require(program.Need{Name: "source", Remedy: "give addresses on " + o.Interface + " that nobody else uses, such as -source 192.0.2.128/25"}); err != nil {
		return err
	}
	if o.Cluster != "" {
		if err := given.Refuse("does not go with -cluster, whose server keeps where each part stands", "state"); err != nil {
			return err
		}
		if o.Names == "-" {
			return fmt.Errorf("-cluster needs -names with a file, the same for all: of standard input nobody else can do a part")
		}
	}
	if given["hints"] && given["root"] {
		return fmt.Errorf("-hints and -root both name the root servers: leave one of them out")
	}
	return given.Refuse(program.NeedsDemo, "demo-tlds", "demo-zones", "demo-names", "demo-tiny")
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
