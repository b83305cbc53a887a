package sack

import (
	"testing"

	"myriad/internal/seq"
)

// BenchmarkAddAdvance is a window with every tenth segment lost and sent again
// a window later: the cost per segment that arrives beyond a hole.
func BenchmarkAddAdvance(b *testing.B) {
	p := newPool(b, 1000, 64)
	var r Ranges
	var dst [4]seq.Range
	next, at := seq.Number(0), 0
	for range b.N {
		if at++; at%10 != 0 {
			_, _, _ = r.Add(p, between(next, at*1460, at*1460+1460))
			r.Blocks(dst[:], 3)
		}
		if at == 300 {
			for i := 0; i <= 300; i += 10 {
				next = r.Advance(next.Add(1460))
			}
			r.Clear(p)
			at = 0
		}
	}
}

// BenchmarkWorstCase is the most ranges that the default allows, each of one
// byte, and segments that fall anywhere among them.
func BenchmarkWorstCase(b *testing.B) {
	p := newPool(b, 1000, 64)
	var r Ranges
	for i := range 64 {
		_, _, _ = r.Add(p, between(0, i*2+1, i*2+2))
	}
	for i := range b.N {
		at := i * 7 % 64
		_, _, _ = r.Add(p, between(0, at*2+1, at*2+2))
	}
}
