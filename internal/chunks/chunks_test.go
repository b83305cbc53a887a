package chunks

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
	"myriad/internal/seq"
)

// read returns the stored bytes from at on, up to length or the first gap.
func read(s *Stream, p *Pool, at seq.Number, length int) []byte {
	var all []byte
	for len(all) < length {
		piece := s.Peek(p, at.Add(len(all)), length-len(all))
		if piece == nil {
			break
		}
		all = append(all, piece...)
	}
	return all
}

// numbers makes bytes of which no stretch repeats soon.
func numbers(from, length int) []byte {
	data := make([]byte, length)
	for i := range data {
		data[i] = byte((from + i) * 167 >> 3)
	}
	return data
}

func TestStreamKeepsWhatIsWritten(t *testing.T) {
	for _, base := range []seq.Number{0, 5000, 1<<31 - 3000, 1<<32 - 6000} {
		p := NewPool(1<<20, 0)
		var s Stream
		s.Reset(base)
		require.NoError(t, s.WriteAt(p, base.Add(10_000), numbers(10_000, 5000)))
		require.Equal(t, 2, s.Chunks(), "10,000 to 15,000 lie in chunks 2 and 3")
		require.Nil(t, s.Peek(p, base, 10))
		require.Nil(t, s.Peek(p, base.Add(20_000), 10))
		require.NoError(t, s.WriteAt(p, base, numbers(0, 10_000)))
		require.Equal(t, 4, s.Chunks())
		require.Equal(t, numbers(0, 15_000), read(&s, p, base, 15_000))
		require.Equal(t, 4*SizeMin, p.InUse())

		s.Discard(p, base.Add(4095))
		require.Equal(t, 4, s.Chunks())
		s.Discard(p, base.Add(9000))
		require.Equal(t, 2, s.Chunks())
		require.Equal(t, base.Add(9000), s.Base())
		require.Nil(t, s.Peek(p, base.Add(8999), 1))
		s.Discard(p, base.Add(8000))
		require.Equal(t, base.Add(9000), s.Base(), "does not go back")
		require.Equal(t, numbers(9000, 6000), read(&s, p, base.Add(9000), 6000))

		s.Discard(p, base.Add(100_000))
		require.Zero(t, s.Chunks())
		require.Zero(t, p.InUse())
		require.NoError(t, s.WriteAt(p, base.Add(100_001), []byte("x")))
		require.Equal(t, []byte("x"), s.Peek(p, base.Add(100_001), 1))
		s.Free(p)
		require.Zero(t, p.InUse())
	}
}

func TestWriteAtRefusesAndChangesNothing(t *testing.T) {
	p := NewPool(6*SizeMin+100, 0)
	require.Equal(t, 6*SizeMin, p.Bound())
	var s, other Stream
	s.Reset(1000)
	require.NoError(t, s.WriteAt(p, 1000, numbers(0, SizeMin)))
	require.ErrorIs(t, s.WriteAt(p, 1000, numbers(7, 7*SizeMin)), ErrFull)
	require.Equal(t, 1, s.Chunks())
	require.Equal(t, numbers(0, SizeMin), read(&s, p, 1000, SizeMin))
	require.ErrorIs(t, s.WriteAt(p, 1000, numbers(7, 6*SizeMin)), ErrFull)
	require.NoError(t, s.WriteAt(p, 1000, numbers(7, 3*SizeMin)), "as much as is left, and what is held is not asked for again")
	require.ErrorIs(t, s.WriteAt(p, 1000+3*SizeMin, []byte{1}), ErrFull, "more than is left to others")
	require.NoError(t, s.WriteAt(p, 1000, numbers(7, 3*SizeMin)))
	require.NoError(t, other.WriteAt(p, 0, []byte{1}))
	other.Free(p)

	require.ErrorIs(t, s.WriteAt(p, 999, []byte{1}), ErrOutside)
	require.ErrorIs(t, s.WriteAt(p, 1000+WindowMax, []byte{1}), ErrOutside)
	require.ErrorIs(t, s.WriteAt(p, 1000+WindowMax-1, []byte{1, 2}), ErrOutside)
	require.NoError(t, s.WriteAt(p, 999, nil))
	require.Nil(t, s.Peek(p, 1000, 0))
	s.Free(p)
	require.Zero(t, p.InUse())
}

