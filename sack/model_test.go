package sack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/internal/seeded"
	"myriad/internal/seq"
)

// bitmapLength is the window of the model, in bytes.
const bitmapLength = 256

// bitmap is the model: one bool per byte beyond RCV.NXT.
type bitmap struct {
	isn  seq.Number
	next int // RCV.NXT
	has  [2 * bitmapLength]bool
}

// ranges counts the stretches of bytes and the bytes.
func (m *bitmap) ranges() (count, bytes int) {
	for i := m.next; i < len(m.has); i++ {
		if m.has[i] {
			bytes++
			if i == m.next || !m.has[i-1] {
				count++
			}
		}
	}
	return count, bytes
}

// duplicate returns the first stretch of a segment that is there.
func (m *bitmap) duplicate(start, end int) seq.Range {
	for i := start; i < end; i++ {
		if m.has[i] {
			first := i
			for i < end && m.has[i] {
				i++
			}
			return between(m.isn, first, i)
		}
	}
	return seq.Range{}
}

// around returns the stretch that a byte is part of.
func (m *bitmap) around(at int) seq.Range {
	start, end := at, at
	for start > m.next && m.has[start-1] {
		start--
	}
	for end < len(m.has) && m.has[end] {
		end++
	}
	return between(m.isn, start, end)
}

// world runs calls on both, and compares everything that can be seen.
type world struct {
	t testing.TB
	p *Pool
	r Ranges
	m bitmap
}

func (w *world) add(start, length int) {
	start = w.m.next + 1 + start%(bitmapLength-1)
	end := min(start+length, w.m.next+bitmapLength)
	after := w.m
	for i := start; i < end; i++ {
		after.has[i] = true
	}
	merged, duplicate, err := w.r.Add(w.p, between(w.m.isn, start, end))
	if count, _ := after.ranges(); end > start && count > w.p.cfg.PerConnection {
		require.ErrorIs(w.t, err, ErrTooMany)
		return
	}
	require.NoError(w.t, err)
	if end > start {
		require.Equal(w.t, w.m.duplicate(start, end), duplicate)
		require.Equal(w.t, after.around(start), merged)
	}
	w.m = after
	w.blocks(merged, duplicate)
}

// blocks compares what is reported: distinct ranges that exist, the latest
// first, as many as fit.
func (w *world) blocks(merged, duplicate seq.Range) {
	var dst [4]seq.Range
	got := dst[:w.r.Blocks(dst[:], 4)]
	if duplicate.Len() > 0 {
		require.Equal(w.t, duplicate, got[0])
		got = got[1:]
	}
	if merged.Len() > 0 {
		require.Equal(w.t, merged, got[0])
	}
	seen := map[seq.Range]bool{}
	for _, b := range got {
		require.Equal(w.t, w.m.around(b.Start.Since(w.m.isn)), b)
		require.False(w.t, seen[b])
		seen[b] = true
	}
	if duplicate.Len() == 0 {
		require.Len(w.t, got, min(4, w.r.Len()))
	}
}

func (w *world) advance(by int) {
	next := w.m.next + by
	for next < len(w.m.has) && w.m.has[next] {
		next++
	}
	require.Equal(w.t, next, w.r.Advance(w.m.isn.Add(w.m.next+by)).Since(w.m.isn))
	// The model moves down so that its window stays where the bytes are.
	w.m.isn, w.m.next = w.m.isn.Add(next), 0
	copy(w.m.has[:], w.m.has[min(next, len(w.m.has)):])
	clear(w.m.has[len(w.m.has)-min(next, len(w.m.has)):])
	w.blocks(seq.Range{}, seq.Range{})
}

func (w *world) check() {
	count, bytes := w.m.ranges()
	require.Equal(w.t, count, w.r.Len())
	require.Equal(w.t, bytes, w.r.Bytes())
	require.Equal(w.t, count, w.p.Held())
}

// gap compares the first gap of a stretch, and whether there is one.
func (w *world) gap(start, length int) {
	end := start + length
	x := between(w.m.isn, start, end)
	for start < end && w.m.has[start] {
		start++
	}
	stop := start
	for stop < end && !w.m.has[stop] {
		stop++
	}
	require.Equal(w.t, between(w.m.isn, start, stop), w.r.Gap(x))
	if length > 0 {
		require.Equal(w.t, start == end, w.r.Contains(x))
	}
}

// run takes three bytes for each call.
func (w *world) run(program []byte) {
	for ; len(program) >= 3; program = program[3:] {
		switch {
		case program[0] == 255:
			w.r.Clear(w.p)
			w.m = bitmap{isn: w.m.isn}
		case program[0] > 220:
			w.advance(int(program[1]) / 8)
		default:
			w.add(int(program[1]), int(program[2])%24)
		}
		w.check()
		w.gap(int(program[2]), int(program[0])/4)
	}
	w.r.Clear(w.p)
	require.Zero(w.t, w.p.Held())
}

func TestRangesAgainstBitmap(t *testing.T) {
	rng := seeded.Rand(t)
	for _, isn := range isns {
		for _, each := range []int{1, 4, 100} {
			program := make([]byte, 9000)
			for i := range program {
				program[i] = byte(rng.IntN(256))
			}
			w := &world{t: t, p: newPool(t, 100, each), m: bitmap{isn: isn}}
			w.run(program)
		}
	}
}

func FuzzRanges(f *testing.F) {
	f.Add(uint32(1<<32-20), byte(3), []byte{0, 10, 5, 0, 20, 5, 0, 30, 5, 0, 40, 5, 0, 12, 20, 230, 200, 0})
	f.Add(uint32(1<<31-5), byte(60), []byte{0, 1, 1, 0, 3, 1, 0, 5, 1, 0, 7, 1, 0, 1, 9, 255, 0, 0, 0, 9, 9})
	f.Fuzz(func(t *testing.T, isn uint32, each byte, program []byte) {
		bounded.Input(t, 64<<20, func() {
			w := &world{t: t, p: newPool(t, 200, int(each)+1), m: bitmap{isn: seq.Number(isn)}}
			w.run(program)
		})
	})
}
