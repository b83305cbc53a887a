// Package scanner has masscan and zmap, where they are installed, send SYNs and
// take the answers, as fast as they can: what people would use to ask many hosts
// whether a port is open.
//
// # What they are
//
// Neither is a TCP client: no connection has a state, nothing is sent again, no
// handshake is completed, no request sent. masscan answers a SYN-ACK with RST
// (three frames a connection); zmap leaves that to the kernel, which does not
// own the addresses here and says nothing (two frames). Their rates are those of
// their frames, not of connections with which something could be done.
//
// # What is measured
//
// The time is from the first to the last SYN that the far end counted, by its
// counters, so that neither the start of a tool nor its wait for late answers
// counts. Completed are the answers that the tool itself says it got.
package scanner
