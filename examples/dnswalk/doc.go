// Command dnswalk resolves lists of DNS names through Myriad, from the root
// servers downwards, as a resolver without anybody's cache would.
//
// Without -interface it makes two network namespaces, serves a small hierarchy
// in the one, by NSD where that is installed, and walks all of it from the
// other: over AF_XDP as root, over AF_PACKET in a user namespace otherwise.
// With -interface it resolves the names of -names, or of standard input. See
// dnswalk -h.
//
// # Input
//
// A name a line, with or without the final dot, and optionally a type after it
// (www.example.org AAAA); # begins a comment. International names are given in
// their ASCII form.
//
// # Output
//
// One JSON object per line and name, to -out; dnswalk schema says of what
// fields (schema.go), and -fields chooses among them. Names are in lower case
// with the final dot. A name whose line would be longer than 4096 bytes has
// several, with part and parts, each with its share of the answers; a record
// that is longer than that is cut: all but its last piece say more. The file is
// whole lines at every instant, also after kill -9; lines are added to a file
// that exists.
//
// -rtt writes, at the end, one object per server that was asked (dnswalk schema
// dnswalk.servers).
//
// # State
//
// With -state the walk keeps, every second, which names of the list are done:
// those whose lines are written. The same command with the same list goes on
// with the others; at most the names of one checkpoint are resolved, and
// written, twice. Another list is found out before any name of it is asked for.
//
// With -cluster any number of processes share a list through a NATS server,
// which knows where each part stands (see package examples/internal/shards):
// parts of one that dies go to the others from their last checkpoint on. Each
// writes its own -out, and bounds hold for each.
//
// # Politeness
//
// -rate bounds the requests a second over all, -per-server and -per-server-rate
// those at a time and those a second to one address. The bounds per server are
// divided among the workers. Servers in IANA's special-purpose blocks are left
// alone, unless -allow says otherwise, and so is what -exclude lists: a name
// that no other server knows has the error excluded.
//
// Exit codes, messages and the other flags are those of package program.
package main