func TestPoolTakesMemoryAsItIsUsedAndNeverMore(t *testing.T) {
	const bound = 70 * SizeMin // a slab and a piece of one
	p := NewPool(bound, 0)
	require.Zero(t, p.Taken())
	var s Stream
	require.NoError(t, s.WriteAt(p, 0, []byte{1}))
	require.Equal(t, slabBytes, p.Taken())
	streams := append(fill(p), &s)
	require.Greater(t, len(streams), 4)
	require.Equal(t, bound, p.Taken())
	require.Equal(t, bound, p.InUse())
	require.ErrorIs(t, s.WriteAt(p, SizeMin, []byte{1}), ErrFull)
	for _, s := range streams {
		s.Free(p)
	}
	require.Zero(t, p.InUse())
	fill(p)
	require.Equal(t, bound, p.InUse(), "all of it can be had again")
	require.Equal(t, bound, p.Taken())
}

// fill has one stream after the other take what it gets, until the pool is
// used up.
func fill(p *Pool) (streams []*Stream) {
	for p.InUse() < p.Bound() {
		s := new(Stream)
		for at := seq.Number(0); s.WriteAt(p, at, []byte{1}) == nil; at += SizeMin {
		}
		streams = append(streams, s)
	}
	return streams
}

// Streams that take all they get leave each other, and whoever comes next, an
// equal part.
func TestGreedyStreamsLeaveAPartOfThePool(t *testing.T) {
	for _, greedy := range []int{1, 3, 10, 100} {
		p := NewPool(1024*SizeMin, 0)
		streams := make([]Stream, greedy)
		for more := true; more; {
			more = false
			for k := range streams {
				s := &streams[k]
				more = s.WriteAt(p, seq.Number(s.Chunks()*SizeMin), []byte{1}) == nil || more
			}
		}
		part := 1024 / (greedy + 1)
		for k := range streams {
			require.InDelta(t, part, streams[k].Chunks(), 2)
		}
		var honest Stream
		require.NoError(t, honest.WriteAt(p, 0, make([]byte, (part/2)*SizeMin)))
	}
}

func TestPoolOfNothingIsFull(t *testing.T) {
	for _, size := range []int{-1, 0, SizeMin - 1} {
		var s Stream
		require.ErrorIs(t, s.WriteAt(NewPool(size, 0), 0, []byte{1}), ErrFull)
	}
}

// A segment is sent from two pieces of memory: any stretch of its length must
// lie in two chunks, wherever it begins.
func TestASegmentLiesInTwoChunks(t *testing.T) {
	for segment, size := range map[int]int{0: 4096, 1460: 4096, 4096: 4096, 4097: 8192, 8960: 16384, 65495: 65536, 1 << 20: slabBytes} {
		p := NewPool(1<<20, segment)
		require.Equal(t, size, p.Size(), "for segments of %d", segment)
		require.Equal(t, 1<<20, p.Bound())
		segment = min(segment, size)
		var s Stream
		require.NoError(t, s.WriteAt(p, 0, numbers(0, 4*size)))
		for _, at := range []int{0, 1, size - 1, size, size + 1, 2*size - 1} {
			first := s.Peek(p, seq.Number(at), segment)
			second := s.Peek(p, seq.Number(at+len(first)), segment-len(first))
			require.Equal(t, segment, len(first)+len(second), "%d bytes from %d", segment, at)
		}
		s.Free(p)
		require.Zero(t, p.InUse())
	}
}

