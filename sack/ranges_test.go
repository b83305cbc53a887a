package sack

import (
	"testing"

	"github.com/google/btree"
	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
)

// isns are starts from which the sequence numbers of a test wrap, or change
// sign, on the way.
var isns = []seq.Number{0, 1000, 1<<31 - 50, 1<<32 - 50}

func newPool(t testing.TB, ranges, each int) *Pool {
	t.Helper()
	p, err := NewPool(PoolConfig{Ranges: ranges, PerConnection: each})
	require.NoError(t, err)
	return p
}

// between makes a range from offsets to an ISN.
func between(isn seq.Number, start, end int) seq.Range {
	return seq.Range{Start: isn.Add(start), End: isn.Add(end)}
}

// add adds a segment and returns the other two results as offsets.
func add(t testing.TB, r *Ranges, p *Pool, isn seq.Number, start, end int) (merged, duplicate [2]int) {
	t.Helper()
	m, d, err := r.Add(p, between(isn, start, end))
	require.NoError(t, err)
	offsets := func(x seq.Range) [2]int {
		if x.Len() == 0 {
			require.Zero(t, x)
			return [2]int{}
		}
		return [2]int{x.Start.Since(isn), x.End.Since(isn)}
	}
	return offsets(m), offsets(d)
}

// blocks returns Blocks as offsets.
func blocks(r *Ranges, isn seq.Number, max int) [][2]int {
	dst := make([]seq.Range, 8)
	var all [][2]int
	for _, b := range dst[:r.Blocks(dst, max)] {
		all = append(all, [2]int{b.Start.Since(isn), b.End.Since(isn)})
	}
	return all
}

func TestZeroValueHasNothing(t *testing.T) {
	var r Ranges
	require.Zero(t, r.Len())
	require.Zero(t, r.Bytes())
	require.False(t, r.Contains(between(0, 1, 2)))
	require.Equal(t, between(0, 1, 2), r.Gap(between(0, 1, 2)))
	require.EqualValues(t, 7, r.Advance(7))
	require.Empty(t, blocks(&r, 0, 4))
	r.Clear(newPool(t, 1, 1))
}

func TestAddMerges(t *testing.T) {
	for _, isn := range isns {
		p := newPool(t, 100, 100)
		var r Ranges
		for _, step := range []struct {
			start, end        int
			merged, duplicate [2]int
			length, bytes     int
		}{
			{10, 20, [2]int{10, 20}, [2]int{}, 1, 10},
			{30, 40, [2]int{30, 40}, [2]int{}, 2, 20},
			{50, 60, [2]int{50, 60}, [2]int{}, 3, 30},
			{20, 25, [2]int{10, 25}, [2]int{}, 3, 35},         // touches the one before
			{45, 50, [2]int{45, 60}, [2]int{}, 3, 40},         // touches the one after
			{12, 15, [2]int{10, 25}, [2]int{12, 15}, 3, 40},   // inside
			{10, 25, [2]int{10, 25}, [2]int{10, 25}, 3, 40},   // the same
			{10, 27, [2]int{10, 27}, [2]int{10, 25}, 3, 42},   // the same and more
			{20, 28, [2]int{10, 28}, [2]int{20, 27}, 3, 43},   // overlaps the end
			{42, 46, [2]int{42, 60}, [2]int{45, 46}, 3, 46},   // overlaps the start
			{5, 55, [2]int{5, 60}, [2]int{10, 28}, 1, 55},     // over all: the first duplicate
			{5, 5, [2]int{}, [2]int{}, 1, 55},                 // empty
			{60, 59, [2]int{}, [2]int{}, 1, 55},               // worse
			{0, 70, [2]int{0, 70}, [2]int{5, 60}, 1, 70},      // around
			{80, 90, [2]int{80, 90}, [2]int{}, 2, 80},         // beyond
			{70, 80, [2]int{0, 90}, [2]int{}, 1, 90},          // fills the hole
			{95, 96, [2]int{95, 96}, [2]int{}, 2, 91},         // beyond
			{89, 100, [2]int{0, 100}, [2]int{89, 90}, 1, 100}, // joins both, twice duplicate
		} {
			merged, duplicate := add(t, &r, p, isn, step.start, step.end)
			require.Equal(t, step.merged, merged, "%v", step)
			require.Equal(t, step.duplicate, duplicate, "%v", step)
			require.Equal(t, step.length, r.Len(), "%v", step)
			require.Equal(t, step.bytes, r.Bytes(), "%v", step)
			require.Equal(t, step.length, p.Held(), "%v", step)
		}
		require.True(t, r.Contains(between(isn, 0, 100)))
		require.True(t, r.Contains(between(isn, 40, 41)))
		require.False(t, r.Contains(between(isn, 99, 101)))
		require.False(t, r.Contains(between(isn, -1, 1)))
	}
}

