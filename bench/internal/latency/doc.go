// Package latency measures how long a frame takes through a worker: from the
// instant at which it leaves the far device until the frame that answers it is
// back there.
//
// # Terms
//
// A far end without a kernel's TCP stands at the other end of a veth pair. It
// answers SYNs, and then sends requests, of one minimum frame each, on the
// connections in turn: by the clock and whatever becomes of them, so that a
// worker that stands still is asked as often as one that does not. The worker's
// application answers each with a minimum frame.
//
// What the capacity is, is measured first: requests as fast as they are
// answered, a window of them under way. Loads are parts of it.
//
// # Instants
//
// A request's instant is read right before the call that sends it, a reply's is
// the kernel's timestamp of its arrival at the far device: the far end's own
// delay in reading it counts nowhere. Both are of CLOCK_REALTIME. A second
// histogram counts from when the request was due, generator's delay included.
// The worker's own share is from taking a batch from the device until all that
// answers it was passed to the device and its system call has returned.
//
// # Concurrency
//
// The far end is one thread, pinned to the second processor; the worker has the
// first. Run is for one goroutine, and makes and ends everything itself.
//
// # Limits
//
// One queue, at most ConnectionsMax connections. A reply that was lost on the
// way back counts as unanswered; a request that was lost is sent again and
// counted from when it was sent first.
package latency
