package main

import (
	"fmt"
	"io"
	"time"

	"myriad/examples/internal/crawl"
	"myriad/examples/internal/demonet"
	"myriad/examples/internal/frontier"
	"myriad/examples/internal/network"
	"myriad/examples/internal/program"
	words "myriad/examples/internal/summary"
	"myriad/tcpclient"
)

// summary is what is told at the end.
type summary struct {
	counts  crawl.Counts
	front   frontier.Counts
	stack   tcpclient.Stats
	took    time.Duration
	err     error           // how it ended
	crawler network.Usage   // Myriad's included
	demo    *demonet.Result // nil on a real interface
	checked bool            // the demo went as it must
	outName string
}

func (s *summary) print(out io.Writer) {
	n := &s.counts
	how := program.Ended(s.err)
	fmt.Fprintf(out, "%s after %.1f s: %d URLs (%.0f a second), %.1f MB\n", how, s.took.Seconds(), n.Pages,
		float64(n.Pages)/s.took.Seconds(), float64(n.Bytes)/1e6)
	t := words.New(out)
	t.Line("replies", "%d%s", n.Replies, words.List(n.ByStatus))
	t.Line("failures", "%d%s", words.Sum(n.ByReason), words.List(n.ByReason))
	t.Line("found", "%d URLs on %d hosts at %d addresses; %d robots.txt, %d names looked up",
		s.front.Seen, s.front.Hosts, s.front.Addresses, n.Robots, n.Names)
	if s.front.Left > 0 {
		t.Line("left", "%d URLs not fetched", s.front.Left)
	}
	if out := s.front.LeftOut + n.TooDeep; out > 0 {
		t.Line("left out", "%d links (host has -max-host-pages: %d, deeper than -max-depth: %d)", out, s.front.LeftOut, n.TooDeep)
	}
	s.printStack(t)
	s.printCPU(t)
	t.Line("output", "%s", s.outName)
	t.Flush()
	if s.checked {
		fmt.Fprintln(out, "Every URL of the demo web was reached once and ended as it should.")
	}
}

func (s *summary) printStack(t *words.Table) {
	c := &s.stack
	t.Line("connections", "%d opened, %d stood, %d failed%s; %d URLs came over one kept", c.Opened, c.Connected, c.Failed,
		words.List(c.FailedBy), s.counts.Reused)
	t.Frames(c)
}

// printCPU splits the processor time by process. What the kernel does for
// a frame counts for whoever made it do so.
func (s *summary) printCPU(t *words.Table) {
	cpu := func(name string, u network.Usage) {
		t.CPU(name, u.User, u.System)
	}
	cpu("crawler", s.crawler)
	if d := s.demo; d != nil {
		cpu("demo server", d.Usage)
		t.Line("demo server saw", "%d requests on %d connections to %d addresses from %d, %d at once at most per address",
			d.Report.Requests, d.Report.Connections, d.Report.Addresses, d.Report.Clients, d.Report.PeakPerAddress)
	}
}
