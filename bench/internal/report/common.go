package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/netdev"
	"myriad/bench/internal/usage"
)

// Common are the columns that the rows of each part have beside their queues and
// rates. What could not be measured is null.
type Common struct {
	Interfaces   int    `json:"interfaces"`
	ClientCores  int    `json:"client_cores"`
	FarEndCores  int    `json:"far_end_cores"` // of its own; 0: it works on the client's
	Destinations string `json:"destinations"`  // one, unique

	ConnectionsPerSecond *float64 `json:"connections_per_second"`
	FrameBytes           *float64 `json:"frame_bytes"` // mean, padded, with the check sequence
	FramesPerConnection  *float64 `json:"frames_per_connection"`
	FramesPerSecond      *float64 `json:"frames_per_second"` // in both directions
	// The shares of a wire are those of the busier direction.
	ShareOf1G  *float64 `json:"share_of_1_gbe"`
	ShareOf10G *float64 `json:"share_of_10_gbe"`

	// Of the time of the client's cores, by /proc/stat; Busy as usage.Busy.Share. Ours and SystemCalls are
	// the client's own processes'; what of an interrupt's work runs within a
	// system call counts there. Others is what is left: other programs.
	CPUBusy        *float64 `json:"cpu_busy"`
	CPUOurs        *float64 `json:"cpu_ours"`
	CPUSystemCalls *float64 `json:"cpu_system_calls"`
	CPUSoftIRQ     *float64 `json:"cpu_softirq"`
	CPUOthers      *float64 `json:"cpu_others"`
	CPUSteal       *float64 `json:"cpu_steal"`
	// CPUFarEnd is of the far end's own core, or, where it is a process on the
	// client's, of those; null where it is an XDP program: on a veth that runs
	// within system calls and interrupts of the client's.
	CPUFarEnd *float64 `json:"cpu_far_end"`

	// Disturbed is what makes the figures doubtful; null when nothing does.
	Disturbed []string `json:"disturbed"`
}

// Some is a figure that was measured.
func Some(f float64) *float64 { return &f }

// Traffic is what went over the wire.
type Traffic struct {
	Out, In         uint64 // frames
	OutWire, InWire uint64 // bytes on the wire: padding, preamble and gap too
}

// Since is what went after earlier.
func (t Traffic) Since(earlier Traffic) Traffic {
	return Traffic{t.Out - earlier.Out, t.In - earlier.In, t.OutWire - earlier.OutWire, t.InWire - earlier.InWire}
}

// TrafficOf is what a far end counted.
func TrafficOf(c *farend.Counters) Traffic {
	return Traffic{Out: c.Received(), In: c.Sent, OutWire: c.WireIn, InWire: c.WireOut}
}

// TrafficOfDevice is what a client's device counted. It counts frames without
// padding, so that of what is sent mixed one below the shortest counts up to 6
// bytes less.
func TrafficOfDevice(c netdev.Counters) Traffic {
	return Traffic{Out: c.Sent, In: c.Received, OutWire: WireBytes(c.SentBytes, c.Sent), InWire: WireBytes(c.ReceivedBytes, c.Received)}
}

// WireBytes is what so many frames, together of so many bytes, take on a wire: with
// padding, as far as all need it, check sequences, preambles and gaps.
func WireBytes(bytes, frames uint64) uint64 { return max(bytes+(4+Onwire)*frames, 84*frames) }

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
		c.ConnectionsPerSecond = Some(float64(connections) / took.Seconds())
		c.FramesPerConnection = Some(float64(frames) / float64(connections))
	}
	bits := 8 * float64(max(t.OutWire, t.InWire)) / took.Seconds()
	c.ShareOf1G, c.ShareOf10G = Some(bits/1e9), Some(bits/1e10)
}

// CPU takes over what the first cores of a machine did while the client's
// processes used own.
func (c *Common) CPU(machine usage.Whole, own usage.CPU, cores int) {
	c.cpu(machine, own, usage.CPU{}, cores)
}

// CPUBesideProcess is CPU with a far end that is a process, too, on all cores.
func (c *Common) CPUBesideProcess(machine usage.Whole, own, far usage.CPU) {
	c.cpu(machine, own, far, len(machine.Cores))
	if all := float64(c.ClientCores) * machine.Elapsed.Seconds(); all > 0 {
		c.CPUFarEnd = Some(min((far.User+far.System).Seconds()/all, 1))
	}
}

