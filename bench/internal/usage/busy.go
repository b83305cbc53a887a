package usage

import "time"

// Busy is what the processors of the machine did for a time, each as a part of
// all the time that they had together.
type Busy struct {
	Cores   int           `json:"cores"`
	Elapsed time.Duration `json:"-"`
	// Share is all but idle and stolen time, which the kernel keeps to the
	// microsecond, and at most what the ticks of 10 ms say that the shares below are
	// counted in: a processor that sleeps often and shortly has idle time that is
	// counted nowhere, up to a third of all.
	Share   float64 `json:"busy"`
	User    float64 `json:"busy_user"`
	System  float64 `json:"busy_system"`
	SoftIRQ float64 `json:"busy_softirq"` // and interrupts
	Steal   float64 `json:"steal"`
}

// Seconds is the processor time, over all processors.
func (b Busy) Seconds() float64 { return b.Share * float64(b.Cores) * b.Elapsed.Seconds() }

// Busy is what the processors did between two readings; zero where the system
// does not tell.
func (w Whole) Busy() Busy {
	b := Busy{Cores: len(w.Cores), Elapsed: w.Elapsed}
	all := float64(w.Elapsed) * float64(len(w.Cores))
	if all <= 0 {
		return b
	}
	sum := Sum(w.Cores)
	b.User, b.System, b.SoftIRQ = float64(sum.User)/all, float64(sum.System)/all, float64(sum.SoftIRQ)/all
	b.Steal = float64(sum.Steal) / all
	b.Share = min(max(1-float64(sum.Idle+sum.Steal)/all, 0), float64(sum.Busy())/all, 1)
	return b
}
