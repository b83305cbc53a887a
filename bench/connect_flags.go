package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"myriad/bench/internal/farend"
)

// connectOptions are connect's flags.
type connectOptions struct {
	backend      string
	queues       []int
	kinds        []string // of -jobs; nil is by -request and -close
	destinations []string
	tune         time.Duration
	batch        int
	connections  int
	count        int
	duration     time.Duration
	window       int
	request      int
	requestSet   bool
	reply        int
	close        string
	rate         float64
	device       string
	sources      []netip.Prefix
	targets      netip.Prefix
	port         uint16
	gateway      net.HardwareAddr
	asJSON       bool
	verify       bool
	cpuProfile   string
	methods      []string
	rounds       int
	threads      int
}

const (
	requestDefault  = 200
	replyDefault    = 200
	windowDefault   = 1024
	queuesDefault   = 2
	batchDefault    = 256
	durationDefault = 5 * time.Second
	threadsDefault  = 64
	tuneDefault     = 30 * time.Millisecond
	threadsMax      = 4096
)

const connectHelp = `usage: go run ./bench connect [flags]

Opens connections and prints how many a second complete: first handshake + RST,
then handshake + request + reply + RST. Without -interface it makes two network
namespaces and a veth pair, with an XDP program as the far end that answers
without state, so that the client is what is measured; that needs root.

`

