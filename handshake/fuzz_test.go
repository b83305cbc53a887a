package handshake

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/internal/bounded"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// driver runs one connection from a string of bytes: segments of a peer, timers,
// calls of an application.
type driver struct {
	t     testing.TB
	m     *Machine
	table *conntable.Table
	i     uint32
	now   time.Duration
	input []byte
	ended bool
}

func newDriver(t testing.TB, input []byte) *driver {
	table, err := conntable.New(4, 0, [2]uint64{1, 2})
	require.NoError(t, err)
	requests := &Requests{}
	id, err := requests.Add(make([]byte, 3000))
	require.NoError(t, err)
	d := &driver{t: t, table: table, now: time.Duration(1)<<32*time.Millisecond - 2*time.Second, input: input}
	d.m, err = New(Config{
		MSS: 1460, ReceiveBuffer: 65535, ReceiveBufferMax: 1 << 20, SendBuffer: 1 << 16, BufferMemory: 1 << 20,
		SYNRetries: 3, DataRetries: 5, RTOMin: 200 * time.Millisecond, TimeWait: time.Minute, Sides: 2, HolesMax: 8,
		Timestamps: d.byte()&1 != 0, Secret: [2]uint64{3, 4},
	}, table, requests)
	require.NoError(t, err)
	d.i, err = table.Insert(&conntable.Key{RemotePort: 80, LocalPort: 5})
	require.NoError(t, err)
	o := OpenOptions{Timeout: time.Hour}
	if d.byte()&1 != 0 {
		o.Request = id
	}
	d.m.Open(d.i, d.now, o)
	Start(table.At(d.i))
	return d
}

func (d *driver) byte() byte {
	if len(d.input) == 0 {
		return 0
	}
	b := d.input[0]
	d.input = d.input[1:]
	return b
}

// near is a number close to one that matters.
func (d *driver) near(to seq.Number) seq.Number {
	switch b := d.byte(); {
	case b < 128:
		return to
	case b < 200:
		return to.Add(int(int8(d.byte())) * 37)
	default:
		var word [4]byte
		for k := range word {
			word[k] = d.byte()
		}
		return seq.Number(binary.LittleEndian.Uint32(word[:]))
	}
}

func (d *driver) segment() *linklayer.Segment {
	e := d.table.At(d.i)
	g := &linklayer.Segment{Flags: linklayer.Flags(d.byte()), Seq: d.near(e.RcvNxt), Ack: d.near(e.SndNxt), Window: uint16(d.byte()) << (d.byte() & 7)}
	g.Payload = make([]byte, int(d.byte())*8)
	g.Options.Has = linklayer.OptionSet(d.byte())
	g.Options.MSS, g.Options.WindowScale = uint16(d.byte())<<(d.byte()&7), d.byte()
	g.Options.TSVal, g.Options.TSEcr = uint32(d.byte()), uint32(d.byte())
	if g.Options.Has&linklayer.HasSACK != 0 {
		g.Options.SACKCount = int(d.byte() % 5)
		for k := range g.Options.SACKCount {
			g.Options.SACK[k] = seq.Range{Start: d.near(e.SndUna), End: d.near(e.SndNxt)}
		}
	}
	return g
}

func (d *driver) check(r Result) {
	e := d.table.At(d.i)
	require.False(d.t, e.SndUna.After(e.SndNxt), "SND.UNA beyond SND.NXT")
	require.GreaterOrEqual(d.t, e.RcvEdge.Since(e.RcvNxt), -1)
	require.LessOrEqual(d.t, d.m.BufferBytes(), 1<<20)
	for r.Events&More != 0 {
		if d.m.Held(d.i, d.now) == nil {
			r.Events |= d.m.HeldFIN(d.i)
			break
		}
	}
	d.checkSender()
	d.ended = r.Events&Gone != 0
}

// checkSender counts again what the flight's sums should be.
func (d *driver) checkSender() {
	var c conn
	d.m.load(&c, d.i, d.now)
	if c.s == nil || !synchronized(c.e.State) {
		return
	}
	f, p := &c.s.send.flight, &d.m.flights
	require.GreaterOrEqual(d.t, int(c.s.send.congestion.cwnd), min(d.m.segmentSize(&c), 1460), "less than a segment")
	var sacked, lost, segments int32
	for k := f.first; k < f.next; k++ {
		b, bit := f.at(p, k)
		require.Positive(d.t, f.length(p, k))
		switch {
		case b.sacked>>bit&1 != 0:
			sacked += f.length(p, k)
			segments++
		case b.lost>>bit&1 != 0:
			lost += f.length(p, k)
		}
	}
	require.Equal(d.t, [3]int32{sacked, lost, segments}, [3]int32{f.sacked, f.lost, f.segments})
	if f.first != f.next {
		require.Equal(d.t, c.e.SndUna, f.start)
	}
}

func (d *driver) output() {
	for sent := 0; ; sent++ {
		require.Less(d.t, sent, 5000, "Output never ends")
		var out Out
		if !d.m.Output(d.i, d.now, &out) {
			return
		}
		require.LessOrEqual(d.t, len(out.Segment.Payload)+len(out.Segment.Payload2), 1460)
		if out.Segment.Flags&linklayer.RST != 0 {
			d.ended = true
			return
		}
	}
}

func (d *driver) step() {
	switch b := d.byte(); {
	case b < 150:
		d.check(d.m.Step(d.i, d.segment(), d.now))
	case b < 190:
		if at, ok := d.m.Deadline(d.i, d.now); ok {
			d.now = max(d.now, at)
		}
		d.check(d.m.Timeout(d.i, d.now))
	case b < 200:
		_, _ = d.m.Write(d.i, make([]byte, int(d.byte())*100), d.now)
	case b < 210:
		_, _ = d.m.WriteRequest(d.i, 1, d.now)
	case b < 215:
		d.check(d.m.Finish(d.i, d.byte()&1 != 0, d.now))
	case b < 220:
		d.m.Pause(d.i)
	case b < 230:
		if d.m.Resume(d.i, d.now) {
			d.check(Result{Events: More})
		}
	case b < 235:
		r, _ := d.m.Unreachable(d.i, d.near(d.table.At(d.i).SndUna), d.now)
		d.check(r)
	case b < 240:
		d.m.LowerMSS(d.i, d.near(d.table.At(d.i).SndUna), int(d.byte())*8, d.now)
	default:
		d.now += time.Duration(d.byte()) * time.Millisecond
	}
	d.m.EndTurn(new(uint32))
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0x12, 0, 0, 255, 7, 0, 7, 20, 6, 7, 0, 0, 0})
	f.Add([]byte{1, 0, 0, 0x12, 0, 0, 255, 7, 0, 15, 20, 6, 7, 1, 1, 195, 200, 0, 0x10, 0, 0, 255, 7, 20, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, input []byte) {
		bounded.Input(t, 64<<20, func() {
			d := newDriver(t, input)
			d.output()
			for len(d.input) > 0 && !d.ended {
				d.step()
				if !d.ended {
					d.output()
				}
			}
			d.m.Forget(d.i)
			d.m.EndTurn(new(uint32))
			require.Zero(t, d.m.BufferBytes(), "buffers leaked")
			require.Zero(t, d.m.SidesInUse(), "side records leaked")
		})
	})
}
