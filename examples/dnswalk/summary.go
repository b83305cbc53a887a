package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"myriad/examples/internal/iterate"
	"myriad/examples/internal/network"
	"myriad/tcpclient"
)

// summary is what is told at the end.
type summary struct {
	counts      iterate.Counts
	outcomes    map[string]int
	stack       tcpclient.Stats
	took        time.Duration
	interrupted bool
	cpu         network.Usage
	servers     int  // in the file of -rtt
	checked     bool // the demo went as it must
	outName     string
}

func (s *summary) print(out io.Writer) {
	n, t := &s.counts, &s.stack
	how := "Finished"
	if s.interrupted {
		how = "Interrupted"
	}
	fmt.Fprintf(out, "%s after %.1f s: %d names (%.0f a second)\n", how, s.took.Seconds(), n.Finished,
		float64(n.Finished)/s.took.Seconds())
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("outcomes", "%s", strings.Trim(list(s.outcomes), " ()"))
	line("requests", "%d, %d of them over TCP; %d without reply, %d replies to something else", n.Requests, n.Streams, n.Silent, n.Mismatch)
	line("delegations", "%d referrals, %d look-ups of servers without address; %d names waited for another's referral",
		n.Referrals, n.Glueless, n.Waited)
	if left := n.Names - n.Finished; left > 0 {
		line("left", "%d names in hand", left)
	}
	line("frames", "%d sent, %d received; dropped %d%s", t.FramesSent, t.FramesReceived, sum(t.Drops), list(t.Drops))
	line("process", "%.2f user, %.2f system CPU seconds", s.cpu.User.Seconds(), s.cpu.System.Seconds())
	if s.servers > 0 {
		line("delays", "of %d servers", s.servers)
	}
	line("output", "%s", s.outName)
	_ = w.Flush()
	if s.checked {
		fmt.Fprintln(out, "Every name of the demo DNS came to what it must.")
	}
}

// list words counts, the largest first; zeros are left out.
func list[K cmp.Ordered, V int | uint64](counts map[K]V) string {
	keys := slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var parts []string
	for _, k := range keys {
		if counts[k] > 0 {
			parts = append(parts, fmt.Sprintf("%v: %d", k, counts[k]))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func sum[K comparable, V int | uint64](counts map[K]V) (total V) {
	for _, n := range counts {
		total += n
	}
	return total
}
