// Package interop holds no code, only tests: Myriad against stacks and servers
// that were not written for it, in network namespaces of their own. Every byte
// that arrives is compared.
//
//	the kernel's TCP   with SACK, timestamps and window scaling on and off,
//	                   each congestion control, tiny windows, segments of 536
//	                   to 8,960 bytes, resets in every state
//	nginx              plain, and with TLS over HTTP/1.1 and HTTP/2
//	OpenSSH            its banner and first packet
//	tcpdump            as the judge of our checksums
//	x/net's nettest    of what a net.Conn is
//
// # Terms
//
// A world is near ─ far, or near ─ middle ─ far. In the middle, nftables drops
// what its statements say, as a forwarding kernel; or a relay in Go delays,
// reorders and duplicates. A crew runs tasks, a connection each, through the
// Handler face.
//
// A test under loss asserts, from the far kernel's own counters, that loss took
// place.
package interop
