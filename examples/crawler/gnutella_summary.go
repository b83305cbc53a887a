package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"myriad/examples/internal/gnucrawl"
	"myriad/examples/internal/network"
	"myriad/examples/internal/overlaynet"
	"myriad/tcpclient"
)

// snapshotSummary is what is told at the end.
type snapshotSummary struct {
	took        time.Duration // until the last line was written
	interrupted bool
	usage       network.Usage
	graph       gnucrawl.Graph
	stack       tcpclient.Stats
	demo        *overlaynet.Result // nil on a real interface
	checked     bool               // the demo went as it must
	outName     string
}

func (s *snapshotSummary) print(out io.Writer) {
	g := &s.graph
	how := "Snapshot"
	if s.interrupted {
		how = "Interrupted: part of a snapshot"
	}
	fmt.Fprintf(out, "%s in %.2f s: %d nodes contacted (%.0f a second), %d leaves beside them\n", how, s.took.Seconds(),
		g.Contacted, float64(g.Contacted)/s.took.Seconds(), g.Leaves)
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	line("answered", "%d, of them %d ultrapeers, with %d user agents", g.Answered, g.Ultrapeers, g.Agents)
	line("failures", "%d%s", sum(g.Failures), list(g.Failures))
	line("edges", "%d to ultrapeers, %d to leaves", g.PeerEdges, g.LeafEdges)
	degrees := func(name string, d gnucrawl.Spread) {
		line(name, "mean %.1f, least %d, median %d, 90%% up to %d, most %d", d.Mean, d.Least, d.Median, d.Percentile90, d.Most)
	}
	degrees("ultrapeers per node", g.PeerDegrees)
	degrees("leaves per ultrapeer", g.LeafDegrees)
	line("components", "%d, the largest of %d nodes; diameter at least %d", g.Components, g.Largest, g.DiameterLeast)
	if g.LeftOver > 0 {
		line("left", "%d nodes beyond -max-nodes", g.LeftOver)
	}
	if g.TableFull > 0 {
		line("no room", "for %d names of nodes: raise -max-known", g.TableFull)
	}
	s.printStack(line)
	line("output", "%s", s.outName)
	_ = w.Flush()
	if s.checked {
		fmt.Fprintln(out, "Every node and every edge of the demo network was found, and nothing else.")
	}
}

func (s *snapshotSummary) printStack(line func(name, format string, args ...any)) {
	t := &s.stack
	line("connections", "%d opened, %d stood, %d failed%s", t.Opened, t.Connected, t.Failed, list(t.FailedBy))
	line("frames", "%d sent, %d received; %d segments sent again; dropped %d%s", t.FramesSent, t.FramesReceived,
		t.Retransmitted, sum(t.Drops), list(t.Drops))
	cpu := func(name string, u network.Usage) {
		line(name, "%.2f user, %.2f system CPU seconds", u.User.Seconds(), u.System.Seconds())
	}
	cpu("crawler", s.usage)
	if d := s.demo; d != nil {
		cpu("demo far end", d.Usage)
		c := &d.Counts
		line("far end saw", "%d requests, answered in %d segments of %d bytes in all, %d of them out of order; %d third legs",
			c.Requests, c.Segments, c.Bytes, c.Swapped, c.ThirdLegs)
		line("far end refused", "%d SYNs; %d wrong, %d forged, %d frames dropped, %d answers without a frame",
			c.Refused, c.Wrong, c.Forged, c.Dropped, c.NoFrames)
	}
}
