// Package send sends raw frames as fast as a method allows: a kernel raw socket
// or an AF_PACKET socket by one call a frame or by sendmmsg, AF_PACKET's
// memory-mapped ring, or AF_XDP; on Windows a raw socket by one call a frame,
// or IRLstack. All send the same bytes.
//
// # The frames
//
// UDP without a payload checksum, to one address and port from one port, or
// each frame with another destination address and source port. UDP because
// connection tracking makes an entry for each pair of ends, as it would for a
// SYN, while the far end drops them (and counts them as malformed).
//
// # Terms
//
// A frame's size is the one on the wire, with the check sequence of 4 bytes: 64
// to 1,518. What the kernel took is sent; what it said no to, as for want of
// room in the table of connections, is refused.
//
// # Concurrency
//
// Run starts a thread for each queue, on a processor of its own where there are
// enough, each with a socket or queue of its own.
package send
