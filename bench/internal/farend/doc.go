// Package farend is the far end of the measurements: an XDP program that
// answers TCP without state, on the device that it is attached to, for every
// address and port of one prefix. It costs so little that the client is what
// gets measured.
//
// # What it answers
//
// SYN with SYN-ACK (an MSS option and no other), data whose last piece has PSH
// with the configured reply, data without PSH with a bare ACK, FIN with
// FIN-ACK, and ARP for its prefix. Bare ACKs and RSTs are counted. Everything
// for other addresses goes on to the kernel.
//
// # Limits
//
//   - One segment in, at most one segment out, so the reply is one segment: up
//     to ReplyMax bytes.
//   - The answer is written into the frame of the question, which on a veth can
//     grow by GrowMax bytes for certain. A reply that is longer than its
//     request by more than that is dropped and counted in Counters.NoRoom.
//   - It knows no connection: a segment for one that never was is answered too,
//     and nothing is ever sent again.
//   - IPv4 only.
//   - A veth takes what its peer answers by XDP_TX only when it has an XDP
//     program itself.
//
// # Concurrency
//
// Counters and Close may be called from any goroutine and from any network
// namespace; Attach works in the namespace of the calling thread.
package farend
