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
// One JSON object per line and name, to -out: name, type; rcode (NOERROR or
// NXDOMAIN) or, when there is no answer, error; answers, each with name, type,
// ttl and data (as in a zone file); servers (the first 16 asked), requests, tcp
// (where one went over TCP), us (microseconds from the start to the end). The
// errors: timed out, refused (port closed), unreachable, refused by server,
// server failure, lame delegation, bad reply, cut short, no server address,
// delegation loop, delegation too deep, cname loop, too many requests, name
// not supported.
//
// Names are in lower case with the final dot. A name whose line would be longer
// than 4096 bytes has several, with part and parts, each with its share of the
// answers; a record that is longer than that is cut: all but its last piece
// say more. The file is whole lines at every instant, also after kill -9; what
// is in hand then is lost, and lines are added to a file that exists.
//
// -rtt writes, at the end, one object per server that was asked: server,
// requests, replies, and of the replies' delays min_us, mean_us, max_us. A
// delay is from the turn in which a request left to the receive timestamp of
// the batch with its reply; requests are never repeated under one id, so none
// is ambiguous. Those over TCP are not among them.
//
// # Exit codes
//
// 0: the list came to its end, or was ended by Ctrl-C. 1: it failed, or the
// demo did not go as it must. 2: wrong usage.
package main
