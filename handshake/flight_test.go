package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
	"myriad/internal/seq"
)

// plainSegment is the model of one segment.
type plainSegment struct {
	end                  seq.Number
	sacked, lost, resent bool
}

// TestFlightAgainstPlainSlice runs random calls on two flights that share a
// pool too small for both.
func TestFlightAgainstPlainSlice(t *testing.T) {
	rng := seeded.Rand(t)
	pool := newFlightPool(2, 3)
	for range 40 {
		var flights [2]flight
		var models [2][]plainSegment
		for k := range flights {
			flights[k].reset(&pool, -seq.Number(rng.Uint32N(100_000)))
		}
		for range 200 {
			n := rng.IntN(2)
			f, m := &flights[n], models[n]
			if f.first != 0 && rng.IntN(50) == 0 {
				f.first, f.next, f.hint = f.first+1<<31, f.next+1<<31, f.hint+1<<31
			}
			switch rng.IntN(6) {
			case 0, 1:
				for range rng.IntN(30) {
					end := f.last(&pool).Add(1 + rng.IntN(1460))
					if f.add(&pool, end, 0) {
						m = append(m, plainSegment{end: end})
					} else {
						m[len(m)-1].end, m[len(m)-1].sacked = end, false
					}
				}
			case 2:
				for range min(rng.IntN(20), len(m)) {
					f.pop(&pool)
					m = m[1:]
				}
			case 3:
				if len(m) > 0 {
					k := rng.IntN(len(m))
					if !m[k].sacked {
						f.markSACKed(&pool, f.first+uint32(k))
						m[k].sacked, m[k].lost = true, false
					}
				}
			case 4:
				if len(m) > 0 {
					k := rng.IntN(len(m))
					f.markLost(&pool, f.first+uint32(k))
					m[k].lost = !m[k].sacked
				}
			case 5:
				if k, ok := f.nextLost(&pool); ok {
					f.sentAgain(&pool, k, 0)
					require.True(t, m[k-f.first].lost)
					m[k-f.first].lost, m[k-f.first].resent = false, true
				}
			}
			models[n] = m
			checkFlight(t, f, &pool, m)
		}
		for k := range flights {
			flights[k].reset(&pool, 0)
		}
		require.Zero(t, pool.extra, "blocks leaked")
	}
	require.LessOrEqual(t, pool.used, 5)
}

func checkFlight(t *testing.T, f *flight, p *flightPool, m []plainSegment) {
	require.EqualValues(t, len(m), f.next-f.first)
	var sacked, lost, segments int32
	start, first := f.start, -1
	for k := range m {
		b, bit := f.at(p, f.first+uint32(k))
		require.Equal(t, m[k].end, b.end[bit])
		require.Equal(t, m[k].sacked, b.sacked>>bit&1 != 0)
		require.Equal(t, m[k].lost, b.lost>>bit&1 != 0)
		require.Equal(t, m[k].resent, b.resent>>bit&1 != 0)
		require.Equal(t, f.first+uint32(k), f.find(p, start))
		size := int32(m[k].end.Since(start))
		switch {
		case m[k].sacked:
			sacked += size
			segments++
		case m[k].lost:
			lost += size
			if first < 0 {
				first = k
			}
		}
		start = m[k].end
	}
	require.Equal(t, [3]int32{sacked, lost, segments}, [3]int32{f.sacked, f.lost, f.segments})
	k, ok := f.nextLost(p)
	require.Equal(t, first >= 0, ok)
	if ok {
		require.Equal(t, first, int(k-f.first))
	}
}
