package main

import (
	"flag"
	"fmt"
	"io"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// receiveOptions are receive's flags.
type receiveOptions struct {
	tables     []string
	backends   []string
	queues     []int
	rates      []int
	pools      []int
	thresholds []int
	batch      int
	capacity   int
	offered    int
	duration   time.Duration
	asJSON     bool
}

const receiveDuration = 500 * time.Millisecond

// receiveTables are what receive can measure.
var receiveTables = []string{"rate", "burst", "imbalance"}

const receiveHelp = `usage: go run ./bench receive [flags]

Has a generator on a processor of its own send frames over a veth pair by the
clock, whatever becomes of them, and prints how many the application got and
where the others were dropped: at offered rates (rate); the longest burst taken
without loss while the application looks away, by the frames that a queue has
(burst); and all frames on one queue, at more than its application takes but
less than two do, by the number of waiting frames at which it hands over to the
other queue (imbalance). Needs root.

`

func parseReceive(args []string, stdout io.Writer) (o receiveOptions, err error) {
	var tables, backends, queues, rates, pools, thresholds string
	f := flag.NewFlagSet("receive", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&tables, "tables", strings.Join(receiveTables, ","), "what to measure: rate, burst, imbalance")
	f.StringVar(&backends, "backends", "afxdp,afpacket", "`names`, comma-separated")
	f.StringVar(&queues, "queues", "1,2", "`numbers` of queues for the table by rate")
	f.StringVar(&rates, "rates", "50K,200K,500K,1M", "frames per second offered, over all queues")
	f.StringVar(&pools, "pools", "1024,4096,16384", "receive `frames` of a queue for the bursts; powers of two")
	f.StringVar(&thresholds, "thresholds", "never,64,512,2048", "waiting `frames` beyond which a queue hands over")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` received in one call")
	f.IntVar(&o.capacity, "capacity", 50_000, "`frames` a second that each queue's application takes under imbalance")
	f.IntVar(&o.offered, "offered", 80_000, "`frames` a second offered to the one queue under imbalance")
	f.DurationVar(&o.duration, "duration", receiveDuration, "how long each run offers frames")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, receiveHelp); err != nil {
		return o, err
	}
	if err := o.lists(tables, backends, queues, rates, pools, thresholds); err != nil {
		return o, usageErrorf("receive: %w", err)
	}
	if err := o.validate(); err != nil {
		return o, usageErrorf("receive: %w", err)
	}
	return o, nil
}

func (o *receiveOptions) lists(tables, backends, queues, rates, pools, thresholds string) (err error) {
	if o.tables, err = names("-tables", tables, receiveTables); err != nil {
		return err
	}
	if o.backends, err = names("-backends", backends, []string{"afxdp", "afpacket"}); err != nil {
		return err
	}
	for _, list := range []struct {
		name, text string
		to         *[]int
	}{{"-queues", queues, &o.queues}, {"-rates", rates, &o.rates}, {"-pools", pools, &o.pools}} {
		if *list.to, err = counts(list.text); err != nil {
			return fmt.Errorf("%s: %w", list.name, err)
		}
	}
	for part := range strings.SplitSeq(thresholds, ",") {
		n := []int{0}
		if part != "never" {
			if n, err = counts(part); err != nil {
				return fmt.Errorf("-thresholds: %w, or never", err)
			}
		}
		o.thresholds = append(o.thresholds, n[0])
	}
	return nil
}

func (o *receiveOptions) validate() error {
	switch {
	case slices.Max(o.queues) > 256:
		return fmt.Errorf("-queues %d is above 256", slices.Max(o.queues))
	case o.batch < 1 || o.batch > 1024:
		return fmt.Errorf("-batch %d is not within 1 to 1024", o.batch)
	case o.capacity < 1 || o.offered < 1:
		return fmt.Errorf("-capacity %d and -offered %d: both must be above 0", o.capacity, o.offered)
	case o.duration <= 0 || o.duration > time.Minute:
		return fmt.Errorf("-duration %v is not within 0 to 1m", o.duration)
	case slices.Max(o.thresholds) >= imbalanceHeld:
		return fmt.Errorf("-thresholds %d is not below the %d frames that a queue holds", slices.Max(o.thresholds), imbalanceHeld)
	}
	for _, p := range o.pools {
		if bits.OnesCount(uint(p)) != 1 || p < 256 || p > 1<<17 {
			return fmt.Errorf("-pools %d is not a power of two within 256 to %d", p, 1<<17)
		}
	}
	return nil
}
