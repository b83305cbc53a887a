// Package usage reads what this process has used: processor time and memory.
// Where the system does not tell, it returns zeros.
package usage

import "time"

// CPU is processor time.
type CPU struct {
	User, System time.Duration
}

// Since is the time used after earlier.
func (c CPU) Since(earlier CPU) CPU {
	return CPU{User: c.User - earlier.User, System: c.System - earlier.System}
}

// Whole is what everything on the machine has used, interrupts included: all
// together, and by processor.
type Whole struct {
	CPU
	Cores []Core // nil where the system does not tell
	// At is when it was read, Elapsed the time between two readings.
	At      time.Time
	Elapsed time.Duration
}

// Since is the time used after earlier.
func (w Whole) Since(earlier Whole) Whole {
	return Whole{CPU: w.CPU.Since(earlier.CPU), Cores: SinceAll(w.Cores, earlier.Cores), At: w.At, Elapsed: w.At.Sub(earlier.At)}
}
