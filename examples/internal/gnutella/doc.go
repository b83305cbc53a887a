// Package gnutella speaks the words of a Gnutella 0.6 crawler: the request
// with Crawler: 0.1, the servent's reply with its Peers and Leaves, and the
// third leg.
//
//	crawler                               servent
//	GNUTELLA CONNECT/0.6          ──►
//	Crawler: 0.1 …                ◄──     GNUTELLA/0.6 200 OK
//	                                      Peers: … Leaves: …
//	GNUTELLA/0.6 200 OK           ──►
//	                              ◄──     FIN
//
// # Ownership and concurrency
//
// A Reply belongs to one goroutine and is used again for each reply. What it
// refers to, UserAgent and Phrase, lies in the bytes that were parsed.
//
// # Limits and errors
//
// IPv4 only. A head is parsed when all of it is there, at most HeadBytes; what
// is longer has no end. An entry of a list that is not an address and a port
// of a host is counted and passed over, since real servents send such.
package gnutella