func (c *Common) cpu(machine usage.Whole, own, far usage.CPU, cores int) {
	c.ClientCores = min(cores, len(machine.Cores))
	all := float64(c.ClientCores) * machine.Elapsed.Seconds()
	if all <= 0 {
		return // the system does not tell
	}
	busy := usage.Whole{Cores: machine.Cores[:c.ClientCores], Elapsed: machine.Elapsed}.Busy()
	share := func(part float64) *float64 { return Some(min(max(part, 0), 1)) }
	ours, calls := own.User.Seconds()/all, own.System.Seconds()/all
	theirs := (far.User + far.System).Seconds() / all
	c.CPUBusy, c.CPUSteal, c.CPUSoftIRQ = share(busy.Share), share(busy.Steal), share(busy.SoftIRQ)
	c.CPUOurs, c.CPUSystemCalls = share(ours), share(calls)
	c.CPUOthers = share(busy.Share - busy.SoftIRQ - ours - calls - theirs)
	c.disturbedByOthers(machine.Elapsed)
}

// Shares of the cores' time from which on somebody else's use is said, if it is
// not less than two of the ticks that it is counted in.
const (
	othersNoted = 0.10
	stealNoted  = 0.02
	stealLeast  = 20 * time.Millisecond
)

func (c *Common) disturbedByOthers(elapsed time.Duration) {
	if *c.CPUOthers > othersNoted {
		c.Disturb("other programs had %.0f %% of the cores", 100**c.CPUOthers)
	}
	if took := *c.CPUSteal * float64(c.ClientCores) * float64(elapsed); *c.CPUSteal > stealNoted && took >= float64(stealLeast) {
		c.Disturb("%.0f %% of the cores was stolen", 100**c.CPUSteal)
	}
}

// FarEndCore takes over what the far end's own core did.
func (c *Common) FarEndCore(machine usage.Whole, core int) {
	c.FarEndCores = 1
	c.CPUFarEnd = Some(usage.Whole{Cores: machine.Cores[core : core+1], Elapsed: machine.Elapsed}.Busy().Share)
}

// Disturb says what makes the figures doubtful.
func (c *Common) Disturb(format string, args ...any) {
	c.Disturbed = append(c.Disturbed, fmt.Sprintf(format, args...))
}

// DisturbIn says what made a round's figures doubtful.
func (c *Common) DisturbIn(round int, of *Common) {
	for _, why := range of.Disturbed {
		c.Disturb("round %d: %s", round, why)
	}
}

// DisturbCounted says what went wrong so many times, if it did; by name.
func (c *Common) DisturbCounted(what string, counts map[string]uint64) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] > 0 {
			c.Disturb("%s %s %s", what, name, number(counts[name]))
		}
	}
}

// Columns are the headings of Cells.
var Columns = []string{"interfaces", "queues", "cores", "far end's", "destinations", "frame B", "frames each", "frames/s", "of 1 GbE", "of 10 GbE",
	"CPU busy", "ours", "calls", "softirq", "others", "far end", "disturbed"}

// AllColumns are the headings of AllCells: for parts that have no connections a
// second among their own.
var AllColumns = slices.Concat([]string{"connections/s"}, Columns)

// NotMeasured stands in a table where there is no figure.
const NotMeasured = "not measured"

// Cells are the columns for a table.
func (c *Common) Cells(queues int) []string {
	own := fmt.Sprint(c.FarEndCores)
	switch {
	case c.ClientCores == 0: // nobody asked, or nobody tells
		own = NotMeasured
	case c.FarEndCores == 0:
		own = "the same"
	}
	return []string{
		count(c.Interfaces), fmt.Sprint(queues), count(c.ClientCores), own, c.Destinations,
		figure(c.FrameBytes, "%.0f"), figure(c.FramesPerConnection, "%.2f"), Rate(c.FramesPerSecond),
		percent(c.ShareOf1G), percent(c.ShareOf10G),
		percent(c.CPUBusy), percent(c.CPUOurs), percent(c.CPUSystemCalls), percent(c.CPUSoftIRQ), percent(c.CPUOthers), percent(c.CPUFarEnd),
		c.doubts(),
	}
}

// AllCells are the columns for a table, with connections a second.
func (c *Common) AllCells(queues int) []string {
	return slices.Concat([]string{Rate(c.ConnectionsPerSecond)}, c.Cells(queues))
}

// doubts is what stands beside the figures.
func (c *Common) doubts() string {
	if len(c.Disturbed) == 0 {
		return "no"
	}
	return strings.Join(c.Disturbed, "; ")
}

// Rate writes a figure per second.
func Rate(f *float64) string {
	if f == nil {
		return NotMeasured
	}
	return number(uint64(*f + 0.5))
}

// count writes a number of things, of which there is one at least.
func count(n int) string {
	if n == 0 {
		return NotMeasured
	}
	return fmt.Sprint(n)
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
