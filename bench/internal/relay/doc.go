// Package relay carries frames between two interfaces, in Go over AF_PACKET, and
// delays, reorders and duplicates them on the way, which no rule of the kernel's
// does without netem. It stands between the two ends of a test, in a namespace
// of its own whose interfaces have no addresses, so that the ends share a link.
//
// # Terms
//
// A [Way] is one direction. What happens to a frame is its fate: it is passed on
// after [Impairment.Delay]; of TCP's, some are lost, some come twice, and some
// are held back until others have overtaken them.
//
// # Concurrency
//
// A Relay has a goroutine for each way, on a thread of its own, of the highest
// priority that it may have: what it delays is what it was told to. Set and Fates
// may be called from every goroutine. A way draws from a source of its own, seeded
// by its owner, but what it does depends on how frames arrive: two runs are not
// alike.
//
// # Limits
//
// Frames of up to 9,216 bytes, 100,000 waiting in each way; what is beyond that
// is dropped, and counted. Only Linux has AF_PACKET.
package relay
