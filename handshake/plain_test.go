package handshake

import (
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/internal/seeded"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// Whatever Plain says, Output would have said, and changed of the connection.
func TestPlainSaysWhatOutputDoes(t *testing.T) {
	r := seeded.Rand(t)
	said := map[linklayer.Flags]int{}
	for _, stamps := range []bool{false, true} {
		p := newPair(t, func(c *Config) { c.ReceiveBufferMax, c.Timestamps = 1<<20, stamps })
		i, err := p.table.Insert(&conntable.Key{RemotePort: 80, LocalPort: 1})
		require.NoError(t, err)
		path := linklayer.NewPath([6]byte{2}, [6]byte{4}, 64, 0)
		for range 4000 {
			e, x := p.table.At(i), p.table.Extra(i)
			e.State = conntable.State(1 + r.IntN(int(conntable.TimeWait)))
			e.Flags = uint16(r.Uint32()) &^ stampsOK
			if r.IntN(2) == 0 {
				e.Flags &= ackNow | sendSYN | sendRST | Queued
			}
			e.SndUna, e.RcvNxt = seq.Number(r.Uint32()), seq.Number(r.Uint32())
			e.SndNxt, e.RcvEdge = e.SndUna.Add(r.IntN(2)), e.RcvNxt.Add(r.IntN(20_000))
			e.Scale, e.Unacked, e.Retries, e.Due = uint8(r.Uint32())&0x5f, uint8(r.Uint32()), uint8(r.IntN(3)), r.Uint32N(2)
			e.Extended = r.IntN(2) == 0
			*x = extraOf(e.Extended, p.ids[0], r.Uint32())
			before, extra, counters := *e, *x, p.Counters
			var n linklayer.Numbers
			stencil := p.Plain(i, p.now, &n)
			if stencil == nil {
				require.Equal(t, before, *e, "nothing has changed")
				continue
			}
			after, extraAfter, countersAfter := *e, *x, p.Counters
			*e, *x, p.Counters = before, extra, counters
			var out Out
			require.True(t, p.Output(i, p.now, &out))
			require.Equal(t, *e, after)
			require.Equal(t, *x, extraAfter)
			require.Equal(t, p.Counters, countersAfter)
			var got, want [100]byte
			length := linklayer.EmitTCP4(want[:], &path, 0, 0, 0, 0, 0, &out.Segment, 0)
			require.Equal(t, length, stencil.Emit(got[:], &path, &n))
			require.Equal(t, want, got)
			require.Equal(t, out.Segment.Flags, stencil.Flags())
			said[stencil.Flags()]++
		}
	}
	for _, flags := range []linklayer.Flags{linklayer.SYN, linklayer.ACK, linklayer.RST | linklayer.ACK} {
		require.Greater(t, said[flags], 40, "%v is seldom asked for", flags)
	}
}

// extraOf is what an extended connection may hold.
func extraOf(extended bool, request, ackDue uint32) (x conntable.Extra) {
	if extended {
		x.Request, x.AckDue = request, ackDue
	}
	return x
}

// After a change of the MSS new SYNs announce it.
func TestPlainFollowsTheMSS(t *testing.T) {
	p := newPair(t, nil)
	p.SetMSS(700)
	i, err := p.table.Insert(&conntable.Key{RemotePort: 80, LocalPort: 1})
	require.NoError(t, err)
	p.Open(i, p.now, OpenOptions{})
	Start(p.table.At(i))
	var n linklayer.Numbers
	stencil := p.Plain(i, p.now, &n)
	require.NotNil(t, stencil)
	var frame [100]byte
	path := linklayer.NewPath([6]byte{2}, [6]byte{4}, 64, 0)
	n.Source, n.Destination, n.SourcePort, n.DestinationPort = 10<<24+1, 10<<24+2, 1, 80
	length := stencil.Emit(frame[:], &path, &n)
	var packet linklayer.Packet
	require.Equal(t, linklayer.DropNone, linklayer.Parse(frame[:length], false, &packet))
	require.EqualValues(t, 700, packet.Segment.Options.MSS)
}
