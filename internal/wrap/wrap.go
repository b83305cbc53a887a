package wrap

import "time"

// Forced says that one of the tags is set.
const Forced = place != 0

const (
	// spread is how far before the place an ISN lies at most, so that a short
	// exchange crosses it.
	spread = 2000
	// ahead is how far before the place a clock starts: longer than most
	// handshakes take, and shorter than most of what follows.
	ahead = 1500 * time.Millisecond
)

// ISN returns the initial sequence number to use instead of n.
func ISN(n uint32) uint32 {
	if !Forced {
		return n
	}
	return uint32(place - (uint64(n)%spread + 1))
}

// Clock returns the instant at which a virtual clock is to start instead of at
// start.
func Clock(start time.Duration) time.Duration {
	if !Forced {
		return start
	}
	return place*time.Millisecond - ahead
}
