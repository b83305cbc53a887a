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

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demonet"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/network"
	"myriad/tcpclient"
)

// summary is what is told at the end.
type summary struct {
	counts           crawl.Counts
	front            frontier.Counts
	stack            tcpclient.Stats
	took             time.Duration
	interrupted      bool
	workers, crawler network.Usage
	demo             *demonet.Result // nil on a real interface
	checked          bool            // the demo went as it must
	outName          string
}

func (s *summary) print(out io.Writer) {
	n := &s.counts
	how := "Finished"
	if s.interrupted {
		how = "Interrupted"
	}
	fmt.Fprintf(out, "%s after %.1f s: %d URLs (%.0f a second), %.1f MB\n", how, s.took.Seconds(), n.Pages,
		float64(n.Pages)/s.took.Seconds(), float64(n.Bytes)/1e6)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("replies", "%d%s", n.Replies, list(n.ByStatus))
	line("failures", "%d%s", sum(n.ByReason), list(n.ByReason))
	line("found", "%d URLs on %d hosts at %d addresses; %d robots.txt, %d names looked up",
		s.front.Seen, s.front.Hosts, s.front.Addresses, n.Robots, n.Names)
	if s.front.Left > 0 {
		line("left", "%d URLs not fetched", s.front.Left)
	}
	if out := s.front.LeftOut + n.TooDeep; out > 0 {
		line("left out", "%d links (host has -max-host-pages: %d, deeper than -max-depth: %d)", out, s.front.LeftOut, n.TooDeep)
	}
	s.printStack(line)
	s.printCPU(line)
	line("output", "%s", s.outName)
	_ = w.Flush()
	if s.checked {
		fmt.Fprintln(out, "Every URL of the demo web was reached once and ended as it should.")
	}
}

func (s *summary) printStack(line func(name, format string, args ...any)) {
	t := &s.stack
	line("connections", "%d opened, %d stood, %d failed%s; %d URLs came over one kept", t.Opened, t.Connected, t.Failed,
		list(t.FailedBy), s.counts.Reused)
	line("frames", "%d sent, %d received; %d segments sent again; dropped %d%s", t.FramesSent, t.FramesReceived,
		t.Retransmitted, sum(t.Drops), list(t.Drops))
}

// printCPU splits the processor time by who used it. What the kernel does for
// a frame counts for whoever made it do so.
func (s *summary) printCPU(line func(name, format string, args ...any)) {
	cpu := func(name string, u network.Usage) {
		line(name, "%.2f user, %.2f system CPU seconds", u.User.Seconds(), u.System.Seconds())
	}
	cpu("Myriad's workers", s.workers)
	cpu("crawler", s.crawler)
	if d := s.demo; d != nil {
		cpu("demo server", d.Usage)
		line("demo server saw", "%d requests on %d connections to %d addresses from %d, %d at once at most per address",
			d.Report.Requests, d.Report.Connections, d.Report.Addresses, d.Report.Clients, d.Report.PeakPerAddress)
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
