package stack

import "time"

// TicksPerNanosecond is the rate of the time stamp counter, measured for 20 ms;
// 0 where there is none.
func TicksPerNanosecond() float64 {
	began, from := time.Now(), readTicks()
	for time.Since(began) < 20*time.Millisecond {
	}
	took, ticks := time.Since(began), readTicks()-from
	return float64(ticks) / float64(took.Nanoseconds())
}
