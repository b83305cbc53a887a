// Package scannet is the far end of the scanner's demo: a process that stands
// for a network of a quarter of a million hosts, on raw frames and without
// remembering anything, in a network namespace of its own.
//
//	this process                        child
//	198.18.0.1 (kernel)   ── veth ──    198.18.0.2 (kernel), router
//	198.18.64.0/24 (Myriad)             10.64.0.0/14: every host
//
// # What is there
//
// A hash of seed, address and port says what a host is and what it has open;
// Expect tells it to whoever wants to compare. One host in two is silent, one in
// 32 answers everything, one in 32 is unreachable by its router's word; of the
// others' ports one in four is open, one in four says nothing, and the rest
// refuse. Open TCP ports greet whoever connects, and answer what they are told.
//
// # Course
//
// As in package overlaynet: Start makes the namespace and the child; in the
// child IsServer is true and Serve does everything.
package scannet
