// Package conntable holds a worker's connections: millions of 64-byte,
// pointer-free entries, an index from 4-tuple to entry, the choice of local
// address and port for a new connection, and the rest that a closed 4-tuple
// takes before it is used again.
//
// # Terms
//
// An index numbers an entry, 0 ≤ index < Cap. It is good for as long as the
// connection lives, and is then given to another one. An [ID] adds the
// worker and the entry's generation: it names one use of the entry and
// nothing afterwards. A [Key] is the 4-tuple; the local address in it is an
// index into the sources that the owner of the table works with. A hash is
// [Table.Hash] of a key: keyed by the table's seed, so that a peer cannot aim
// at one bucket. What takes a hash wants that of the same table.
//
// # Life of an entry
//
// [Table.Insert] takes an entry and zeroes it but for its key and generation,
// so its State is [Free]: the caller sets the state before it hands the ID to
// anybody, since [Table.Resolve] answers only for entries that are not Free.
// [Table.Remove] gives it back; the ID is stale from then on, and
// [Table.Retire] begins the rest of its tuple too.
//
// # Concurrency and memory
//
// Nothing here is safe for use by two goroutines at once: each worker has a
// table, an [Allocator] and a [Quarantine] of its own, and the local port says
// which worker a connection belongs to ([Owner]). Everything is taken by the
// constructors; no other function allocates. Memory that has never been used
// is not resident. Per connection of capacity: 64 bytes of [Entry] and 11 of
// index, and 24 of [Extra] once a use of the entry has needed it; none of it
// holds a pointer, so the garbage collector never looks at it. An address is a
// number of 32 bits: IPv6 would want a table of its own. A *Entry or *Extra stays valid, and keeps its
// address, for as long as the table.
//
// # Time
//
// Nothing reads a clock: an instant is an argument, counted from an epoch of
// the caller's choice.
//
// # Errors
//
// Constructors refuse what they cannot do and name the argument, its value and
// the limit. [ErrFull], [ErrExists], [ErrBusy], [ErrResting] and
// [ErrNotOwned] are sentinels for errors.Is, returned bare on the hot path.
package conntable
