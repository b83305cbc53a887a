// Package permute orders a range of numbers at random, without a table: the
// k-th number of the order, and the place of a number in it, are computed.
//
// # Method
//
// A Feistel network over exactly the domain (Black and Rogaway, "Ciphers with
// Arbitrary Finite Domains", 2002, the generalized method): a number below n is
// split into a low part of some bits and a high part, each round adds a keyed
// hash of one part to the other, modulo that part's size, and a result that is
// not below n is sent through again until it is. Each round can be taken back
// whatever the hash is, so the whole is a bijection of 0 … n-1 onto itself.
// The high part's size is the least that holds n, so fewer than two numbers in
// a thousand are sent through again where n is above a million.
//
// The order hides nothing: its purpose is that neighbours in it are no
// neighbours in the network, and that a seed and a place name every probe.
//
// # Concurrency
//
// An Order is immutable and may be used by any goroutine. Nothing allocates.
package permute
