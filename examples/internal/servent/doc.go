// Package servent answers Gnutella crawlers over the kernel's TCP as
// gtk-gnutella 1.2.3 does, word for word, and as some less well-behaved
// servents do. It is for tests and demonstrations.
//
// One Server stands for many servents: the local address of a connection says
// which of them is meant. It is safe for concurrent use.
//
// # Manners
//
// A second crawl from an address within 300 seconds is refused with 403. After
// a 200 the connection stays open until the third leg has come; then the
// servent sends FIN. The listen backlog is 5. A list is capped at 8 KiB, and
// may go on in further lines.
package servent