func parseConnect(args []string, stdout io.Writer) (o connectOptions, err error) {
	var source, target, gateway, methods, queues, kinds, destinations string
	f := flag.NewFlagSet("connect", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&o.backend, "backend", "", "`name` of the backend, of "+strings.Join(backendNames, ", ")+" (default: the first that works)")
	f.StringVar(&queues, "queues", "", "`numbers` of queues, comma-separated, each queue with a worker (default: 2, or all of the -interface)")
	f.StringVar(&kinds, "jobs", "", "what connections do: `kinds`, comma-separated, of "+strings.Join(connectKinds, ", ")+": handshake and RST, with the request on the handshake's ACK, with the request after it, and ended by FIN (default: by -request and -close)")
	f.StringVar(&destinations, "destinations", "unique", "whom to: `kinds`, comma-separated: one is one address and port, unique is 65,536 addresses")
	f.DurationVar(&o.tune, "tune", tuneDefault, "how long the bare loop tries each of its batches and windows to find its best; 0 leaves the loop out, and has -methods bare use -batch and -window")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` moved in one turn")
	f.IntVar(&o.connections, "connections", 0, "open this `number`, hold all of them at once, report the memory, then close")
	f.IntVar(&o.count, "count", 0, "stop after this `number` of connections instead of after -duration")
	f.DurationVar(&o.duration, "duration", durationDefault, "how long connections are opened")
	f.IntVar(&o.window, "window", windowDefault, "`number` of connections under way at once")
	f.IntVar(&o.request, "request", requestDefault, "`bytes` of the request; 0 is handshake only; given, only that is measured")
	f.IntVar(&o.reply, "reply", replyDefault, "`bytes` of the reply to each request")
	f.StringVar(&o.close, "close", "rst", "how connections end: rst or fin")
	f.Float64Var(&o.rate, "rate", 0, "new connections per second at most; 0 is without limit")
	f.StringVar(&o.device, "interface", "", "`device` to work on, in the namespace that this is started in, against a far end that is there already")
	f.StringVar(&source, "source", "", "our addresses on -interface: `CIDR[,CIDR]`")
	f.StringVar(&target, "target", "", "whom to connect to, each address in turn: `CIDR:PORT`")
	f.StringVar(&gateway, "gateway-mac", "", "`MAC` that all frames go to (default: by the kernel's routes and ARP)")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	f.BoolVar(&o.verify, "verify", false, "have the far end verify our checksums, slowly")
	f.StringVar(&methods, "methods", "", "compare: `names`, comma-separated, of "+strings.Join(methodNames, ", ")+", in turns: Myriad by -backend, by live or afpacket; bare and bare-live, a client without state, at its best; the kernel by C clients with epoll, io_uring (uring) or blocking calls (connect), by Go (netdial), netstack by gVisor over AF_PACKET, on Windows by ConnectEx and DisconnectEx (connectex)")
	f.IntVar(&o.rounds, "rounds", roundsDefault, "`number` of turns that each of -methods takes, of -duration (then 1s by default)")
	f.IntVar(&o.threads, "threads", threadsDefault, "`number` of threads of -methods connect, each with one connection at a time")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of the runs to this `file`")

	if err := parseFlags(f, args, stdout, connectHelp); err != nil {
		return o, err
	}
	given := make(map[string]bool)
	f.Visit(func(f *flag.Flag) { given[f.Name] = true })
	o.requestSet = given["request"]
	if err := o.lists(queues, kinds, destinations, given); err != nil {
		return o, usageErrorf("connect: %w", err)
	}
	if err := o.addresses(source, target, gateway, methods != ""); err != nil {
		return o, usageErrorf("connect: %w", err)
	}
	if err := o.validate(given); err != nil {
		return o, usageErrorf("connect: %w", err)
	}
	if err := o.compares(methods, given); err != nil {
		return o, usageErrorf("connect: %w", err)
	}
	return o, nil
}

// lists reads the flags that name several.
func (o *connectOptions) lists(queues, kinds, destinations string, given map[string]bool) (err error) {
	o.queues = []int{0}
	if queues != "" {
		if o.queues, err = counts(queues); err != nil {
			return fmt.Errorf("-queues: %w", err)
		}
	}
	if n := slices.Max(o.queues); n > 256 {
		return fmt.Errorf("-queues %d is not within 1 to 256", n)
	}
	if o.destinations, err = names("-destinations", destinations, []string{"one", "unique"}); err != nil {
		return err
	}
	if kinds == "" {
		return nil
	}
	if o.kinds, err = names("-jobs", kinds, connectKinds); err != nil {
		return err
	}
	if given["close"] || o.request == 0 {
		return errors.New("-jobs says how connections end and which have a request: leave -close and -request 0 out")
	}
	return nil
}

// addresses reads the flags that describe somebody else's far end. Methods
// that are compared may need no interface.
func (o *connectOptions) addresses(source, target, gateway string, compared bool) (err error) {
	switch {
	case o.device == "" && (source != "" || gateway != "" || target != "" && !compared):
		return errors.New("-source, -target and -gateway-mac need -interface: without it both ends are made here")
	case o.device == "" && target == "":
		return nil
	case o.device != "" && (source == "" || target == ""):
		return fmt.Errorf("-interface %s needs -source CIDR[,CIDR] and -target CIDR:PORT", o.device)
	}
	for part := range strings.FieldsFuncSeq(source, func(r rune) bool { return r == ',' }) {
		p, err := prefix(part)
		if err != nil {
			return fmt.Errorf("-source: %w", err)
		}
		o.sources = append(o.sources, p)
	}
	at := strings.LastIndexByte(target, ':')
	if at < 0 {
		return fmt.Errorf("-target %q has no port: want CIDR:PORT, as 10.0.0.0/16:80", target)
	}
	if o.targets, err = prefix(target[:at]); err != nil {
		return fmt.Errorf("-target: %w", err)
	}
	port, err := strconv.ParseUint(target[at+1:], 10, 16)
	if err != nil || port == 0 {
		return fmt.Errorf("-target %q: port %q is not within 1 to 65535", target, target[at+1:])
	}
	o.port = uint16(port)
	if gateway == "" {
		return nil
	}
	o.gateway, err = station(gateway)
	return err
}

// station reads an Ethernet address.
func station(s string) (net.HardwareAddr, error) {
	mac, err := net.ParseMAC(s)
	if err != nil || len(mac) != 6 {
		return nil, fmt.Errorf("-gateway-mac %q is not an Ethernet address, as 02:00:00:00:00:01", s)
	}
	return mac, nil
}

// prefix reads an IPv4 prefix; an address alone stands for itself.
func prefix(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return netip.PrefixFrom(a, 32), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || !p.Addr().Is4() {
		return p, fmt.Errorf("%q is not an IPv4 prefix, as 10.0.0.0/24", s)
	}
	return p.Masked(), nil
}

// validate refuses what cannot be measured.
func (o *connectOptions) validate(given map[string]bool) error {
	switch {
	case o.backend != "" && !slices.Contains(backendNames, o.backend):
		return fmt.Errorf("-backend %q is none of %s", o.backend, strings.Join(backendNames, ", "))
	case o.close != "rst" && o.close != "fin":
		return fmt.Errorf("-close %q is neither rst nor fin", o.close)
	case o.tune < 0:
		return fmt.Errorf("-tune %v is below 0", o.tune)
	case o.batch < 1:
		return fmt.Errorf("-batch %d is below 1", o.batch)
	case o.connections < 0 || o.connections > math.MaxInt32:
		return fmt.Errorf("-connections %d is not within 0 to %d", o.connections, math.MaxInt32)
	case o.count < 0:
		return fmt.Errorf("-count %d is below 0", o.count)
	case o.device != "" && given["destinations"]:
		return errors.New("-destinations: with -interface it is -target that says whom to")
	case o.connections > 0 && len(o.jobs()) > 1:
		return errors.New("-connections is one run, since memory is a process's: give one of -jobs, -destinations and -queues")
	case o.connections > 0 && (o.count > 0 || given["duration"]):
		return errors.New("-connections runs until all of them are open: leave -duration and -count out")
	case o.count > 0 && given["duration"]:
		return errors.New("-count and -duration both say when to stop: give one of them")
	case o.duration <= 0:
		return fmt.Errorf("-duration %v is not above 0", o.duration)
	case o.threads < 1 || o.threads > threadsMax:
		return fmt.Errorf("-threads %d is not within 1 to %d", o.threads, threadsMax)
	case o.window < 1:
		return fmt.Errorf("-window %d is below 1", o.window)
	case o.rate < 0 || math.IsNaN(o.rate):
		return fmt.Errorf("-rate %v is below 0", o.rate)
	case o.request < 0 || o.request > 1<<16:
		return fmt.Errorf("-request %d is not within 0 to %d bytes", o.request, 1<<16)
	}
	return o.validateReply()
}

// validateReply refuses what the far end cannot answer.
func (o *connectOptions) validateReply() error {
	if o.request == 0 {
		return nil
	}
	last := (o.request-1)%farend.ReplyMax + 1
	switch {
	case o.reply < 1:
		return fmt.Errorf("-reply %d is below 1 byte, and nothing else tells that the request arrived", o.reply)
	case o.device != "":
		return nil
	case o.reply > farend.ReplyMax:
		return fmt.Errorf("-reply %d exceeds the far end's one segment of %d bytes", o.reply, farend.ReplyMax)
	case o.reply > last+farend.GrowMax:
		return fmt.Errorf("-reply %d exceeds the last segment of the request (%d bytes) by more than the %d that the far end can add: use a longer -request",
			o.reply, last, farend.GrowMax)
	}
	return nil
}
