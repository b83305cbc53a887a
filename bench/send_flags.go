package main

import (
	"flag"
	"fmt"
	"io"
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
	count    int
	duration time.Duration
	asJSON   bool
}

const (
	sendDuration = 300 * time.Millisecond
	sendBatches  = "1,4,16,64,256,1024,4096"
)

// sendTables are what send can measure.
var sendTables = []string{"rate", "firewall", "batch"}

const sendHelp = `usage: go run ./bench send [flags]

Sends raw frames by each method and prints how many a second arrive at the far
end of a veth pair: to one destination and all unique, by number of queues and
frame size (rate); the smallest ones with and without nftables and connection
tracking on the way out (firewall); and by the number of frames in one call
(batch). Needs root.

`

func parseSend(args []string, stdout io.Writer) (o sendOptions, err error) {
	var methods, queues, sizes, batches, tables string
	f := flag.NewFlagSet("send", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&methods, "methods", strings.Join(send.Methods, ","), "`names`, comma-separated: raw and packet are a call a frame, with -batch sendmmsg; packet-ring is memory-mapped")
	f.StringVar(&queues, "queues", "1,2", "`numbers` of queues, each with a thread")
	f.StringVar(&sizes, "sizes", "64,512,1518", "`bytes` of a frame, with its check sequence")
	f.StringVar(&batches, "batches", sendBatches, "`frames` in one call, for the table by batch")
	f.StringVar(&tables, "tables", strings.Join(sendTables, ","), "what to measure: rate, firewall, batch")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` in one call, for the other tables")
	f.IntVar(&o.count, "count", 0, "stop each run after this `number` of frames a queue instead of after -duration")
	f.DurationVar(&o.duration, "duration", sendDuration, "how long each run sends")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, sendHelp); err != nil {
		return o, err
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
	case o.count < 0:
		err = fmt.Errorf("-count %d is below 0", o.count)
	case o.duration <= 0:
		err = fmt.Errorf("-duration %v is not above 0", o.duration)
	}
	if err != nil {
		return o, usageErrorf("send: %w", err)
	}
	return o, nil
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
