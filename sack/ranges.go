package sack

import (
	"errors"

	"github.com/google/btree"

	"myriad/internal/seq"
)

// Errors of Add.
var (
	ErrTooMany = errors.New("sack: too many ranges on the connection")
	ErrFull    = errors.New("sack: too many ranges on all connections")
)

// recentMax is the number of blocks that fit into a TCP header (RFC 2018 §3).
const recentMax = 4

// Ranges is what one connection has received beyond RCV.NXT. The zero value
// has nothing.
type Ranges struct {
	held      *holes    // nil as long as there is no hole
	duplicate seq.Range // still to be reported; empty = none
}

// holes is the part of Ranges that only a connection with holes has.
type holes struct {
	pool  *Pool
	tree  *btree.BTreeG[seq.Range]
	bytes int
	// recent are the ranges to report, the latest first; reported says how
	// many there are. Each of them is a range in the tree.
	recent   [recentMax]seq.Range
	reported int
}

// Len returns the number of ranges.
func (r *Ranges) Len() int {
	if r.held == nil {
		return 0
	}
	return r.held.tree.Len()
}

// Bytes returns the number of bytes in all ranges.
func (r *Ranges) Bytes() int {
	if r.held == nil {
		return 0
	}
	return r.held.bytes
}

// Contains reports whether every byte of a range has been received out of
// order.
func (r *Ranges) Contains(x seq.Range) bool {
	if r.held == nil {
		return false
	}
	p := r.held.pool
	p.find(r.held.tree, x)
	return p.before.Len() > 0 && p.before.End.AtOrAfter(x.End)
}

// Clear forgets everything, at the end of a connection.
func (r *Ranges) Clear(p *Pool) {
	if r.held != nil {
		p.giveBack(r.held)
	}
	*r = Ranges{}
}

// Advance says that RCV.NXT has moved to rcvNxt. It removes the ranges that
// have been reached, and returns RCV.NXT as it is with their bytes. rcvNxt
// must not lie behind an earlier one.
func (r *Ranges) Advance(rcvNxt seq.Number) seq.Number {
	h := r.held
	if h == nil {
		return rcvNxt
	}
	for {
		first, ok := h.tree.Min()
		if !ok {
			h.pool.giveBack(h)
			r.held = nil
			return rcvNxt
		}
		if first.Start.After(rcvNxt) {
			return rcvNxt
		}
		rcvNxt = rcvNxt.Max(first.End)
		h.tree.DeleteMin()
		h.pool.held--
		h.bytes -= first.Len()
		h.forget(first)
	}
}

// NoteDuplicate has the next Blocks report a range that arrived a second time
// (RFC 2883 §4), be it out of order or below RCV.NXT. Add does it by itself
// for what it returns as duplicate. A later one replaces one that has not been
// reported. An empty range changes nothing.
func (r *Ranges) NoteDuplicate(x seq.Range) {
	if x.Len() > 0 {
		r.duplicate = x
	}
}

// Blocks writes what to report into dst and returns the number of blocks, at
// most max and len(dst): first a duplicate not yet reported (once, RFC 2883
// §4), then the range of the segment received last, then the others by how
// lately they were received or reported (RFC 2018 §4).
func (r *Ranges) Blocks(dst []seq.Range, max int) int {
	dst = dst[:min(max, len(dst))]
	n := 0
	if r.duplicate.Len() > 0 && len(dst) > 0 {
		dst[0] = r.duplicate
		r.duplicate = seq.Range{}
		n = 1
	}
	if r.held != nil {
		n += r.held.report(dst[n:])
	}
	return n
}
