// Package frontier decides which URL is fetched when: each URL once, and never
// more of one address or prefix at a time, or sooner after each other, than
// Limits allow.
//
// # Terms
//
// A host is a name or an address as links write it; a site is a host with its
// scheme and port; an address is where hosts live; a prefix is the /24 or /64
// around an address. Many hosts may share an address, and it is the address
// that politeness is owed to. A slot is the right to hold one connection to
// one address: an address has at most Limits.PerAddress of them, and a slot
// belongs to one task at a time.
//
// # Parts
//
// A Store holds the links: which were ever seen, and which wait. A Frontier
// holds what politeness needs of the sites that have links waiting: it takes
// links from the store a few at a time, when their site's turn has come.
//
// Of the addresses, workingMax at most are asked in turn; the others stand by
// in a line until none of these may be asked yet. An address leaves the turn
// when it has nothing any more or had its share, so that one without end keeps
// no other from its own.
//
// # Course
//
// Add takes links. A host that is a name waits until somebody who took it from
// Name has given its address to Found. Next hands URLs out as tasks; each task
// ends with Done, with Return when it has to come again in this run, or with
// Abandon when it is for the next. Next and Name return io.EOF when nothing is
// left and nothing can be added any more.
//
// # Concurrency and memory
//
// All methods may be called from any goroutine. Memory grows with the sites
// that have links waiting, at about a kilobyte each, not with the links; of
// hosts without any the last idleMax are remembered.
package frontier
