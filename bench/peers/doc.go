// Package peers puts TCPs that nobody here wrote at the other end of a
// simulated link, as peers for Myriad: gVisor's complete netstack. The library
// takes gVisor's header parsing alone; this is another module.
//
// # Virtual time
//
// Virtual is netstack in the worlds of myriad/internal/sim: applications above it
// are the honest peers, over a wire that loses, reorders, duplicates, corrupts,
// delays, throttles and is cut. One seed makes everything, and gives the same
// frames and events at the same instants each time, whatever else the machine
// does: netstack's clock is the world's, its timers fire on the goroutine that
// moves it, its random numbers come from the seed, and it has one goroutine that
// works off segments, which has to have come to rest (stack.Pause) before the
// world goes on. What netstack draws by itself, and nobody can choose, is the
// identification of IPv4 packets that may be fragmented; Virtual numbers those.
//
//	go test ./bench/peers                                       500 worlds
//	go test ./bench/peers -run TestVirtualWorlds -seeds N       N worlds …
//	go test ./bench/peers -run TestVirtualWorlds -first S       … from seed S on
//	go test ./bench/peers -run TestVirtualWorlds -seed S        that world alone
//
// A world that fails is named by its seed, and run again with a capture.
//
// Connections are opened to netstack, to ports where it listens and to others
// where it does not, or from both ends at the same instant, which is all that a
// client can be opened by.
//
// # Wall clock
//
// NewNetstack runs netstack on goroutines and a link of real time, for what
// needs both: the Dialer, whose calls block. No test depends on how fast that is.
//
// # What is known of netstack
//
// Its sender now and then falls silent for ever, which the worlds count and
// excuse: postXmit arms no timer when all that is not acknowledged counts as lost
// (seen with RACK), or does not fit the window, which older, reordered ACKs widen
// and newer ones narrow again. It also forgets a connection, without a word,
// after a minute of SYN-ACKs whose ACKs are lost. A receive buffer of 4 KiB may be
// filled for ever with what lies behind a hole; the worlds have 16 KiB and more.
//
// # Concurrency
//
// A Virtual belongs to the goroutine that runs its world; worlds share nothing.
// While one is made, GOMAXPROCS is 1 for a moment, for netstack asks it how many
// goroutines to start.
//
// # Ownership
//
// Whoever makes a Netstack closes it, before the link. A world closes its
// Virtual.
package peers
