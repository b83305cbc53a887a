// Package demodns is a small DNS of its own: root, top-level domains, zones
// below them, and everything that goes wrong in delegations, with what a
// resolver must make of each name.
//
//	198.19.0.1              root
//	198.19.1.1 …            one address per top-level domain
//	198.19.2.1 … .8         the zones below, two addresses each
//	198.19.128.0/18         swallowed
//
// It is written for NSD (WriteNSD: one process per level, so that a question
// that goes to the wrong one is refused), and can be served by Serve, a tiny
// authoritative server, where NSD is not installed. World is a pair of network
// namespaces with the servers in the far one.
package demodns
