package sack

import "myriad/internal/seq"

// Gap returns the first stretch of x that is in no range; empty, at x.End,
// when all of it is.
func (r *Ranges) Gap(x seq.Range) seq.Range {
	if r.held == nil {
		return x
	}
	tree, p := r.held.tree, r.held.pool
	p.segment, p.before, p.after = x, seq.Range{}, x.End
	tree.DescendLessOrEqual(x, p.lower)
	if p.before.End.After(x.Start) && p.before.Len() > 0 {
		x.Start = p.before.End.Min(x.End)
	}
	// Ranges do not touch, so what follows the one before is no range.
	tree.AscendGreaterOrEqual(x, p.next)
	if x.Start.Before(x.End) {
		x.End = x.End.Min(p.after)
	}
	return x
}

// visitNext takes the start of the first range that it is shown.
func (p *Pool) visitNext(x seq.Range) bool {
	p.after = x.Start
	return false
}
