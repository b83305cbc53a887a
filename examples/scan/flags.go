package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"myriad/examples/internal/program"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/targets"
)

// options are what the command line says, with the defaults of its mode.
type options struct {
	program.Options

	List      string
	Arguments []netip.Prefix
	Ports     portList
	Protocol  string
	Payload   string
	Seed      uint64
	seeded    bool
	Shards    int
	Shard     int
	Cluster   string

	Retries int
	Timeout time.Duration
	Canary  bool
	Batch   int
	Limits  scan.Limits

	Banner         bool
	BannerRequest  string
	BannerBytes    int
	BannerTimeout  time.Duration
	BannerParallel int

	Show string

	protocol         scan.Protocol
	payload, request []byte
	show             [showCount]bool
}

// demo reports whether the run is the demo.
func (o *options) demo() bool { return o.Interface == "" }

// Defaults that differ: towards the demo, which is ours, and everybody else.
const (
	goodRate                 = 1000
	goodRetries, demoRetries = 1, 2
	goodTimeout, demoTimeout = 2 * time.Second, 500 * time.Millisecond
	bannerBytesMost          = 2048
)

var goodLimits = scan.Limits{AddressRate: 50, PrefixRate: 500, Address: 1, Prefix: 20}

// What -show may name.
const (
	showUnsent = int(scan.Unsent)
	showCount  = int(scan.OutcomeCount) + 1
	excluded   = showCount - 1
)

var showWords = []string{scan.Open.String(), scan.Closed.String(), scan.Filtered.String(), scan.Unsent.String(), "excluded", "all"}

func (o *options) define(f *flag.FlagSet) {
	f.StringVar(&o.List, "targets", "", "`file` of addresses and CIDRs, one a line, # begins a comment; - for standard input (those that the arguments name)")
	f.Var(&o.Ports, "ports", "`ports` to probe, as in 80,443,8000-8010 (80; demo: 22,80,443)")
	f.StringVar(&o.Protocol, "protocol", "tcp", "`name` of what to probe with: tcp, udp or icmp")
	f.StringVar(&o.Payload, "payload", "", "`text` of a UDP probe or an echo request, with \\xHH for bytes")
	f.Uint64Var(&o.Seed, "seed", 0, "`number` of the order (a random one)")
	f.IntVar(&o.Shards, "shards", 1, "`number` of parts that the targets are divided into, by the order")
	f.IntVar(&o.Shard, "shard", 0, "`number` of the part to do, from 0")
	f.StringVar(&o.Cluster, "cluster", "", "share the scan with other processes that have the same targets and this `URL` of a NATS server with JetStream: nats://host:4222/name; each has lines of its own part in -out, and its own -rate")
	f.IntVar(&o.Retries, "retries", 0, "probes sent again where no answer came, a `number` (1; demo: 2)")
	f.DurationVar(&o.Timeout, "timeout", 0, "`time` for an answer (2s; demo: 500ms)")
	f.BoolVar(&o.Canary, "canary", true, "see whether the hosts of open TCP ports answer everything")
	f.IntVar(&o.Batch, "batch", 1024, "`frames` by which a stretch of time may exceed the rate, at most")
	f.Float64Var(&o.Limits.AddressRate, "per-address-rate", 0, "probes to one address per second, a `number`; 0 for no limit (50; demo: no limit)")
	f.Float64Var(&o.Limits.PrefixRate, "per-prefix-rate", 0, "probes to one /24 per second, a `number`; 0 for no limit (500; demo: no limit)")
	f.IntVar(&o.Limits.Address, "per-address", 0, "-banner `connections` to one address at a time, 0 for no limit (1; demo: no limit)")
	f.IntVar(&o.Limits.Prefix, "per-prefix", 0, "-banner `connections` to one /24 at a time, 0 for no limit (20; demo: no limit)")
	f.BoolVar(&o.Banner, "banner", false, "connect to open TCP ports and write what they say")
	f.StringVar(&o.BannerRequest, "banner-request", "", "`text` to send on each connection, with \\r\\n and \\xHH for bytes")
	f.IntVar(&o.BannerBytes, "banner-bytes", 512, "`bytes` to take of each")
	f.DurationVar(&o.BannerTimeout, "banner-timeout", 5*time.Second, "`time` for a connection, all told")
	f.IntVar(&o.BannerParallel, "banner-parallel", 1000, "`connections` at a time")
	f.StringVar(&o.Show, "show", "open", "`outcomes` to write lines of, with commas between: open, closed, filtered, unsent, excluded, or all")
}

