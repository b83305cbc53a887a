// Package bare is a TCP client with nothing in it: no connection is
// remembered, nothing is timed or sent again, and everything in an answer comes
// from the frame that it answers. It sends the bytes that Myriad sends and
// verifies the checksums that Myriad verifies. What it reaches is what a backend
// and the wire allow, the measure for the whole stack over them.
//
// A connection is SYN, SYN-ACK, then ACK and RST, or ACK with the request (or
// after it), reply and RST; or FIN, FIN-ACK and ACK in place of RST. A frame that
// gets lost takes its place in the window with it.
//
// Each queue has one goroutine on a thread of its own, pinned to a processor
// where there are enough. That matters on a veth, where an answer arrives on
// the queue that has the number of the processor that it was made on: without
// pins, one queue may get everything.
package bare
