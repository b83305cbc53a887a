package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"myriad/bench/internal/send"
)

// sendOptions are send's flags.
type sendOptions struct {
	methods  []string
	queues   []int
	sizes    []int
	batches  []int
	tables   []string
	batch    int
	rounds   int
	count    int
	duration time.Duration
	asJSON   bool
	device   string
	source   netip.Addr
	targets  netip.Prefix
	gateway  net.HardwareAddr
}

const (
	sendDuration = 300 * time.Millisecond
	sendRounds   = 3
	sendBatches  = "1,4,16,64,256,1024,4096"
)

// sendTables are what send can measure.
var sendTables = []string{"rate", "firewall", "batch", "stack"}

const sendHelp = `usage: go run ./bench send [flags]

Sends raw frames by each method and prints how many a second arrive at the far
end of a veth pair: to one destination and all unique, by number of queues and
frame size (rate); the smallest ones with and without nftables and connection
tracking on the way out (firewall); by the number of frames in one call
(batch); and the SYNs of Myriad's whole stack, over AF_XDP and with live frames,
beside bare frames of that length by the same two, at batches of 32 to 512, in -rounds (stack).
Needs root. With -interface it sends on that, as fast as it can, and prints what
left: point it only at what is yours. Windows has only that.

`

func parseSend(args []string, stdout io.Writer) (o sendOptions, err error) {
	var methods, queues, sizes, batches, tables, source, target, gateway string
	f := flag.NewFlagSet("send", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&methods, "methods", strings.Join(send.Methods, ","), "`names`, comma-separated: raw and packet are a call a frame, with -batch sendmmsg; packet-ring is memory-mapped")
	f.StringVar(&o.device, "interface", "", "`device` to send on, instead of a veth pair; with it -source, -target and -gateway-mac")
	f.StringVar(&source, "source", "", "our `address` on -interface; for raw one of the machine's own")
	f.StringVar(&target, "target", "", "whom to send to, each address in turn or the first: `CIDR`")
	f.StringVar(&gateway, "gateway-mac", "", "`MAC` that frames go to; raw needs none")
	f.StringVar(&queues, "queues", sendQueues, "`numbers` of queues, each with a thread")
	f.StringVar(&sizes, "sizes", "64,512,1518", "`bytes` of a frame, with its check sequence")
	f.StringVar(&batches, "batches", sendBatches, "`frames` in one call, for the table by batch")
	f.IntVar(&o.rounds, "rounds", sendRounds, "`times` that the table stack is measured, everything in it taking turns; its medians count")
	f.StringVar(&tables, "tables", "", "what to measure: rate, firewall, batch, stack (default: all, with -interface rate and batch)")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` in one call, for the other tables")
	f.IntVar(&o.count, "count", 0, "stop each run after this `number` of frames a queue instead of after -duration")
	f.DurationVar(&o.duration, "duration", sendDuration, "how long each run sends")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, sendHelp); err != nil {
		return o, err
	}
	if err := o.ends(source, target, gateway); err != nil {
		return o, usageErrorf("send: %w", err)
	}
	if tables == "" {
		tables = "rate,firewall,batch,stack"
		if o.device != "" {
			tables = "rate,batch"
		}
	}
	for _, list := range []struct {
		name, text string
		to         *[]int
		max        int
	}{{"-queues", queues, &o.queues, 256}, {"-sizes", sizes, &o.sizes, send.FrameMax}, {"-batches", batches, &o.batches, send.BatchMax}} {
		if *list.to, err = counts(list.text); err != nil {
			return o, usageErrorf("send: %s: %w", list.name, err)
		}
		if n := slices.Max(*list.to); n > list.max {
			return o, usageErrorf("send: %s %d is above %d", list.name, n, list.max)
		}
	}
	if n := slices.Min(o.sizes); n < send.FrameMin {
		return o, usageErrorf("send: -sizes %d is below %d", n, send.FrameMin)
	}
	if o.methods, err = names("-methods", methods, send.Methods); err == nil {
		o.tables, err = names("-tables", tables, sendTables)
	}
	switch {
	case err != nil:
	case o.batch < 1 || o.batch > send.BatchMax:
		err = fmt.Errorf("-batch %d is not within 1 to %d", o.batch, send.BatchMax)
	case o.rounds < 1 || o.rounds > 1000:
		err = fmt.Errorf("-rounds %d is not within 1 to 1000", o.rounds)
	case o.count < 0:
		err = fmt.Errorf("-count %d is below 0", o.count)
	case o.duration <= 0:
		err = fmt.Errorf("-duration %v is not above 0", o.duration)
	case o.device != "" && slices.Contains(o.tables, "stack"):
		err = errors.New("-tables stack counts at a far end of its own: leave -interface or stack out")
	case o.device != "" && slices.Contains(o.tables, "firewall"):
		err = errors.New("-tables firewall makes its own firewall: with -interface set up yours, and measure rate with it and without")
	case o.device != "" && o.gateway == nil && slices.ContainsFunc(o.methods, func(m string) bool { return !strings.HasPrefix(m, "raw") }):
		err = errors.New("-gateway-mac: none: all -methods but raw need to know where frames go")
	}
	if err != nil {
		return o, usageErrorf("send: %w", err)
	}
	return o, nil
}

// ends reads the flags that describe somebody else's far end.
func (o *sendOptions) ends(source, target, gateway string) (err error) {
	if o.device == "" {
		if source != "" || target != "" || gateway != "" {
			return errors.New("-source, -target and -gateway-mac need -interface: without it both ends are made here")
		}
		return nil
	}
	if o.source, err = netip.ParseAddr(source); err != nil || !o.source.Is4() {
		return fmt.Errorf("-interface %s needs -source: %q is not an IPv4 address", o.device, source)
	}
	if o.targets, err = prefix(target); err != nil {
		return fmt.Errorf("-interface %s needs -target: %w", o.device, err)
	}
	if gateway != "" {
		o.gateway, err = station(gateway)
	}
	return err
}

// names reads a comma-separated list of some of the known names.
func names(option, text string, known []string) ([]string, error) {
	list := strings.Split(text, ",")
	for k, name := range list {
		switch {
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("%s: %q is none of %s", option, name, strings.Join(known, ", "))
		case slices.Contains(list[:k], name):
			return nil, fmt.Errorf("%s: %q is there twice", option, name)
		}
	}
	return list, nil
}
