// Package disk keeps the links of a crawl in an embedded store (Pebble), in a
// folder or in memory.
//
// A change is one batch in Pebble's log: the end of a page and the links that
// it led to get there together or not at all. The log is written behind, in
// order, within milliseconds: what a kill takes away are the last pages that
// were finished, which are fetched again; their links are found again, too. A
// power failure may take away as much as the operating system had not written.
//
// # Keys
//
//	v                     "myriad frontier 1"
//	c                     seen, left, left out, last number (8 bytes each)
//	s hash                a link that was seen; 16 bytes of its SHA-256
//	h host                how many links of a host were seen, where that is limited
//	q site 0 number       a link that waits: depth, redirects, URL
//
// # Concurrency and memory
//
// All methods may be called from any goroutine. Memory is CacheBytes for blocks
// read, up to 4 tables of memTableBytes for what is new, and some for the
// indices of open files, whatever the size of the store.
package disk