func TestAdvancePassesWhatItReaches(t *testing.T) {
	for _, isn := range isns {
		p := newPool(t, 100, 100)
		var r Ranges
		for _, start := range []int{10, 30, 50, 70} {
			add(t, &r, p, isn, start, start+10)
		}
		at := func(n int) int { return r.Advance(isn.Add(n)).Since(isn) }
		require.Equal(t, 5, at(5))
		require.Equal(t, 4, r.Len())
		require.Equal(t, 20, at(10), "touches the first")
		require.Equal(t, 40, at(35), "within the next")
		require.Equal(t, 65, at(65), "past one")
		require.Equal(t, [][2]int{{70, 80}}, blocks(&r, isn, 4))
		require.Equal(t, 10, r.Bytes())
		require.Equal(t, 80, at(70))
		require.Zero(t, r.Len())
		require.Zero(t, p.Held())
		require.Equal(t, 90, at(90))
		require.Empty(t, blocks(&r, isn, 4))

		var other Ranges
		add(t, &other, p, isn, 10, 20)
		require.Equal(t, 1, p.Trees(), "the tree goes to the next that has a hole")
	}
}

func TestBlocksTheLatestFirst(t *testing.T) {
	const isn = 1<<32 - 40
	p := newPool(t, 100, 100)
	var r Ranges
	for _, start := range []int{50, 10, 90, 30, 70} {
		add(t, &r, p, isn, start, start+10)
	}
	require.Equal(t, [][2]int{{70, 80}, {30, 40}, {90, 100}, {10, 20}}, blocks(&r, isn, 4))
	require.Equal(t, [][2]int{{70, 80}, {30, 40}, {90, 100}}, blocks(&r, isn, 3))
	require.Empty(t, blocks(&r, isn, 0))
	add(t, &r, p, isn, 100, 110)
	require.Equal(t, [][2]int{{90, 110}, {70, 80}, {30, 40}}, blocks(&r, isn, 3), "the one that grew comes first")
	add(t, &r, p, isn, 15, 105)
	require.Equal(t, [2]int{15, 20}, blocks(&r, isn, 1)[0], "a duplicate")
	require.Equal(t, [][2]int{{10, 110}}, blocks(&r, isn, 4), "all merged into one")
}

// TestBlocksReportsAsManyAsFit: RFC 2018 §4.
func TestBlocksReportsAsManyAsFit(t *testing.T) {
	p := newPool(t, 100, 100)
	var r Ranges
	for _, start := range []int{10, 20, 30, 40, 50, 60, 70} {
		add(t, &r, p, 0, start, start+5)
	}
	add(t, &r, p, 0, 45, 70)
	require.Equal(t, [2]int{50, 55}, blocks(&r, 0, 1)[0])
	require.Equal(t, [][2]int{{40, 75}, {30, 35}, {20, 25}, {10, 15}}, blocks(&r, 0, 4))
}

// TestDuplicateExamples are those of RFC 2883 §4.
func TestDuplicateExamples(t *testing.T) {
	t.Run("4.1.1 full segment below RCV.NXT", func(t *testing.T) {
		var r Ranges
		r.NoteDuplicate(between(0, 3000, 3500))
		require.Equal(t, [][2]int{{3000, 3500}}, blocks(&r, 0, 4))
		require.Empty(t, blocks(&r, 0, 4), "reported once")
	})
	t.Run("4.1.2 duplicate with a hole", func(t *testing.T) {
		var r Ranges
		p := newPool(t, 10, 10)
		add(t, &r, p, 0, 4500, 5000)
		require.Equal(t, [][2]int{{4500, 5000}}, blocks(&r, 0, 4))
		r.NoteDuplicate(between(0, 3000, 3500))
		require.Equal(t, [][2]int{{3000, 3500}, {4500, 5000}}, blocks(&r, 0, 4))
	})
	t.Run("4.1.3 duplicate of a segment out of order", func(t *testing.T) {
		var r Ranges
		p := newPool(t, 10, 10)
		add(t, &r, p, 0, 4500, 5000)
		add(t, &r, p, 0, 5000, 5500)
		_, duplicate := add(t, &r, p, 0, 5000, 5500)
		require.Equal(t, [2]int{5000, 5500}, duplicate)
		require.Equal(t, [][2]int{{5000, 5500}, {4500, 5500}}, blocks(&r, 0, 4))
		require.Equal(t, [][2]int{{4500, 5500}}, blocks(&r, 0, 4))
	})
	t.Run("4.2.2 two blocks and the duplicate", func(t *testing.T) {
		var r Ranges
		p := newPool(t, 10, 10)
		add(t, &r, p, 0, 1000, 1500)
		add(t, &r, p, 0, 2000, 2500)
		add(t, &r, p, 0, 1000, 2000)
		require.Equal(t, [][2]int{{1000, 1500}, {1000, 2500}}, blocks(&r, 0, 4))
	})
	t.Run("the later of two not yet reported", func(t *testing.T) {
		var r Ranges
		r.NoteDuplicate(between(0, 10, 20))
		r.NoteDuplicate(between(0, 30, 40))
		r.NoteDuplicate(seq.Range{})
		require.Equal(t, [][2]int{{30, 40}}, blocks(&r, 0, 4))
	})
}

