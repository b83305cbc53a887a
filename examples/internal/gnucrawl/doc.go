// Package gnucrawl crawls a Gnutella network breadth first, from a few seeds
// to all ultrapeers that any of them knows, over tcpclient's Handler face.
//
// # Terms
//
// A node is an address and port. It is known once it was named; each node
// named as a peer (an ultrapeer) is contacted, a node named only as a leaf is
// not. A place is a node's position in the table of all that is known, and its
// number everywhere else. A record is what contacting a node came to.
//
// # Concurrency
//
// Each worker of the client has a handler with its own connections, records
// and edges; it contacts the nodes whose address hashes to it; with limits per address or
// prefix, all nodes of a /24 are one worker's. Workers share
// the table, whose slots are claimed by compare-and-swap and never moved, and
// an inbox each for what another found, taken and given once a turn.
//
// # Memory
//
// The table takes 8 bytes a slot and never grows: NodesMax bounds it. A
// record takes 32 bytes, an edge 4. A connection has room for a whole head,
// of which only what arrives is touched. After the start nothing is allocated
// for a connection; records and edges come in large pieces.
//
// # Going on
//
// With a Journal each node's entry is written after its line, about every
// second. A crawl with the journal of one that was killed contacts none of its
// nodes again, and has its edges, too.
//
// # Errors
//
// A node that cannot be had is a record with a Reason. Only the output's
// failure and the client's end a crawl.
package gnucrawl
