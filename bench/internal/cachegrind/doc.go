// Package cachegrind counts instructions and cache misses, by component, where
// there are no hardware counters: it runs a command under valgrind's cachegrind,
// which simulates a processor's caches.
//
// # Terms
//
// The caches are those of Caches, whatever the machine has, so that runs on two
// machines can be compared. Prefetching, the address cache and speculation are
// not simulated: a miss here may cost nothing there. Functions are told apart, but
// not who called them, and an inlined function counts where it was inlined.
//
// # Errors
//
// ErrNotInstalled where there is no valgrind; everything else that keeps it from
// running is told in its own words.
package cachegrind
