// Package hostile plays attacks on the real client, bytes in and bytes out over
// a link in memory with a virtual clock, and measures what each costs. Tests
// alone use it.
//
// # Terms
//
// An attack is a stream of packets, each of which a hostile peer, or a stranger
// off the path, can send at will. It is run at a size and at four times that
// size, on a world of its own: one client, some connections brought to the state
// that the attack wants.
//
// # What is measured
//
// Work is the number of statements of the library that the attack had executed,
// counted by the coverage counters of a build with -cover (see measure): the
// same on every machine, however loaded. Held is the memory that connections
// have at its end: buffers, out-of-order ranges, side records, entries. Replies
// are the frames that left beyond those that leave in a world where the same
// time passes without the attack.
//
// The table HOSTILE.md has each attack with its bound and these figures; tests
// keep it true.
//
// # Concurrency
//
// A world runs on the goroutine that made it; worlds share nothing.
package hostile
