package main

import (
	"fmt"
	"io"
	"time"

	"myriad/examples/internal/gnucrawl"
	"myriad/examples/internal/network"
	"myriad/examples/internal/overlaynet"
	"myriad/examples/internal/program"
	words "myriad/examples/internal/summary"
	"myriad/tcpclient"
)

// snapshotSummary is what is told at the end.
type snapshotSummary struct {
	took    time.Duration // until the last line was written
	err     error         // how it ended
	usage   network.Usage
	before  int // nodes of a run before
	graph   gnucrawl.Graph
	stack   tcpclient.Stats
	demo    *overlaynet.Result // nil on a real interface
	checked bool               // the demo went as it must
	outName string
}

func (s *snapshotSummary) print(out io.Writer) {
	g := &s.graph
	how := "Snapshot"
	if s.err != nil {
		how = program.Ended(s.err) + ": part of a snapshot"
	}
	now := g.Contacted - s.before
	fmt.Fprintf(out, "%s in %.2f s: %d nodes contacted (%.0f a second), %d leaves beside them\n", how, s.took.Seconds(),
		now, float64(now)/s.took.Seconds(), g.Leaves)
	t := words.New(out)
	if s.before > 0 {
		t.Line("before", "%d nodes contacted by the run that this one goes on from", s.before)
	}
	t.Line("answered", "%d, of them %d ultrapeers, with %d user agents", g.Answered, g.Ultrapeers, g.Agents)
	t.Line("failures", "%d%s", words.Sum(g.Failures), words.List(g.Failures))
	t.Line("edges", "%d to ultrapeers, %d to leaves", g.PeerEdges, g.LeafEdges)
	if g.BadEntries+g.NamesItself > 0 {
		t.Line("odd", "%d entries that are no address of a host, %d nodes that name themselves", g.BadEntries, g.NamesItself)
	}
	degrees := func(name string, d gnucrawl.Spread) {
		t.Line(name, "mean %.1f, least %d, median %d, 90%% up to %d, most %d", d.Mean, d.Least, d.Median, d.Percentile90, d.Most)
	}
	degrees("ultrapeers per node", g.PeerDegrees)
	degrees("leaves per ultrapeer", g.LeafDegrees)
	t.Line("components", "%d, the largest of %d nodes; diameter at least %d", g.Components, g.Largest, g.DiameterLeast)
	if g.LeftOver > 0 {
		t.Line("left", "%d nodes beyond -max-nodes", g.LeftOver)
	}
	if g.TableFull > 0 {
		t.Line("no room", "for %d names of nodes: raise -max-known", g.TableFull)
	}
	s.printStack(t)
	t.Line("output", "%s", s.outName)
	t.Flush()
	if s.checked {
		fmt.Fprintln(out, "Every node and every edge of the demo network was found, and nothing else.")
	}
}

func (s *snapshotSummary) printStack(t *words.Table) {
	c := &s.stack
	t.Line("connections", "%d opened, %d stood, %d failed%s", c.Opened, c.Connected, c.Failed, words.List(c.FailedBy))
	t.Frames(c)
	t.CPU("crawler", s.usage.User, s.usage.System)
	if d := s.demo; d != nil {
		t.CPU("demo far end", d.Usage.User, d.Usage.System)
		c := &d.Counts
		t.Line("far end saw", "%d requests, answered in %d segments of %d bytes in all, %d of them out of order, %d again; %d third legs",
			c.Requests, c.Segments, c.Bytes, c.Swapped, c.Again, c.ThirdLegs)
		t.Line("far end refused", "%d SYNs; %d wrong, %d forged, %d frames dropped, %d answers without a frame",
			c.Refused, c.Wrong, c.Forged, c.Dropped, c.NoFrames)
	}
}
