package scan

import (
	"math/bits"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/linklayer"
)

// A probe made by patching is, byte for byte, the one that linklayer writes.
func TestShapeAgainstLinklayer(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	var from, to [6]byte
	copy(from[:], "\x02from!")
	copy(to[:], "\x02to!!!")
	var ethernet [12]byte
	copy(ethernet[:], to[:])
	copy(ethernet[6:], from[:])
	path := linklayer.NewPath(from, to, 64, 0)
	for range 3000 {
		payload := make([]byte, r.IntN(60))
		for k := range payload {
			payload[k] = byte(r.Uint32())
		}
		source, target, number := r.Uint32(), r.Uint32(), r.Uint32()
		if r.IntN(4) == 0 {
			number = 0xffffffff * (number & 1)
		}
		sport, dport := uint16(r.Uint32()), uint16(r.Uint32())
		id := uint16(number ^ number>>16)
		a, b := linklayer.Mapped(source), linklayer.Mapped(target)
		got, want := make([]byte, 2000), make([]byte, 2000)
		for _, protocol := range []Protocol{TCP, UDP, ICMP} {
			n := newShape(protocol, payload, 1460, 64).write(got, &ethernet, source, target, uint32(sport)<<16|uint32(dport), number)
			var m int
			switch protocol {
			case TCP:
				m = linklayer.EmitTCP(want, &path, a, b, sport, dport, id, &linklayer.Segment{
					Flags: linklayer.SYN, Window: synWindow, Seq: seqNumber(number), Options: linklayer.Options{
						Has: linklayer.HasMSS | linklayer.HasWindowScale | linklayer.HasSACKPermitted, MSS: 1460, WindowScale: 8,
					},
				}, 0)
			case UDP:
				m = linklayer.EmitUDP(want, &path, a, b, sport, dport, id, payload, 0)
			case ICMP:
				m = linklayer.EmitICMPEcho(want, &path, a, b, id, number, payload)
			}
			require.Equal(t, want[:m], got[:n], protocol)
		}
	}
}

func TestProbesDoNotAllocate(t *testing.T) {
	s, err := NewSpace(prefixes("198.18.0.0/16"), []uint16{80, 443}, 1)
	require.NoError(t, err)
	sh, k, frame := newShape(TCP, nil, 1460, 64), key{1, 2}, make([]byte, 2000)
	var ethernet [12]byte
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		a, port := s.At(7)
		c := k.cookieFor(a, port, 256, 1000)
		sh.write(frame, &ethernet, 1, a, uint32(c.port)<<16|uint32(port), c.number)
		s.Place(a, port)
	}))
}

// Cookies use every address and port of ours, and no others.
func TestCookiesStayWithinOurs(t *testing.T) {
	k := key{rand.Uint64(), rand.Uint64()}
	sources, ports := map[uint16]bool{}, map[uint16]bool{}
	for a := range uint32(20_000) {
		c := k.cookieFor(a, 80, 5, 300)
		sources[c.source], ports[c.port] = true, true
		require.Less(t, c.source, uint16(5))
		require.Less(t, c.port, uint16(300))
	}
	require.Len(t, sources, 5)
	require.Len(t, ports, 300)
	require.NotEqual(t, k.cookieFor(1, 80, 1, 1), k.cookieFor(1, 81, 1, 1))
	require.NotEqual(t, k.cookieFor(1, 80, 1, 1), (&key{1, 2}).cookieFor(1, 80, 1, 1))
}

// However late sends come after what allowed them, and whatever the client keeps,
// no stretch of time sees more than rate × time + one batch.
func TestBucketAgainstAnyDelays(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		rate := []float64{3, 100, 5000, 123456}[r.IntN(4)]
		const queues = 2
		batch := BatchFor(rate, 256, queues)
		type sent struct {
			at     time.Duration
			frames int
		}
		var wire []sent
		for range queues {
			b := newBucket(rate, 256, queues)
			now, kept := time.Duration(0), 0
			for range 400 {
				grant := min(b.credit(now), r.IntN(20)) // the client's
				b.take(grant)
				n := max(0, b.refill(now))
				leaves := r.IntN(grant + kept + 1)
				kept += grant - leaves
				if limit := int(b.depth); kept > limit { // it asks only when it has none left
					leaves += kept - limit
					kept = limit
				}
				rest := n
				b.take(rest)
				now += time.Duration(r.ExpFloat64() * 3e6 / rate * 1e3) // until it has left
				wire = append(wire, sent{now, rest + leaves})
				now += time.Duration(r.ExpFloat64() * 1e6 / rate * 1e3)
			}
		}
		for _, from := range wire[:100] {
			for _, span := range []time.Duration{0, time.Millisecond, 100 * time.Millisecond, 3 * time.Second} {
				count := 0
				for _, s := range wire {
					if s.at >= from.at && s.at <= from.at+span {
						count += s.frames
					}
				}
				require.LessOrEqual(t, float64(count), rate*span.Seconds()+float64(batch), "rate %v, span %v", rate, span)
			}
		}
	}
}

// The window against a plain record of every index.
func TestWindowAgainstRecord(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	const timeout = 10 * time.Millisecond
	for range 60 {
		end := uint64(1 + r.IntN(3000))
		retries := r.IntN(3)
		w := newWindow(512, end, retries)
		probes, answered, over := make([]int, end), make([]bool, end), make([]bool, end)
		settled, now := 0, time.Duration(0)
		for steps := 0; !w.over(); steps++ {
			require.Less(t, steps, 100_000)
			now += time.Duration(r.IntN(2e6))
			n := min(uint64(r.IntN(100)), w.room(), end-w.head.Load())
			for first, i := w.take(n, now), uint64(0); i < n; i++ {
				probes[first+i]++
			}
			for range r.IntN(40) {
				i := r.Uint64N(end)
				first, within := w.mark(i)
				require.Equal(t, probes[i] > 0 && !over[i], within, i)
				require.Equal(t, within && !answered[i], first)
				if first {
					require.Equal(t, probes[i], w.attempts(i))
				}
				answered[i] = answered[i] || first
			}
			for pass := retries - 1; pass >= 0; pass-- {
				for word, due, _ := w.due(pass, now, timeout); due; word, due, _ = w.due(pass, now, timeout) {
					for open := w.open(word); open != 0; open &= open - 1 {
						probes[word*wordBits+uint64(bits.TrailingZeros64(open))]++
					}
					w.repeated(pass, now)
				}
			}
			for word, due, _ := w.due(retries, now, timeout); due; word, due, _ = w.due(retries, now, timeout) {
				open := w.settle()
				for i := word * wordBits; i < min(end, (word+1)*wordBits); i++ {
					over[i] = true
					settled++
					require.Equal(t, !answered[i], open>>(i%wordBits)&1 == 1)
					if !answered[i] {
						require.Equal(t, retries+1, probes[i])
					}
				}
				if left := end - word*wordBits; left < wordBits {
					require.Zero(t, open>>left)
				}
			}
		}
		require.EqualValues(t, end, settled)
	}
}
