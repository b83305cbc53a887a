// Package peers puts TCPs that nobody here wrote at the other end of a
// simulated link, as peers for Myriad: gVisor's complete netstack. The library
// takes gVisor's header parsing alone; this is another module.
//
// # Concurrency and time
//
// Netstack works on goroutines of its own, so the link follows the wall clock.
// No test depends on how fast that is.
//
// # Ownership
//
// Whoever makes a Netstack closes it, before the link.
package peers