// check fills in what was not given, and refuses what cannot be done.
func (o *options) check(given program.Given, arguments []string) (err error) {
	rate, retries, timeout, limits := float64(goodRate), goodRetries, goodTimeout, goodLimits
	if o.demo() {
		rate, retries, timeout, limits = 0, demoRetries, demoTimeout, scan.Limits{}
	}
	program.Default(given, "per-address-rate", &o.Limits.AddressRate, limits.AddressRate)
	program.Default(given, "per-prefix-rate", &o.Limits.PrefixRate, limits.PrefixRate)
	program.Default(given, "per-address", &o.Limits.Address, limits.Address)
	program.Default(given, "per-prefix", &o.Limits.Prefix, limits.Prefix)
	program.Default(given, "rate", &o.Rate, rate)
	program.Default(given, "retries", &o.Retries, retries)
	program.Default(given, "timeout", &o.Timeout, timeout)
	if o.seeded = given["seed"]; !o.seeded {
		o.Seed = rand.Uint64()
	}
	if err := o.checkMode(given, arguments); err != nil {
		return err
	}
	if o.payload, err = unquote("payload", o.Payload); err == nil {
		o.request, err = unquote("banner-request", o.BannerRequest)
	}
	if err == nil {
		err = o.readShow()
	}
	if err != nil {
		return err
	}
	if o.Timeout < time.Millisecond || o.Timeout > time.Minute {
		return fmt.Errorf("-timeout %v: give a time from 1ms to 1m, such as 2s", o.Timeout)
	}
	if o.BannerTimeout < 10*time.Millisecond || o.BannerTimeout > 10*time.Minute {
		return fmt.Errorf("-banner-timeout %v: give a time from 10ms to 10m, such as 5s", o.BannerTimeout)
	}
	if o.Rate > 0 && o.Rate < 1 {
		return fmt.Errorf("-rate %v: give at least 1 a second, or 0 for no limit", o.Rate)
	}
	for name, rate := range map[string]float64{"per-address-rate": o.Limits.AddressRate, "per-prefix-rate": o.Limits.PrefixRate} {
		if !(rate == 0 || rate >= 0.01 && rate <= 1e9) {
			return fmt.Errorf("-%s %v: give a number from 0.01 to 1e9, or 0 for no limit", name, rate)
		}
	}
	return program.InRange(
		program.Range{Name: "per-address", Value: int64(o.Limits.Address), Least: 0, Most: 60_000},
		program.Range{Name: "per-prefix", Value: int64(o.Limits.Prefix), Least: 0, Most: 1_000_000},
		program.Range{Name: "shards", Value: int64(o.Shards), Least: 1, Most: 1 << 20},
		program.Range{Name: "shard", Value: int64(o.Shard), Least: 0, Most: int64(o.Shards) - 1},
		program.Range{Name: "retries", Value: int64(o.Retries), Least: 0, Most: 10},
		program.Range{Name: "batch", Value: int64(o.Batch), Least: 1, Most: 2048},
		program.Range{Name: "banner-bytes", Value: int64(o.BannerBytes), Least: 1, Most: bannerBytesMost},
		program.Range{Name: "banner-parallel", Value: int64(o.BannerParallel), Least: 1, Most: 100_000},
	)
}

