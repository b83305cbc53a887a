package main

import (
	"fmt"
	"sync/atomic"

	"myriad/examples/internal/program"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/scannet"
)

// checker compares what the demo's targets come to with what they are.
type checker struct {
	hosts    scannet.Hosts
	protocol scan.Protocol
	banner   bool
	request  []byte // what banner connections are told, and answer with
	done     atomic.Uint64
	missed   atomic.Uint64 // that answer, and were not heard
	wrong    atomic.Uint64
	first    atomic.Pointer[string]
}

// note compares one.
func (c *checker) note(r *scan.Result) {
	c.done.Add(1)
	if want, _ := c.expect(r.Address, r.Port); r.Reason == scan.NoAnswer && want != scan.Filtered {
		c.missed.Add(1)
		return
	}
	if why := c.differs(r); why != "" {
		c.wrong.Add(1)
		c.first.CompareAndSwap(nil, &why)
	}
}

func (c *checker) differs(r *scan.Result) string {
	want, why := c.expect(r.Address, r.Port)
	kind := c.hosts.Kind(r.Address)
	what := fmt.Sprintf("%v:%d", scan.Addr(r.Address), r.Port)
	switch {
	case r.Outcome != want || r.Reason != why:
		return fmt.Sprintf("%s came to %v (%v), and is %v (%v)", what, r.Outcome, r.Reason, want, why)
	case r.Outcome != scan.Open || c.protocol != scan.TCP:
	case kind == scannet.Everything && r.Canary == scan.CanaryQuiet, kind != scannet.Everything && r.Canary == scan.CanaryAnswersAll && c.hosts.State(r.Address, r.Port) != scannet.Open:
		return fmt.Sprintf("%s: the canary says %q", what, r.Canary)
	case c.banner && r.Canary != scan.CanaryAnswersAll && (r.Banner == nil || string(r.Banner.Data) != string(append(scannet.Greeting(nil, r.Address, r.Port), c.request...))):
		return fmt.Sprintf("%s: the banner is %+v", what, r.Banner)
	}
	return ""
}

// expect is what a target must come to.
func (c *checker) expect(address uint32, port uint16) (scan.Outcome, scan.Reason) {
	state := scannet.Quiet
	switch c.hosts.Kind(address) {
	case scannet.Unreachable:
		return scan.Filtered, scan.HostUnreachable
	case scannet.Everything:
		state = scannet.Open
	case scannet.Plain:
		state = c.hosts.State(address, port)
	}
	switch {
	case state == scannet.Open && c.protocol == scan.TCP:
		return scan.Open, scan.SYNACK
	case state == scannet.Open:
		return scan.Open, scan.Reply
	case state == scannet.Closed && c.protocol == scan.TCP:
		return scan.Closed, scan.Refused
	case state == scannet.Closed && c.protocol == scan.UDP:
		return scan.Closed, scan.PortUnreachable
	}
	return scan.Filtered, scan.NoAnswer
}

// verdict is how the demo went. Targets may be missed only where frames were lost
// and counted on the way: at full rate on a busy machine they are.
func (c *checker) verdict(m *summary) error {
	lost := m.device.DropTransmit + m.device.DropRingFull + m.device.DropFillEmpty + m.far.Counts.NoFrames + m.far.Counts.Lost
	if missed := c.missed.Load(); missed > lost {
		return program.Fail(program.DemoWrong, fmt.Errorf("the demo: %d of %d targets answer, and were not heard; %d frames were lost", missed, c.done.Load(), lost))
	}
	if wrong := c.wrong.Load(); wrong > 0 {
		return program.Fail(program.DemoWrong, fmt.Errorf("the demo: %d of %d targets are not what they must be; the first: %s", wrong, c.done.Load(), *c.first.Load()))
	}
	return nil
}
