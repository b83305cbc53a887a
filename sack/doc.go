// Package sack keeps what has arrived out of order on a connection, as ranges
// of sequence space, and says which of them to report to the peer: SACK blocks
// in the order of RFC 2018, D-SACK by RFC 2883.
//
// # Terms
//
// A range is half open. What lies between RCV.NXT and the first range, or
// between two ranges, is a hole. Ranges that touch or overlap are one. Only
// ranges are kept here; whoever keeps the bytes stores those that [Ranges.Add]
// does not report as duplicates, so that the first copy of a byte wins.
//
// # Memory
//
// A [Ranges] without holes, and so its zero value, is two words and has no
// tree. At the first hole it borrows a tree (github.com/google/btree) from
// the worker's [Pool], and gives it back when the last hole is filled. The
// nodes of all trees come from one free list that NewPool fills, and the pool
// bounds the ranges of one connection and those of all connections together.
// In-order traffic never comes here; out of order, Add and Advance are
// O(log n) per segment, plus O(log n) for each range merged or passed, which
// an earlier Add has paid for. They allocate nothing once the trees have grown
// to the shape of the traffic: at most a slice in a node that is used in a new
// place, and one tree whenever more connections have holes than ever before.
//
// # Concurrency and limits
//
// A Pool, and each Ranges that uses it, belong to one goroutine. All sequence
// numbers of one Ranges lie within a window of less than 2³¹; the caller trims
// segments to the window first.
//
// # Errors
//
// [ErrTooMany] and [ErrFull]: nothing has changed, and the segment should be
// dropped.
package sack
