package program

import (
	"flag"
	"fmt"
	"math"
	"net"
	"slices"
	"strings"

	"myriad/examples/internal/flags"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/targets"
	"myriad/tcpclient"
)

// Options are the flags of all programs.
type Options struct {
	Interface  string
	Sources    flags.Prefixes
	Gateway    flags.Address
	GatewayMAC flags.MAC
	Backend    string
	Queues     int
	Rate       float64

	Exclude flags.Strings
	Allow   flags.Prefixes

	Out     string
	Fields  string
	State   string
	Report  string
	Metrics string
	Status  string
	Quiet   bool
	Verbose verbosity
}

// Words are what the flags of all programs say in one of them.
type Words struct {
	Does string // with the device: "crawl from this network `device` instead of the demo"
	Rate string // "new connections per second, a `number`; 0 for no limit (100; demo: no limit)"
}

// define defines them.
func (o *Options) define(f *flag.FlagSet, w Words) {
	f.StringVar(&o.Interface, "interface", "", w.Does)
	f.Var(&o.Sources, "source", "our addresses on it, which nobody else may use: `CIDR`s with commas between; may be repeated")
	f.Var(&o.Gateway, "gateway", "next hop (the kernel's default route of the device): `address`")
	f.Var(&o.GatewayMAC, "gateway-mac", "Ethernet address of the next hop, instead of asking for it: `MAC`")
	f.StringVar(&o.Backend, "backend", "", "`name` of the way to the device: afxdp, live (AF_XDP that sends faster, on a veth)\nor afpacket (the first that works)")
	f.IntVar(&o.Queues, "queues", 0, "`number` of queues of the device to use (all)")
	f.Float64Var(&o.Rate, "rate", 0, w.Rate)
	f.Var(&o.Exclude, "exclude", "`file` of addresses and CIDRs that are left alone, one a line, # begins a comment; may be repeated")
	f.Var(&o.Allow, "allow", "`CIDR`s out of IANA's special-purpose blocks that are not left alone, such as 10.0.0.0/8; may be repeated")
	f.StringVar(&o.Out, "out", "", "`file` that the JSON lines are added to, - for standard output (standard output; a new file in the temporary folder if that is a terminal)")
	f.StringVar(&o.Fields, "fields", "", "`names` of the fields to write, with commas between (all; the schema sub-command lists them)")
	f.StringVar(&o.State, "state", "", "`directory` for checkpoints: the same command goes on there after Ctrl-C or a kill")
	f.StringVar(&o.Report, "report", "", "`file` for an HTML page with charts of the run")
	f.StringVar(&o.Metrics, "metrics", "", "`address` for Prometheus: a port on loopback, or address:port")
	f.StringVar(&o.Status, "status", "", "`json` for how it stands as a line of JSON a second on standard error, instead of what is for people")
	f.BoolVar(&o.Quiet, "q", false, "quiet: warnings and errors only")
	f.Var(&o.Verbose, "v", "verbose: how the run came to be what it is, too; twice: also each target without a result")
}

// groups are theirs in -h.
var groups = []Group{
	{"Network", []string{"interface", "source", "gateway", "gateway-mac", "backend", "queues", "rate"}},
	{"What is left alone", []string{"exclude", "allow"}},
	{"Output", []string{"out", "fields", "state", "report", "metrics", "status", "q", "v"}},
}

// backends are what -backend takes.
var backends = []string{"afxdp", "live", "afpacket"}

// check refuses what no program can do.
func (o *Options) check(p *Program) error {
	if o.Backend != "" && !slices.Contains(backends, o.Backend) {
		return fmt.Errorf("-backend %q: give one of %s, or leave it out", o.Backend, strings.Join(backends, ", "))
	}
	if math.IsNaN(o.Rate) || math.IsInf(o.Rate, 0) || o.Rate < 0 {
		return fmt.Errorf("-rate %v: give a number above 0, or 0 for no limit", o.Rate)
	}
	if o.Status != "" && o.Status != "json" {
		return fmt.Errorf("-status %q: give json, or leave it out", o.Status)
	}
	if o.Quiet && o.Verbose > 0 {
		return fmt.Errorf("-q and -v ask for less and for more: leave one of them out")
	}
	if o.Metrics != "" {
		if _, err := metrics.Address(o.Metrics); err != nil {
			return err
		}
	}
	if o.Fields != "" {
		if _, err := p.output().Select(o.Fields); err != nil {
			return err
		}
	}
	return InRange(Range{"queues", int64(o.Queues), 0, 256})
}

// Device is what tcpclient opens.
func (o *Options) Device() tcpclient.Interface {
	return tcpclient.Interface{
		Name: o.Interface, Backend: o.Backend, Sources: o.Sources, Queues: o.Queues,
		Gateway: o.Gateway.Addr, GatewayMAC: net.HardwareAddr(o.GatewayMAC),
	}
}

// Exclusions are what is left alone: the special-purpose blocks less -allow,
// and what -exclude lists. Errors are wrong usage.
func (o *Options) Exclusions() (*targets.Exclusions, error) {
	e := targets.New()
	e.Allow(o.Allow...)
	for _, path := range o.Exclude {
		if err := e.ReadFile(path); err != nil {
			return nil, Fail(UsageWrong, fmt.Errorf("-exclude %w", err))
		}
	}
	return e, nil
}

// Given are the names of the flags on the command line.
type Given map[string]bool

// Refuse refuses flags that were given but do not go with the rest; why says
// what to do, after the flag's name.
func (g Given) Refuse(why string, names ...string) error {
	for _, name := range names {
		if g[name] {
			return fmt.Errorf("-%s %s", name, why)
		}
	}
	return nil
}

// Need is a flag that must be given, and what to give.
type Need struct{ Name, Remedy string }

// Require refuses when one is missing.
func (g Given) Require(needs ...Need) error {
	for _, n := range needs {
		if !g[n.Name] {
			return fmt.Errorf("-%s is missing: %s", n.Name, n.Remedy)
		}
	}
	return nil
}

// Default sets a value unless its flag was given.
func Default[T any](g Given, name string, value *T, otherwise T) {
	if !g[name] {
		*value = otherwise
	}
}

// Range is a flag's number with its bounds.
type Range struct {
	Name               string
	Value, Least, Most int64
}

// InRange refuses a number out of its bounds.
func InRange(ranges ...Range) error {
	if i := slices.IndexFunc(ranges, func(r Range) bool { return r.Value < r.Least || r.Value > r.Most }); i >= 0 {
		r := ranges[i]
		return fmt.Errorf("-%s %d: give a number from %d to %d", r.Name, r.Value, r.Least, r.Most)
	}
	return nil
}

// What flags of the demo and of the real thing are refused with, after their
// names.
const (
	NeedsInterface = "needs -interface: the demo, which runs without it, has its own"
	NeedsDemo      = "goes with the demo, -interface with the real thing: leave one of them out"
)
