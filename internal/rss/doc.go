// Package rss computes on which receive queue a network card puts a packet:
// receive side scaling, by the Toeplitz hash that Microsoft specified ("RSS
// Hashing Functions") and nearly every card has.
//
// # Terms
//
// The key is the card's secret, 40 bytes or more. The indirection table names a
// queue for each of the hash's lowest bits. The hash of a packet of TCP over IPv4
// is over its source and destination addresses and ports, as they stand in the
// packet: for what we receive the peer's come first.
//
// The hash is linear: that of a packet is the exclusive or of its parts'. So the
// peer's part is computed once while a local port is looked for, and each port
// costs two look-ups.
//
// # Concurrency
//
// A Hash does not change once it is made; any goroutine may use it.
package rss
