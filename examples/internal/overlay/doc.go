// Package overlay is a Gnutella network that is computed rather than stored:
// whom a node knows, and what it answers, are functions of a seed and the
// node's number. So a far end without memory can answer for a million nodes,
// and every node and edge that a crawler has found can be checked.
//
// # The graph
//
// Ultrapeers stand in a ring. Each is joined to others at fixed distances, in
// both directions, each such edge being there or not by chance: on average 30.
// The edges to the next in the ring are always there. Leaves hang on up to
// three ultrapeers each, 30 leaves to an ultrapeer on average. One ultrapeer
// in 256 is busy and answers 503, one in 256 is not there and refuses.
//
// # Addresses
//
//	10.64.0.0/10    ultrapeers, one each; most on port 6346
//	10.128.0.0/9    leaves, four to an address; nobody is there
//
// An Overlay is immutable once made, and may be used from any goroutine.
package overlay
