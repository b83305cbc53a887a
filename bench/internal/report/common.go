package report

import (
	"fmt"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/usage"
)

// Common are the columns that the rows of each part have beside their queues and
// rates. What could not be measured is null.
type Common struct {
	Interfaces   int    `json:"interfaces"`
	ClientCores  int    `json:"client_cores"`
	FarEndCores  int    `json:"far_end_cores"` // of its own; 0: it works on the client's
	Destinations string `json:"destinations"`  // one, unique

	FrameBytes          *float64 `json:"frame_bytes"` // mean, padded, with the check sequence
	FramesPerConnection *float64 `json:"frames_per_connection"`
	FramesPerSecond     *float64 `json:"frames_per_second"` // in both directions
	// The shares of a wire are those of the busier direction.
	ShareOf1G  *float64 `json:"share_of_1_gbe"`
	ShareOf10G *float64 `json:"share_of_10_gbe"`

	// Of the time of the client's cores, by /proc/stat. Ours and SystemCalls are
	// the client's own processes'; what of an interrupt's work runs within a
	// system call counts there. Others is what is left: other programs.
	CPUBusy        *float64 `json:"cpu_busy"`
	CPUOurs        *float64 `json:"cpu_ours"`
	CPUSystemCalls *float64 `json:"cpu_system_calls"`
	CPUSoftIRQ     *float64 `json:"cpu_softirq"`
	CPUOthers      *float64 `json:"cpu_others"`
	CPUSteal       *float64 `json:"cpu_steal"`
	// CPUFarEnd is null where the far end has no core of its own: on a veth it
	// runs within system calls and interrupts of the client's.
	CPUFarEnd *float64 `json:"cpu_far_end"`
}

// Some is a figure that was measured.
func Some(f float64) *float64 { return &f }

// Traffic is what went over the wire.
type Traffic struct {
	Out, In         uint64 // frames
	OutWire, InWire uint64 // bytes on the wire: padding, preamble and gap too
}

// TrafficOf is what a far end counted.
func TrafficOf(c *farend.Counters) Traffic {
	return Traffic{Out: c.Received(), In: c.Sent, OutWire: c.WireIn, InWire: c.WireOut}
}

// Onwire is what a frame takes besides itself: preamble and gap.
const Onwire = 20

// Rates takes over what went over the wire in a time, for as many connections;
// none for raw frames.
func (c *Common) Rates(t Traffic, connections uint64, took time.Duration) {
	frames := t.Out + t.In
	if frames == 0 || took <= 0 {
		return
	}
	c.FrameBytes = Some(float64(t.OutWire+t.InWire)/float64(frames) - Onwire)
	c.FramesPerSecond = Some(float64(frames) / took.Seconds())
	if connections > 0 {
		c.FramesPerConnection = Some(float64(frames) / float64(connections))
	}
	bits := 8 * float64(max(t.OutWire, t.InWire)) / took.Seconds()
	c.ShareOf1G, c.ShareOf10G = Some(bits/1e9), Some(bits/1e10)
}

// CPU takes over what the first cores of a machine did while the client's
// processes used own.
func (c *Common) CPU(machine usage.Whole, own usage.CPU, cores int) {
	c.ClientCores = min(cores, len(machine.Cores))
	all := float64(c.ClientCores) * machine.Elapsed.Seconds()
	if all <= 0 {
		return // the system does not tell
	}
	busy := usage.Whole{Cores: machine.Cores[:c.ClientCores], Elapsed: machine.Elapsed}.Busy()
	share := func(part float64) *float64 { return Some(min(max(part, 0), 1)) }
	ours, calls := own.User.Seconds()/all, own.System.Seconds()/all
	c.CPUBusy, c.CPUSteal, c.CPUSoftIRQ = share(busy.Share), share(busy.Steal), share(busy.SoftIRQ)
	c.CPUOurs, c.CPUSystemCalls = share(ours), share(calls)
	c.CPUOthers = share(busy.Share - busy.SoftIRQ - ours - calls)
}

// Columns are the headings of Cells.
var Columns = []string{"queues", "cores", "far end's", "destinations", "frame B", "frames each", "frames/s", "of 1 GbE", "of 10 GbE",
	"CPU busy", "ours", "calls", "softirq", "others", "far end"}

// NotMeasured stands in a table where there is no figure.
const NotMeasured = "not measured"

// Cells are the columns for a table.
func (c *Common) Cells(queues int) []string {
	own := fmt.Sprint(c.FarEndCores)
	if c.FarEndCores == 0 {
		own = "the same"
	}
	return []string{
		fmt.Sprint(queues), fmt.Sprint(c.ClientCores), own, c.Destinations,
		figure(c.FrameBytes, "%.0f"), figure(c.FramesPerConnection, "%.2f"), Rate(c.FramesPerSecond),
		percent(c.ShareOf1G), percent(c.ShareOf10G),
		percent(c.CPUBusy), percent(c.CPUOurs), percent(c.CPUSystemCalls), percent(c.CPUSoftIRQ), percent(c.CPUOthers), percent(c.CPUFarEnd),
	}
}

// Rate writes a figure per second.
func Rate(f *float64) string {
	if f == nil {
		return NotMeasured
	}
	return number(uint64(*f + 0.5))
}

func figure(f *float64, format string) string {
	if f == nil {
		return NotMeasured
	}
	return fmt.Sprintf(format, *f)
}

func percent(f *float64) string {
	if f == nil {
		return NotMeasured
	}
	return fmt.Sprintf("%.1f %%", 100**f)
}

// Ports says what of the papers' tables one wire cannot fill.
const Ports = "1 interface; 2, 3 and 4: not measured (there is one veth pair)"
