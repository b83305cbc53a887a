package sack

import "myriad/internal/seq"

// touch makes a range of the tree the first one to report.
func (h *holes) touch(x seq.Range) {
	h.forget(x)
	copy(h.recent[1:], h.recent[:recentMax-1])
	h.recent[0] = x
	h.reported = min(h.reported+1, recentMax)
}

// forget takes a range from those to report, if it is there.
func (h *holes) forget(x seq.Range) {
	for i := range h.reported {
		if h.recent[i] == x {
			copy(h.recent[i:h.reported], h.recent[i+1:h.reported])
			h.reported--
			return
		}
	}
}

// report writes the blocks of the tree into dst.
func (h *holes) report(dst []seq.Range) int {
	if h.reported < min(len(dst), h.tree.Len(), recentMax) {
		h.refill()
	}
	return copy(dst, h.recent[:h.reported])
}

// refill fills up the ranges to report with others, the furthest on first,
// after merging has left few of them: as many as fit should be reported (RFC
// 2018 §4).
func (h *holes) refill() {
	h.pool.short = h
	h.tree.Descend(h.pool.furthest)
	h.pool.short = nil
}

// visitFurthest appends ranges to p.short's until there is no room.
func (p *Pool) visitFurthest(x seq.Range) bool {
	h := p.short
	for _, known := range h.recent[:h.reported] {
		if known == x {
			return true
		}
	}
	h.recent[h.reported] = x
	h.reported++
	return h.reported < recentMax
}
