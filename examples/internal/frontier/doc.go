// Package frontier decides which URL is fetched when: each URL once, and never
// more of one address at a time, or sooner after each other, than Limits
// allow.
//
// # Terms
//
// A host is a name or an address as links write it; a site is a host with its
// scheme and port; an address is where hosts live. Many hosts may share an
// address, and it is the address that politeness is owed to. A slot is the
// right to hold one connection to one address: an address has at most
// Limits.PerAddress of them, and a slot belongs to one task at a time.
//
// # Course
//
// Add takes URLs. A host that is a name waits until somebody who took it from
// Name has given its address to Found. Next hands URLs out as tasks; each task
// ends with Done, or with Return when it has to come again. Next and Name
// return io.EOF when nothing is left and nothing can be added any more.
//
// # Concurrency and memory
//
// All methods may be called from any goroutine. Memory holds every URL seen,
// about 200 bytes each, and grows with the crawl; Interface is what a frontier
// on disk has to fulfil to take its place.
package frontier
