package sack

import (
	"github.com/google/btree"

	"myriad/internal/seq"
)

// Add takes in a segment that arrived beyond RCV.NXT. merged is the range that
// it is now part of; duplicate is the first stretch of it that had been
// received before, empty when there is none, and is noted for the next Blocks.
// The error is ErrTooMany or ErrFull, and nothing has changed then. An empty
// segment changes nothing.
func (r *Ranges) Add(p *Pool, segment seq.Range) (merged, duplicate seq.Range, err error) {
	if segment.Len() <= 0 {
		return seq.Range{}, seq.Range{}, nil
	}
	if r.held == nil {
		if p.held >= p.cfg.Ranges {
			return seq.Range{}, seq.Range{}, ErrFull
		}
		r.held = p.borrow()
	}
	merged, duplicate, err = r.held.add(segment)
	if duplicate.Len() <= 0 {
		duplicate = seq.Range{} // they only touch
	}
	r.NoteDuplicate(duplicate)
	return merged, duplicate, err
}

// add is Add on a tree. (An empty tree always has room for one range, so an
// error leaves no connection with an empty tree.)
func (h *holes) add(segment seq.Range) (merged, duplicate seq.Range, err error) {
	p := h.pool
	p.find(h.tree, segment)
	lower := p.before
	if lower.Len() > 0 && lower.End.AtOrAfter(segment.End) {
		h.touch(lower)
		return lower, segment, nil // all of it is there
	}
	extends := lower.Len() > 0 && lower.End.AtOrAfter(segment.Start)
	if !extends && len(p.absorbed) == 0 {
		if h.tree.Len() >= p.cfg.PerConnection {
			return seq.Range{}, seq.Range{}, ErrTooMany
		}
		// As many as are left free, so that n greedy connections leave one
		// part in n+1 to others.
		if p.held+h.tree.Len() >= p.cfg.Ranges {
			return seq.Range{}, seq.Range{}, ErrFull
		}
	}
	merged = segment
	if extends {
		merged.Start = lower.Start
		duplicate = seq.Range{Start: segment.Start, End: lower.End}
	}
	h.absorb(&merged, &duplicate, segment)
	if extends {
		h.bytes -= lower.Len()
		p.held--
		h.forget(lower)
	}
	h.tree.ReplaceOrInsert(merged) // in lower's place, which has the same start
	p.held++
	h.bytes += merged.Len()
	h.touch(merged)
	return merged, duplicate, nil
}

// absorb takes the ranges that find has left in absorbed out of the tree and
// into merged, and looks among them for the first duplicate.
func (h *holes) absorb(merged, duplicate *seq.Range, segment seq.Range) {
	p := h.pool
	for _, x := range p.absorbed {
		if duplicate.Len() <= 0 {
			*duplicate = seq.Range{Start: x.Start, End: x.End.Min(segment.End)}
		}
		merged.End = merged.End.Max(x.End)
		h.tree.Delete(x)
		p.held--
		h.bytes -= x.Len()
		h.forget(x)
	}
}

// find leaves in before the last range that starts at or before the segment,
// empty when there is none, and in absorbed those that start after its start
// and at or before its end.
func (p *Pool) find(tree *btree.BTreeG[seq.Range], segment seq.Range) {
	p.segment, p.before, p.absorbed = segment, seq.Range{}, p.absorbed[:0]
	tree.DescendLessOrEqual(segment, p.lower)
	tree.AscendGreaterOrEqual(segment, p.upper)
}

// visitLower takes the first range that it is shown.
func (p *Pool) visitLower(x seq.Range) bool {
	p.before = x
	return false
}

// visitUpper takes those that the segment reaches.
func (p *Pool) visitUpper(x seq.Range) bool {
	if x.Start.After(p.segment.End) {
		return false
	}
	if x.Start != p.segment.Start {
		p.absorbed = append(p.absorbed, x)
	}
	return true
}
