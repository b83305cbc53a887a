// Package overlaynet is the far end of the Gnutella demo: a process that
// answers for all ultrapeers of a computed network, on raw frames and without
// remembering anything, in a network namespace of its own. What they say is
// written before it begins (about 1.4 KB of memory for each).
//
//	this process                        child
//	198.18.0.1 (kernel)   ── veth ──    198.18.0.2 (kernel), router
//	198.18.64.0/18 (Myriad)             10.64.0.0/10: every ultrapeer
//
// # Without memory
//
//	SYN                 SYN-ACK, whose sequence number is a keyed hash of the
//	                    four-tuple; RST where nobody is
//	the request         the reply, in segments of at most SegmentBytes, now
//	                    and then in the wrong order; their numbers come from
//	                    the request's acknowledgement
//	the third leg       FIN
//	FIN                 ACK with FIN
//	a bare ACK of a     the segment that it asks for: the client lacks it
//	part of the reply
//	anything else       counted
//
// Over AF_XDP all of this but what is lost is answered in the kernel (front.c,
// Linux 5.18), before the device's own program, out of texts in a BPF map. A
// reply has up to three segments and XDP one frame for a frame, so the request
// is copied by a device map (reply.h).
//
// Requests and third legs are checked byte by byte, and of a request the
// checksums and the hash in what it acknowledges, too. What is lost is sent
// again where the crawler's TCP shows that it is missing: a reply that was lost
// whole, and its request retransmitted, or a part of one.
//
// # Course
//
// As in package demonet, whose Enter goes before: Start makes the rest; in the
// child IsServer is true and Serve does everything.
package overlaynet
