// Package load opens connections with tcpclient as fast as it is allowed to,
// and counts what became of each.
//
// # Terms
//
// A job is what one connection does: the handshake, then a request and the
// whole of its reply if there is a request, then the end, by RST or FIN. A
// connection completed when it did all of that. The window is the number of
// connections that are at it at one time. A run opens connections for a
// duration, up to a limit, or until the context ends; then it waits for those
// that are still at it. A run that holds leaves the connections standing until
// the last one has done its part, measures the memory, and ends them then.
//
// # Concurrency
//
// Each worker of the client has a handler of its own, which nothing else
// touches but through Client.Do. Between the start and the end of a run
// nothing is allocated.
package load
