// Package demoweb is a small web to crawl: hosts, names, and pages that link
// to each other, made from a seed, and the servers for them.
//
// A Web is a pure function of its fields: which pages there are, what they
// hold and where they link to can be computed anywhere, so that a test knows
// what a crawl must find. Pages are numbered; page 0 is the root, and page p
// links to pages 8p+1 to 8p+8, so that every page is found, and to a few
// others. Beside the pages there are
//
//   - redirects, each to a page,
//   - missing URLs (404),
//   - private URLs, which robots.txt forbids,
//   - dead URLs: closed ports, silent addresses, addresses for which the
//     router sends an ICMP error, and names that do not exist.
//
// The hosts take turns: page p is on host p mod Hosts. Every other host is
// known by a name, the rest by their addresses.
//
// Server serves it all with net/http on whatever listener it is given;
// ServeDNS answers for the names. All of it is safe for concurrent use.
package demoweb
