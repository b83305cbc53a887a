// Command crawler crawls the web, or a Gnutella network, through Myriad.
//
// Without -interface it makes two network namespaces, starts a demo web in the
// one and crawls it from the other: over AF_XDP as root, over AF_PACKET in a
// user namespace otherwise. With -interface it crawls from the URLs in -seeds,
// by the rules of a good citizen. See crawler -h.
//
// # Output
//
// One JSON object per line and URL, to -out: url, start (RFC 3339), address,
// status, content_type, bytes (of the body), links, location (of a redirect),
// reused (the connection was kept from the page before), connect_us,
// first_byte_us, last_byte_us (microseconds; the last two since the start),
// and for a failure error (one of: refused, reset, timed out, deadline
// exceeded, unreachable, excluded, no such name, name lookup failed, too large,
// header too large, unpacks to too much, bad encoding, cut short, bad
// certificate, tls, bad reply, bad location, too many redirects, no memory,
// device gone, shut down, failed, disallowed by robots.txt) and detail. Each line is written whole and at once, so that the file is whole
// lines also after kill -9. Lines are added to a file that exists.
//
// # Memory
//
// A crawl holds, whatever its length: about a kilobyte for each site that has
// links waiting, the store's tables and blocks (package frontier/disk), the
// robots.txt rules of the last 20,000 sites or of 64 MB of such files, 1,024
// idle connections, and up to -parallel pages of -max-bytes, together within
// one budget. 5 million pages on 100,000 hosts took 380 MB at most
// (bench/README.md).
//
// # Gnutella
//
// With -protocol gnutella it takes a snapshot of a Gnutella 0.6 network: it
// asks each ultrapeer (Crawler: 0.1) for the ultrapeers and leaves that it
// knows, breadth first from those in -seeds, until all are found. Attempts are
// spread over the addresses in -source, since a servent refuses one that comes
// again within 300 seconds; a node that refuses ours is asked from another.
// Without -interface the network is the demo's: computed from -demo-seed by a
// stateless far end, so that every node and every edge found is checked.
//
// The output is one JSON object per line and node. For a node that was
// contacted: address, kind (ultrapeer; leaf: it answered, and named no leaves;
// unknown: it did not answer 200), status (of its reply), user_agent,
// live_since (RFC 3339) and uptime_s (seconds, at the start of the snapshot),
// peers and leaves (how many it named; peers is its degree), rtt_us (of the
// last handshake), attempts, and for a failure error (one of: refused, reset,
// timed out, deadline exceeded, unreachable, no memory, device gone, cut
// short, head too long, not gnutella, too frequent, busy, other status, no
// route) and detail (the servent's words). At the end, for a node that was
// named as a leaf only: address, kind (leaf), parents (how often it was
// named). Spaces may stand at the end of a line.
//
// The file -edges begins with the line MYRIAD GNUTELLA EDGES 1. Then come, for
// each node that answered, all numbers big-endian: its address (4 bytes) and
// port (2), the number of its ultrapeers (2) and of its leaves (2), and their
// addresses and ports.
//
// With -state the folder has a journal of all that was found. The same command
// contacts no node of it again; the lines of leaves come at the end of the run
// that comes to its end.
//
// # The rest
//
// crawler schema says of what fields the lines are (schema.go), and -fields
// chooses among them. Exit codes, messages and the other flags are those of
// package program.
package main
