package sampling

import (
	"errors"
	"time"
)

// Period is the processor time between two samples. It is no multiple of what
// else happens regularly.
const Period = 251_003 * time.Nanosecond

// ErrNotSupported is returned where the system does not tell.
var ErrNotSupported = errors.New("sampling: only Linux tells what its processors do")

// sample is one answer.
type sample struct {
	pid   int
	names []string // of functions, innermost first
}

// Profile is what was seen.
type Profile struct {
	Samples int            // all, on all processors
	Lost    uint64         // that found no room
	Counts  map[string]int // samples by component
}

// count sorts samples by component.
func count(samples []sample, self int, lost uint64) Profile {
	p := Profile{Samples: len(samples), Lost: lost, Counts: make(map[string]int)}
	for k := range samples {
		p.Counts[componentOf(&samples[k], self)]++
	}
	return p
}
