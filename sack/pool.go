package sack

import (
	"fmt"

	"github.com/google/btree"

	"myriad/internal/seq"
)

// degree is that of the trees: 7 to 15 ranges in a node, so that the ranges of
// most connections are one node, 120 bytes of items.
const degree = 8

// PoolConfig bounds a Pool.
type PoolConfig struct {
	// Ranges is the number of ranges kept at once, over all connections.
	Ranges int
	// PerConnection is the number of ranges kept at once for one connection.
	PerConnection int
}

// Pool is what the connections of one worker share.
type Pool struct {
	cfg   PoolConfig
	nodes *btree.FreeListG[seq.Range]
	idle  []*holes // trees that nobody uses
	made  int      // trees there are
	held  int      // ranges there are

	// What the iterators work with, made once because a closure per call would
	// be an allocation per segment; see add.go, gap.go and report.go.
	segment  seq.Range
	before   seq.Range
	absorbed []seq.Range
	lower    btree.ItemIteratorG[seq.Range]
	upper    btree.ItemIteratorG[seq.Range]
	after    seq.Number
	next     btree.ItemIteratorG[seq.Range]
	short    *holes
	furthest btree.ItemIteratorG[seq.Range]
}

// NewPool makes a pool, with the tree nodes for cfg.Ranges. Both fields are at
// least 1.
func NewPool(cfg PoolConfig) (*Pool, error) {
	if cfg.Ranges < 1 {
		return nil, fmt.Errorf("sack: new pool: Ranges %d is not at least 1", cfg.Ranges)
	}
	if cfg.PerConnection < 1 {
		return nil, fmt.Errorf("sack: new pool: PerConnection %d is not at least 1", cfg.PerConnection)
	}
	p := &Pool{
		cfg:      cfg,
		absorbed: make([]seq.Range, 0, min(cfg.PerConnection, cfg.Ranges)),
	}
	p.lower, p.upper = p.visitLower, p.visitUpper
	p.next, p.furthest = p.visitNext, p.visitFurthest
	p.fill()
	return p, nil
}

// fill makes the nodes that cfg.Ranges can need.
func (p *Pool) fill() {
	p.nodes = btree.NewFreeListG[seq.Range](p.cfg.Ranges)
	tree := btree.NewWithFreeListG(degree, before, p.nodes)
	for i := range p.cfg.Ranges {
		start := seq.Number(2 * i)
		tree.ReplaceOrInsert(seq.Range{Start: start, End: start + 1})
	}
	tree.Clear(true)
}

// before orders the ranges of one connection.
func before(a, b seq.Range) bool { return a.Start.Before(b.Start) }

// Held returns the number of ranges kept, over all connections.
func (p *Pool) Held() int { return p.held }

// Trees returns the number of trees made so far: the most connections that
// had holes at one time.
func (p *Pool) Trees() int { return p.made }

// borrow returns an empty tree.
func (p *Pool) borrow() *holes {
	if last := len(p.idle) - 1; last >= 0 {
		h := p.idle[last]
		p.idle = p.idle[:last]
		return h
	}
	p.made++
	return &holes{pool: p, tree: btree.NewWithFreeListG(degree, before, p.nodes)}
}

// giveBack takes a tree back.
func (p *Pool) giveBack(h *holes) {
	p.held -= h.tree.Len()
	h.tree.Clear(true)
	h.bytes, h.recent, h.reported = 0, [recentMax]seq.Range{}, 0
	p.idle = append(p.idle, h)
}
