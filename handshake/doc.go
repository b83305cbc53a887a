// Package handshake is the client side of TCP (RFC 9293): every state that a
// connection passes through from its SYN to the last RST or FIN.
//
// It is pure: a segment, an entry of the table and the present instant go in;
// a changed entry and a Result come out. It does no I/O, reads no clock, and
// after New it allocates only where a connection needs a side record.
//
// # Terms
//
// A plain connection lives in its 64-byte entry alone: it sends at most one
// interned request of one segment, and receives in order. What needs more (data
// of its own to send, holes in what it receives, a pause, timestamps) takes a
// Side from a bounded pool.
//
// # How it is driven
//
//	Open ──► Output … Step … Timeout ──► Result ──► Output …
//
// Step takes a segment, Timeout a fired timer, Write, Finish and Reset the
// application's wishes. None of them sends: the owner calls Output afterwards,
// once for all that happened in a turn, until it reports that nothing is left
// to be sent. That is what merges a batch of segments into one ACK, and lets
// what the application sends ride on it. Deadline then tells when Timeout is
// due next.
//
// # Concurrency and memory
//
// A Machine belongs to one goroutine. Results' Data points into the segment
// that was given; pieces from Held stay valid until EndTurn.
//
// # Errors
//
// Nothing that a peer sends makes it fail: each segment that is not taken is
// counted under a Drop, and a connection ends with a Reason.
package handshake
