// Package script plays packet scripts against a tcpclient.Client: bytes in and
// bytes out, over a link in memory, in virtual time.
//
// Those who know packetdrill can read them:
//
//	set timestamps off
//	+0      open
//	+0      > S 0:0(0) win 65535 <mss 1460,nop,wscale 5,nop,nop,sackOK>
//	+0.050  < S. 0:0(0) ack 1 <mss 1460,nop,wscale 7,nop,nop,sackOK>
//	+0      > . 1:1(0) ack 1
//	+0      * connected
//	+0      send 1000
//	+0      > P. 1:1001(1000) ack 1
//	+0.200~+0.3 > P. 1:1001(1000) ack 1
//
// # Grammar
//
//	script   = { line }
//	line     = [ "set" NAME VALUE | instant what ] [ ("//" | "#") comment ]
//	instant  = time | "+" time | instant "~" instant
//	time     = seconds, as 0.250; with d, h, m, ms as in 25d
//	what     = ">" packet              the client must send this
//	         | "<" packet [ "&" ]      the peer sends this; & = in one batch
//	                                   with the next
//	         | "*" event               the application must be told this
//	         | "on" event-name action  from now on, done inside that event
//	         | action                  the application does this
//	packet   = flags first:last(length) { field }
//	         | "icmp" [ "unreachable" ] NAME [ "mtu" N ] [ "[" first:last(length) "]" ] { field }
//	flags    = letters of F S R P . U E W, or "-" for none; "." is ACK,
//	           "p" on ">" is PSH or not
//	field    = "ack" N | "win" N | "urg" N | "<" options ">" | "text" | mark
//	options  = "mss" N, "nop", "eol", "wscale" N, "sackOK", "TS" "val" N "ecr" N,
//	           "sack" first:last …, "raw" HEX, with commas between; "..." is any
//	event    = "connected" | "data" (N | "text") | "eof" | "writable"
//	         | "closed" | "failed" [ REASON ] | "nothing"
//	action   = "open" { "request" (N | "text") | "separate" | "timeout" time |
//	                    "idle" time | "to" ADDR:PORT | "from" ADDR:PORT }
//	         | "send" (N | "text") [ "request" ] | "close" ("fin" | "reset" | "discard")
//	         | "pause" | "resume", each with [ "=" RESULT ]
//	         | "jump" time | "quiet" | "count" COUNTER N
//	RESULT   = "ok" | "closed" | "full" | "invalid" | "noroute" | "inuse" | N bytes taken
//
// A relative instant counts from the step before, when that really happened;
// of a span, the packet may come anywhere within. Every instant of the
// client's may be off by `set tolerance`, 2 ms, since its timers count
// milliseconds and are never early.
//
// Sequence and acknowledgement numbers are relative to the two initial ones,
// so that the SYNs are 0; in SACK blocks each side's number space is that of
// the bytes spoken of. The client's timestamps count from that of its SYN, the
// peer's are as written; "ecr last" echoes the client's newest, and a bare TS
// expects any. Windows are as they stand in the header. On ">" what is not
// written may be anything, but for options: none written means none, in that
// order and with that padding. Bytes that are not written out are a pattern
// that tells where in the stream each belongs; what the client sends, and what
// it delivers, is always compared with it.
//
// Everything that the client sends must be named by a line, in order, and all
// events but connected, writable and data; "quiet" does nothing but let the
// time before it pass. Results other than "ok" fail unless they are named.
// "count" looks at one counter of Client.Stats and takes 6 ms; "jump" lets time
// pass as it does for a machine that slept.
//
// Marks change the frame of a "<" line: badsum, ipbadsum, reserved N, offset N
// (of TCP, in words), ihl N, totallength N, ttl N, tos N, ipoptions, padding N
// (bytes after the datagram), cut N (bytes from its end), fragment N (bytes a
// piece), overlap (a second first piece with other bytes), group (to
// Ethernet's broadcast address), sport N, dport N (of an ICMP message: of the
// quoted segment), from N (source address). On a ">" line ttl and tos are
// compared. With "times N" a line of either kind stands for N packets in one
// instant, those of the peer in batches of 32.
//
// Settings: mss, timestamps (on, off), congestion (cubic, newreno), mtu, isn,
// irs, clock, tolerance, seed, ttl, timeout, idle, rto-min, time-wait, rest,
// syn-retries, data-retries, receive-buffer, receive-max, send-buffer,
// buffer-memory, sides, holes, connections. Numbers may be 2^32-N and 2^31-N.
//
// # How it works
//
// The client is a Manual one and is driven through tcpclient's public face
// alone. The peer's frames are made, and the client's read, by a codec of this
// package's own, which finds fault with whatever RFC 791 and RFC 9293 forbid
// in a header. A run that fails returns a *Failure: the line, what was
// expected and what came, the trace so far in the same notation, and a capture
// for Wireshark. One goroutine does it all, and every run is alike.
//
// CASES.md tells which areas of packetdrill's, the kernel's and gVisor's client
// tests the scripts of testdata cover, and which not.
package script
