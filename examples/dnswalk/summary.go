package main

import (
	"fmt"
	"io"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/iterate"
	"myriad/examples/internal/network"
	"myriad/examples/internal/program"
	words "myriad/examples/internal/summary"
	"myriad/tcpclient"
)

// summary is what is told at the end.
type summary struct {
	account account.Account
	counts  iterate.Counts
	stack   tcpclient.Stats
	took    time.Duration
	before  int64 // names done by the runs before
	cpu     network.Usage
	servers int  // in the file of -rtt
	checked bool // the demo went as it must
	err     error
}

func (s *summary) print(out io.Writer, name string, o *options) {
	n := &s.counts
	how := program.Ended(s.err)
	now := s.account.Done - s.before
	fmt.Fprintf(out, "%s after %.1f s: %d names (%.0f a second)", how, s.took.Seconds(), now, float64(now)/s.took.Seconds())
	if s.before > 0 {
		fmt.Fprintf(out, ", %d before", s.before)
	}
	fmt.Fprintln(out)
	t := words.New(out)
	t.Line("outcomes", "%s", words.Words(s.account.Outcomes))
	t.Line("requests", "%d, %d of them over TCP; %d without reply, %d replies to something else, %d too late",
		n.Requests, n.Streams, n.Silent, n.Mismatch, s.account.Counters["replies_late"])
	t.Line("delegations", "%d referrals, %d look-ups of servers without address; %d names waited for another's referral",
		n.Referrals, n.Glueless, n.Waited)
	if n.Excluded > 0 {
		t.Line("left alone", "%d addresses of servers", n.Excluded)
	}
	t.Line("per server", "%d requests at a time at most, %d within a second", n.PeakInFlight, n.PeakRate)
	if d := s.account.Latency; d.Count > 0 {
		t.Line("delays", "half up to %v, 99%% up to %v", d.Quantile(0.5), d.Quantile(0.99))
	}
	if left := s.account.Known - s.account.Done; left > 0 {
		t.Line("left", "%d names", left)
		if o.State != "" {
			t.Line("", "the same command goes on with them")
		}
	}
	t.Frames(&s.stack)
	t.CPU("process", s.cpu.User, s.cpu.System)
	if s.servers > 0 {
		t.Line("-rtt", "of %d servers", s.servers)
	}
	t.Line("output", "%s", name)
	t.Flush()
	if s.checked {
		fmt.Fprintln(out, "Every name of the demo DNS came to what it must.")
	}
}