func TestAddRefusesTooManyAndChangesNothing(t *testing.T) {
	p := newPool(t, 6, 3)
	var a, b, c, d Ranges
	for _, start := range []int{10, 20, 30} {
		add(t, &a, p, 0, start, start+5)
	}
	before := blocks(&a, 0, 4)
	_, _, err := a.Add(p, between(0, 40, 45))
	require.ErrorIs(t, err, ErrTooMany)
	require.Equal(t, 3, a.Len())
	require.Equal(t, 15, a.Bytes())
	require.Equal(t, before, blocks(&a, 0, 4))
	merged, _ := add(t, &a, p, 0, 35, 45)
	require.Equal(t, [2]int{30, 45}, merged, "what merges is taken")

	add(t, &b, p, 0, 10, 15)
	add(t, &b, p, 0, 20, 25)
	_, _, err = b.Add(p, between(0, 30, 35))
	require.ErrorIs(t, err, ErrFull, "more than is left to others")
	add(t, &c, p, 0, 30, 35)
	_, _, err = d.Add(p, between(0, 30, 35))
	require.ErrorIs(t, err, ErrFull)
	require.Zero(t, d.Len())
	c.Clear(p)
	a.Clear(p)
	require.Equal(t, 2, p.Held())
	require.Zero(t, a.Len())
	add(t, &c, p, 0, 30, 35)
	b.Clear(p)
	c.Clear(p)
	require.Zero(t, p.Held())
}

func TestNewPoolRefuses(t *testing.T) {
	_, err := NewPool(PoolConfig{PerConnection: 1})
	require.ErrorContains(t, err, "Ranges 0")
	_, err = NewPool(PoolConfig{Ranges: 1})
	require.ErrorContains(t, err, "PerConnection 0")
}

// TestSteadyTrafficDoesNotAllocate: holes that open, grow, merge and are
// filled, on connections one after the other.
func TestSteadyTrafficDoesNotAllocate(t *testing.T) {
	p := newPool(t, 256, 64)
	var r Ranges
	var dst [4]seq.Range
	next := seq.Number(1<<32 - 100_000)
	turn := func() {
		for i := range 60 { // every other segment
			_, _, _ = r.Add(p, between(next, 100+200*i, 200+200*i))
			r.Blocks(dst[:], 3)
		}
		for i := range 30 { // half of the holes, from the far end
			_, _, _ = r.Add(p, between(next, 200*(59-i), 200*(59-i)+150))
			r.Blocks(dst[:], 3)
		}
		r.Contains(between(next, 100, 150))
		r.Gap(between(next, 0, 1000))
		for i := range 30 {
			next = r.Advance(next.Add(200*i + 100).Max(next))
		}
		next = r.Advance(next.Add(60 * 200))
		r.Clear(p)
	}
	for range 10 {
		turn()
	}
	require.Zero(t, testing.AllocsPerRun(100, turn))
}

// TestWorkOfASegmentDoesNotGrowWithTheRanges counts the ranges that are looked
// at for one segment: tiny segments out of order must not cost more the more
// there are.
func TestWorkOfASegmentDoesNotGrowWithTheRanges(t *testing.T) {
	for _, count := range []int{10, 5000} {
		p := newPool(t, 2*count, count)
		looked := 0
		for _, visit := range []*btree.ItemIteratorG[seq.Range]{&p.lower, &p.upper, &p.next, &p.furthest} {
			inner := *visit
			*visit = func(x seq.Range) bool { looked++; return inner(x) }
		}
		var r Ranges
		for k := range count {
			add(t, &r, p, 0, 10*k, 10*k+1)
		}
		for _, k := range []int{0, count / 2, count - 1} {
			looked = 0
			add(t, &r, p, 0, 10*k+1, 10*k+2)
			r.Gap(between(0, 10*k, 10*k+5))
			blocks(&r, 0, 4)
			require.LessOrEqual(t, looked, 8, "%d ranges, segment at the %d.", count, k)
		}
	}
}
