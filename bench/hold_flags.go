package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// holdOptions are hold's flags.
type holdOptions struct {
	connections    []int
	targets        string
	queues, batch  int
	window         int
	exchanges      int
	request, reply int
	timeout        time.Duration
	asJSON         bool
}

const (
	holdConnections = "1K,10K,100K,1M,10M"
	holdTimeout     = 2 * time.Minute
	holdExchanges   = 500_000
)

const holdHelp = `usage: go run ./bench hold [flags]

Opens connections until as many are open at once as asked for, reads the memory,
has requests and replies go over random ones of them while all are held, and
ends them; once to 65,536 addresses and once all to one address and port from
160 source addresses. Then it fills all the ports of one source address to one
address and port, reports what a call of Open costs by how full they are, and
whether Open says ErrFull once no port is left. Needs root.

`

func parseHold(args []string, stdout io.Writer) (o holdOptions, err error) {
	var connections string
	f := flag.NewFlagSet("hold", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&connections, "connections", holdConnections, "`numbers` of connections, comma-separated; K is a thousand, M a million")
	f.StringVar(&o.targets, "targets", "all", "unique (many addresses), one (one address and port), fill (exhaust the ports), or all of these")
	f.IntVar(&o.queues, "queues", queuesDefault, "`number` of queues, each with a worker")
	f.IntVar(&o.batch, "batch", batchDefault, "`frames` moved in one turn")
	f.IntVar(&o.window, "window", windowDefault, "`number` of connections or exchanges under way at once")
	f.IntVar(&o.exchanges, "exchanges", holdExchanges, "`number` of requests with replies while all are held, after 65,536 a worker that do not count; 0 is none")
	f.IntVar(&o.request, "request", requestDefault, "`bytes` of each request")
	f.IntVar(&o.reply, "reply", replyDefault, "`bytes` of each reply")
	f.DurationVar(&o.timeout, "timeout", holdTimeout, "the most that opening, and the exchanges, of one run may take")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, holdHelp); err != nil {
		return o, err
	}
	if o.connections, err = counts(connections); err != nil {
		return o, usageErrorf("hold: -connections: %w", err)
	}
	if err := o.validate(); err != nil {
		return o, usageErrorf("hold: %w", err)
	}
	return o, nil
}

func (o *holdOptions) validate() error {
	switch {
	case o.targets != "unique" && o.targets != "one" && o.targets != "fill" && o.targets != "all":
		return fmt.Errorf("-targets %q is not unique, one, fill or all", o.targets)
	case o.queues < 1 || o.queues > 256:
		return fmt.Errorf("-queues %d is not within 1 to 256", o.queues)
	case o.batch < 1:
		return fmt.Errorf("-batch %d is below 1", o.batch)
	case o.window < o.queues:
		return fmt.Errorf("-window %d is below -queues %d", o.window, o.queues)
	case o.exchanges < 0:
		return fmt.Errorf("-exchanges %d is below 0", o.exchanges)
	case o.timeout <= 0:
		return fmt.Errorf("-timeout %v is not above 0", o.timeout)
	case o.request < 1 || o.request > 1<<16:
		return fmt.Errorf("-request %d is not within 1 to %d bytes", o.request, 1<<16)
	}
	for _, n := range o.connections {
		if n < o.queues || n > holdOneMax && o.targets != "unique" && o.targets != "fill" || n > math.MaxInt32 {
			return fmt.Errorf("-connections %d is not within %d (a connection a queue) and %d (all ports of %d addresses to one address and port)",
				n, o.queues, holdOneMax, holdSources)
		}
	}
	return (&connectOptions{request: o.request, reply: o.reply}).validateReply()
}

// counts reads "1K,10K,1M".
func counts(list string) (all []int, err error) {
	for part := range strings.SplitSeq(list, ",") {
		digits, unit := part, 1
		switch {
		case strings.HasSuffix(part, "K"):
			digits, unit = part[:len(part)-1], 1_000
		case strings.HasSuffix(part, "M"):
			digits, unit = part[:len(part)-1], 1_000_000
		}
		n, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || n == 0 || n > uint64(math.MaxInt32/unit) {
			return nil, fmt.Errorf("%q is not a number from 1 to %d, as 500, 10K or 1M", part, math.MaxInt32)
		}
		all = append(all, int(n)*unit)
	}
	return all, nil
}

// short writes 10000 as 10K.
func short(n int) string {
	switch {
	case n >= 1_000_000 && n%1_000_000 == 0:
		return strconv.Itoa(n/1_000_000) + "M"
	case n >= 1000 && n%1000 == 0:
		return strconv.Itoa(n/1000) + "K"
	}
	return strconv.Itoa(n)
}