// checkMode refuses flags that do not go together.
func (o *options) checkMode(given program.Given, arguments []string) error {
	var ok bool
	if o.protocol, ok = scan.ParseProtocol(o.Protocol); !ok {
		return fmt.Errorf("-protocol %q: give tcp, udp or icmp", o.Protocol)
	}
	if o.protocol == scan.ICMP {
		if err := given.Refuse("does not go with -protocol icmp, which has no ports", "ports"); err != nil {
			return err
		}
		o.Ports = nil
	}
	if o.protocol == scan.TCP {
		if err := given.Refuse("goes with -protocol udp or icmp", "payload"); err != nil {
			return err
		}
	} else {
		if err := given.Refuse("goes with -protocol tcp", "canary", "banner"); err != nil {
			return err
		}
		o.Canary = false
	}
	if !o.Banner {
		if err := given.Refuse("goes with -banner", "banner-request", "banner-bytes", "banner-timeout", "banner-parallel", "per-address", "per-prefix"); err != nil {
			return err
		}
	}
	if o.Cluster != "" {
		if err := given.Refuse("does not go with -cluster, whose server divides the targets, and keeps where each part stands", "shards", "shard", "state"); err != nil {
			return err
		}
	}
	if o.Shards > 1 && !o.seeded {
		return fmt.Errorf("-shards %d needs -seed: parts of different orders leave targets out", o.Shards)
	}
	if o.demo() {
		if len(arguments) > 0 {
			return fmt.Errorf("argument %q %s", arguments[0], program.NeedsInterface)
		}
		if len(o.Ports) == 0 && o.protocol != scan.ICMP {
			o.Ports = portList{22, 80, 443}
		}
		return given.Refuse(program.NeedsInterface, "source", "gateway", "gateway-mac", "targets", "allow", "exclude", "cluster")
	}
	return o.checkTargets(given, arguments)
}

// checkTargets reads the arguments.
func (o *options) checkTargets(given program.Given, arguments []string) error {
	if len(o.Ports) == 0 && o.protocol != scan.ICMP {
		o.Ports = portList{80}
	}
	if len(o.Sources) == 0 && o.protocol != scan.TCP {
		return fmt.Errorf("-source is missing: the interface's own address can be shared with the kernel for TCP alone; give addresses that nobody else uses")
	}
	for _, a := range arguments {
		p, err := targets.Parse(a)
		if err != nil {
			return fmt.Errorf("argument %w", err)
		}
		o.Arguments = append(o.Arguments, p)
	}
	switch {
	case len(o.Arguments) == 0 && !given["targets"]:
		return fmt.Errorf("no targets: give addresses or CIDRs as arguments, or -targets with a file of them")
	case len(o.Arguments) > 0 && given["targets"]:
		return fmt.Errorf("-targets and arguments both name targets: leave one of them out")
	}
	return nil
}

// readShow reads -show.
func (o *options) readShow() error {
	for _, word := range strings.Split(o.Show, ",") {
		k := slices.Index(showWords, word)
		switch {
		case k < 0:
			return fmt.Errorf("-show %q: give some of %s", word, strings.Join(showWords, ", "))
		case word == "all":
			for k := range o.show {
				o.show[k] = true
			}
		default:
			o.show[k+1] = true // outcomes begin at 1
		}
	}
	return nil
}

// unquote reads a text with Go's escapes.
func unquote(name, text string) ([]byte, error) {
	s, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, `\"`) + `"`)
	if err != nil {
		return nil, fmt.Errorf("-%s %q: only \\r, \\n, \\t, \\\\ and \\xHH may follow a backslash", name, text)
	}
	return []byte(s), nil
}

// portList is the value of -ports.
type portList []uint16

// String is empty: the usage tells the defaults.
func (l *portList) String() string { return "" }

// Set reads ports and ranges with commas between, or * for all but 0.
func (l *portList) Set(text string) error {
	*l = nil
	if text == "*" {
		text = "1-65535"
	}
	for _, part := range strings.Split(text, ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		from, err1 := strconv.ParseUint(low, 10, 16)
		to, err2 := strconv.ParseUint(high, 10, 16)
		if err1 != nil || err2 != nil || from == 0 || from > to {
			return fmt.Errorf("%q is neither a port from 1 to 65535 nor a range such as 8000-8010", part)
		}
		for p := from; p <= to; p++ {
			*l = append(*l, uint16(p))
		}
	}
	return nil
}
