// Package kernel opens connections with the kernel's TCP, as fast as it can: by
// clients in C, compiled when they are run, where there is a compiler
// (non-blocking sockets with epoll, epoll.c; io_uring, uring.c; blocking calls
// from many threads, connect.c; what they have in common, client.h), and by Go's
// net package. It stands for what people would use instead of Myriad.
// RunDial has any other client that blocks do the same.
//
// # Terms
//
// A job is what one connection does: the handshake, then a request and its
// whole reply if there is a request, then the end, by RST (SO_LINGER of 0) or
// by FIN. Run works in a network namespace whose kernel owns the source
// addresses; the work itself is done by processes of their own, which end with
// this one.
//
// # Limits
//
// Source addresses are taken in turn and the kernel chooses the ports. What a
// process opened and did not complete within five seconds after its time is up
// counts as unfinished.
package kernel
