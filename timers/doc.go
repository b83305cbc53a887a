// Package timers keeps deadlines for millions of connections, and estimates
// round trips.
//
// A [Wheel] holds at most one deadline per connection, named by the
// connection's index, in ticks of a millisecond. Arm, Disarm and what Advance
// does per deadline are O(1) (a deadline moves at most three times before it
// fires); nothing allocates after NewWheel, and no callback runs: Advance
// hands out the indices that are due. An [RTO] is the retransmission timeout
// of one connection by RFC 6298.
//
// # Time
//
// Nothing reads a clock. An instant is a time.Duration since an epoch of the
// caller's choice. Inside, the wheel counts in 32 bits of milliseconds, which
// wrap after 49.7 days without effect; a deadline further off than [Horizon]
// is refused by firing at the horizon. A deadline never fires early: it is
// rounded up to a tick.
//
// # Concurrency and memory
//
// Not safe for use by two goroutines at once: each worker has a wheel of its
// own. 12 bytes per connection of capacity, without pointers, and resident
// only once used.
package timers
