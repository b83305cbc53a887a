package usage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Core is what one processor did, in ticks of 10 ms.
type Core struct {
	User, System time.Duration
	// SoftIRQ is interrupts' time, too. What of them runs within a system call
	// counts there.
	SoftIRQ time.Duration
	// Steal is time that the machine below gave to others.
	Steal, Idle time.Duration
}

// Busy is all but Idle and Steal.
func (c Core) Busy() time.Duration { return c.User + c.System + c.SoftIRQ }

// Since is what it did after earlier.
func (c Core) Since(earlier Core) Core {
	return Core{
		User: c.User - earlier.User, System: c.System - earlier.System, SoftIRQ: c.SoftIRQ - earlier.SoftIRQ,
		Steal: c.Steal - earlier.Steal, Idle: c.Idle - earlier.Idle,
	}
}

// Share is a part of all of the processor's time, 0 when there was none.
func (c Core) Share(part time.Duration) float64 {
	all := c.Busy() + c.Steal + c.Idle
	if all <= 0 {
		return 0
	}
	return float64(part) / float64(all)
}

// Sum adds up processors.
func Sum(cores []Core) (sum Core) {
	for _, c := range cores {
		sum.User += c.User
		sum.System += c.System
		sum.SoftIRQ += c.SoftIRQ
		sum.Steal += c.Steal
		sum.Idle += c.Idle
	}
	return sum
}

// SinceAll is what each processor did after earlier.
func SinceAll(now, earlier []Core) []Core {
	out := make([]Core, min(len(now), len(earlier)))
	for k := range out {
		out[k] = now[k].Since(earlier[k])
	}
	return out
}

// parseCores reads the lines "cpuN user nice system idle iowait irq softirq
// steal …" of /proc/stat, in their order, of the processors that are asked for.
func parseCores(text string, tick time.Duration, wanted func(cpu int) bool) (cores []Core, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 9 || !strings.HasPrefix(fields[0], "cpu") || fields[0] == "cpu" {
			continue
		}
		cpu, err := strconv.Atoi(fields[0][len("cpu"):])
		if err != nil {
			return nil, fmt.Errorf("usage: /proc/stat: %s: %w", fields[0], err)
		}
		if !wanted(cpu) {
			continue
		}
		var v [8]time.Duration
		for i := range v {
			n, err := strconv.ParseInt(fields[1+i], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("usage: /proc/stat: %s: %w", fields[0], err)
			}
			v[i] = time.Duration(n) * tick
		}
		cores = append(cores, Core{User: v[0] + v[1], System: v[2], Idle: v[3] + v[4], SoftIRQ: v[5] + v[6], Steal: v[7]})
	}
	return cores, nil
}