func TestFreeKeepsOnlyAShortList(t *testing.T) {
	p := NewPool(1<<20, 0)
	var s Stream
	require.NoError(t, s.WriteAt(p, 10*SizeMin, []byte{1}))
	s.Free(p)
	require.Len(t, s.ring, 16)
	require.NoError(t, s.WriteAt(p, 100*SizeMin, []byte{1}))
	s.Free(p)
	require.Empty(t, s.ring)
}

// plain is a stream as one would write it without any thought of memory.
type plain struct {
	s     Stream
	start seq.Number
	base  int // offsets from start
	bytes map[int]byte
}

// TestStreamsAgainstPlainBytes runs random calls on streams that share a pool
// too small for all of them, and looks after each that no chunk was lost.
func TestStreamsAgainstPlainBytes(t *testing.T) {
	for _, segment := range []int{0, 8960} {
		t.Run(fmt.Sprint(segment), func(t *testing.T) { runAgainstPlainBytes(t, segment) })
	}
}

func runAgainstPlainBytes(t *testing.T, segment int) {
	rng := seeded.Rand(t)
	p := NewPool(24*SizeMin, segment)
	streams := make([]*plain, 4)
	for i := range streams {
		streams[i] = newPlain(rng)
	}
	full := 0
	for range 4000 {
		m := streams[rng.IntN(len(streams))]
		if m.step(t, rng, p) == ErrFull {
			full++
		}
		held := 0
		for _, m := range streams {
			held += m.s.Chunks()
		}
		require.Equal(t, held*p.Size(), p.InUse())
	}
	require.NotZero(t, full, "the bound was met")
	for _, m := range streams {
		m.check(t, p)
		m.s.Free(p)
	}
	require.Zero(t, p.InUse())
}

func newPlain(rng *rand.Rand) *plain {
	m := &plain{start: -seq.Number(rng.Uint32N(100_000)), bytes: map[int]byte{}}
	m.s.Reset(m.start)
	return m
}

func (m *plain) step(t *testing.T, rng *rand.Rand, p *Pool) error {
	switch rng.IntN(8) {
	case 0:
		m.base += rng.IntN(8000)
		m.s.Discard(p, m.start.Add(m.base))
		for at := range m.bytes {
			if at < m.base {
				delete(m.bytes, at)
			}
		}
	case 1:
		if rng.IntN(8) == 0 {
			m.s.Free(p)
			*m = plain{s: m.s, start: m.start.Add(m.base), bytes: map[int]byte{}}
			m.s.Reset(m.start)
		}
	case 2:
		m.check(t, p)
	default:
		at, data := m.base+rng.IntN(30_000), make([]byte, 1+rng.IntN(3000))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		if err := m.s.WriteAt(p, m.start.Add(at), data); err != nil {
			return err
		}
		for i, b := range data {
			m.bytes[at+i] = b
		}
	}
	return nil
}

// check compares every byte.
func (m *plain) check(t *testing.T, p *Pool) {
	for at, b := range m.bytes {
		got := m.s.Peek(p, m.start.Add(at), 1)
		require.True(t, bytes.Equal([]byte{b}, got), "offset %d", at)
	}
}

func TestSteadyStreamDoesNotAllocate(t *testing.T) {
	p := NewPool(1<<20, 0)
	var s Stream
	s.Reset(1<<32 - 100_000)
	data := make([]byte, 1460)
	turn := func() {
		for i := range 40 {
			_ = s.WriteAt(p, s.Base().Add(i*1460), data)
		}
		s.Peek(p, s.Base(), 1460)
		s.Discard(p, s.Base().Add(40*1460))
	}
	turn()
	require.Zero(t, testing.AllocsPerRun(100, turn))
}

func BenchmarkWriteDiscard(b *testing.B) {
	p := NewPool(1<<20, 0)
	var s Stream
	data := make([]byte, 1460)
	b.SetBytes(1460)
	for range b.N {
		_ = s.WriteAt(p, s.Base().Add(30*1460), data)
		s.Discard(p, s.Base().Add(1460))
	}
}
