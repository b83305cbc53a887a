// Package stream shares the links and the results of a crawl among any number
// of processes, through a NATS server with JetStream.
//
// # What the server holds
//
// For a crawl called NAME:
//
//	KV NAME-seen     bucket.hash -> link    every link ever seen; created once, never changed
//	KV NAME-results  hash -> result         one line per URL; created once, never changed
//	KV NAME-owners   b.bucket, w.process    leases; gone when not renewed
//	consumer bN of NAME-seen                which links of bucket N are finished
//
// A link is added by creating its key: that it is seen and that it waits are
// one write, so that no kill comes between. The key's bucket is a hash of the
// host. Each bucket has a durable consumer with explicit acknowledgement: it is
// the work queue. What a process took and did not acknowledge comes again, to
// whoever holds the bucket then.
//
// # Who does what
//
// A process takes links only of buckets that it holds a lease on, so that a
// host, and politeness towards it, is one process's affair. Leases are shared
// out evenly among those alive; one that is given up, or runs out, rests for
// Options.Settle before its next holder begins. Addresses and prefixes that
// hosts of several buckets share are known to each process for itself only:
// what is promised of those holds for each process.
//
// # When the server goes away
//
// Calls wait for it, without limit; Away says so. Leases that cannot be
// renewed are not used. When it comes back everything goes on.
//
// # Concurrency and memory
//
// All methods may be called from any goroutine. Memory is pendingMax links per
// bucket held, and knownMax hashes of links that are known to be seen.
package stream
