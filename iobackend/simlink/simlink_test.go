package simlink

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
)

// numbered is a frame of the given size that tells its number.
func numbered(n uint32, size int) []byte {
	f := make([]byte, size)
	copy(f, []byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00})
	binary.BigEndian.PutUint32(f[14:], n)
	return f
}

func number(frame []byte) uint32 { return binary.BigEndian.Uint32(frame[14:]) }

func newLink(t *testing.T, c Config) *Link {
	t.Helper()
	c.Debug = true
	l, err := New(c)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	return l
}

// sendNumbered transmits frames first … first+count-1.
func sendNumbered(t *testing.T, q iobackend.Queue, first uint32, count, size int) {
	t.Helper()
	var f [1]iobackend.Frame
	for i := range count {
		require.Equal(t, 1, q.Reserve(f[:]))
		f[0].Data = f[0].Data[:size]
		copy(f[0].Data, numbered(first+uint32(i), size))
		require.NoError(t, q.Transmit(f[:]))
	}
}

// drain receives everything that is there and returns the numbers.
func drain(t *testing.T, q iobackend.Queue) (got []uint32) {
	t.Helper()
	var f [32]iobackend.Frame
	for {
		n, _, err := q.Receive(f[:])
		require.NoError(t, err)
		if n == 0 {
			return got
		}
		for i := range n {
			got = append(got, number(f[i].Data))
		}
		q.Release(f[:n])
	}
}

func TestFramesCrossAtOnceWithoutImpairments(t *testing.T) {
	l := newLink(t, Config{Start: 1<<32*time.Millisecond - time.Second})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	sendNumbered(t, a, 10, 3, 60)
	require.Equal(t, []uint32{10, 11, 12}, drain(t, b))
	require.Empty(t, drain(t, a))
	_, inFlight := l.Clock().NextEvent()
	require.False(t, inFlight)
	require.Equal(t, 1<<32*time.Millisecond-time.Second, a.Now())
	require.EqualValues(t, 3, a.Counters().FramesSent)
	require.EqualValues(t, 180, b.Counters().BytesReceived)
	require.Zero(t, l.Leaked())
	require.Zero(t, l.Reserved())
}

func TestDelayIsKeptToTheNanosecond(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{Impairments: Impairments{Delay: 5 * time.Millisecond}}, {}}})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	sendNumbered(t, a, 1, 1, 60)
	at, ok := l.Clock().NextEvent()
	require.True(t, ok)
	require.Equal(t, 5*time.Millisecond, at)
	l.Clock().AdvanceTo(at - 1)
	require.Empty(t, drain(t, b))
	l.Clock().Advance(1)
	require.Equal(t, []uint32{1}, drain(t, b))
	// The other direction has no delay.
	sendNumbered(t, b, 2, 1, 60)
	require.Equal(t, []uint32{2}, drain(t, a))
	l.Clock().AdvanceTo(0)
	require.Equal(t, 5*time.Millisecond, l.Clock().Now(), "a clock never goes back")
}

func TestRateAndTailDrop(t *testing.T) {
	// 1,000 bytes at 8 Mbit/s take 1 ms.
	l := newLink(t, Config{Ends: []EndConfig{{Impairments: Impairments{RateBPS: 8_000_000, QueueFrames: 4}}, {}}})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	sendNumbered(t, a, 0, 6, 1000)
	require.EqualValues(t, 2, l.End(0).Fates().TailDrop)
	for i := range 4 {
		at, ok := l.Clock().NextEvent()
		require.True(t, ok)
		require.Equal(t, time.Duration(i+1)*time.Millisecond, at)
		l.Clock().AdvanceTo(at)
		require.Equal(t, []uint32{uint32(i)}, drain(t, b))
	}
	l.End(0).SetImpairments(Impairments{RateBPS: 8_000_000, QueueBytes: 2500})
	sendNumbered(t, a, 10, 3, 1000)
	require.EqualValues(t, 3, l.End(0).Fates().TailDrop)
	l.Clock().Advance(time.Second)
	require.Equal(t, []uint32{10, 11}, drain(t, b))
}

// trace runs a fixed load over a bad link and writes down what arrives.
func trace(t *testing.T, seed uint64, m Impairments, count int) (string, Fates) {
	l := newLink(t, Config{Seed: seed, Ends: []EndConfig{{Impairments: m}, {}}})
	var out strings.Builder
	l.End(1).OnFrame(func(at time.Duration, frame []byte) {
		fmt.Fprintf(&out, "%v %x\n", at, frame)
	})
	for i := range count {
		l.End(0).Inject(numbered(uint32(i), 64))
		l.Clock().Advance(100 * time.Microsecond)
	}
	l.Clock().Advance(time.Hour)
	return out.String(), l.End(0).Fates()
}

func TestOneSeedOneHistory(t *testing.T) {
	m := Impairments{Loss: 0.1, Reorder: 0.1, Duplicate: 0.1, Corrupt: 0.1,
		Delay: time.Millisecond, Jitter: time.Millisecond, RateBPS: 10_000_000}
	first, fates := trace(t, 7, m, 2000)
	again, _ := trace(t, 7, m, 2000)
	other, _ := trace(t, 8, m, 2000)
	require.Equal(t, first, again)
	require.NotEqual(t, first, other)
	for _, n := range []uint64{fates.Lost, fates.Duplicated, fates.Reordered, fates.Corrupted} {
		require.InDelta(t, 200, n, 60)
	}
	require.Equal(t, fates.Sent+fates.Duplicated, fates.Lost+fates.Delivered)
}

func TestJitterKeepsOrderAndReorderDoesNot(t *testing.T) {
	arrivals := func(m Impairments) (got []uint32) {
		l := newLink(t, Config{Seed: 1, Ends: []EndConfig{{Impairments: m}, {}}})
		l.End(1).OnFrame(func(_ time.Duration, f []byte) { got = append(got, number(f)) })
		for i := range 500 {
			l.End(0).Inject(numbered(uint32(i), 64))
			l.Clock().Advance(10 * time.Microsecond)
		}
		l.Clock().Advance(time.Second)
		require.Len(t, got, 500)
		return got
	}
	require.IsIncreasing(t, arrivals(Impairments{Jitter: 5 * time.Millisecond}))
	reordered := arrivals(Impairments{Reorder: 0.2})
	swaps := 0
	for i := 1; i < len(reordered); i++ {
		if reordered[i] < reordered[i-1] {
			swaps++
		}
	}
	require.Greater(t, swaps, 10)
}

func TestCorruptFlipsOneBitAndIsNotVouchedFor(t *testing.T) {
	l := newLink(t, Config{Seed: 3, Ends: []EndConfig{{Impairments: Impairments{Corrupt: 1}}, {ChecksumOK: true}}})
	sent := numbered(1, 60)
	l.End(0).Inject(sent)
	var f [1]iobackend.Frame
	q := l.End(1).Queue(0)
	n, _, err := q.Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 1, differingBits(sent, f[0].Data))
	require.False(t, f[0].ChecksumOK)
	q.Release(f[:])

	l.End(0).SetImpairments(Impairments{Corrupt: 1, CorruptBits: 5})
	l.End(0).Inject(sent)
	_, _, err = q.Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 5, differingBits(sent, f[0].Data))
	q.Release(f[:])

	l.End(0).SetImpairments(Impairments{})
	l.End(0).Inject(sent)
	_, _, err = q.Receive(f[:])
	require.NoError(t, err)
	require.True(t, f[0].ChecksumOK)
	q.Release(f[:])
}

func differingBits(a, b []byte) (count int) {
	for i := range a {
		for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
			count++
		}
	}
	return count
}

func TestCutLosesWhatIsSentAndWhatIsInFlight(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{Impairments: Impairments{Delay: time.Second}}, {}}})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	sendNumbered(t, a, 1, 1, 60)
	l.SetUp(false)
	sendNumbered(t, a, 2, 1, 60)
	l.Clock().Advance(2 * time.Second)
	require.Empty(t, drain(t, b))
	require.EqualValues(t, 2, l.End(0).Fates().Cut)
	l.SetUp(true)
	sendNumbered(t, a, 3, 1, 60)
	l.Clock().Advance(2 * time.Second)
	require.Equal(t, []uint32{3}, drain(t, b))
}

func TestScriptedPeerAnswersAtItsOwnInstant(t *testing.T) {
	m := Impairments{Delay: time.Millisecond}
	l := newLink(t, Config{Ends: []EndConfig{{Impairments: m}, {Impairments: m}}})
	peer := l.End(1)
	var at []time.Duration
	peer.OnFrame(func(now time.Duration, frame []byte) {
		at = append(at, now, l.Clock().Now())
		peer.Inject(numbered(number(frame)+100, 60))
		l.Clock().After(3*time.Millisecond, func() { peer.Inject(numbered(200, 60)) })
	})
	a := l.End(0).Queue(0)
	sendNumbered(t, a, 1, 1, 60)
	l.Clock().Advance(10 * time.Millisecond) // past both: each still at its own time
	require.Equal(t, []time.Duration{time.Millisecond, time.Millisecond}, at)
	require.Equal(t, []uint32{101, 200}, drain(t, a))
}

func TestTapAndFilter(t *testing.T) {
	l := newLink(t, Config{})
	var seen []uint32
	l.Tap(func(s Sent) { seen = append(seen, number(s.Data)) })
	l.End(0).SetFilter(func(_ time.Duration, f []byte) bool { return number(f) != 2 })
	sendNumbered(t, l.End(0).Queue(0), 1, 3, 60)
	require.Equal(t, []uint32{1, 3}, drain(t, l.End(1).Queue(0)))
	require.Equal(t, []uint32{1, 2, 3}, seen)
	require.EqualValues(t, 1, l.End(0).Fates().Filtered)
}

func TestThreeEndsSwitchByAddress(t *testing.T) {
	l := newLink(t, Config{Ends: make([]EndConfig, 3)})
	sendNumbered(t, l.End(0).Queue(0), 1, 1, 60) // to 02:…:02
	require.Equal(t, []uint32{1}, drain(t, l.End(1).Queue(0)))
	require.Empty(t, drain(t, l.End(2).Queue(0)))
	broadcast := numbered(2, 60)
	copy(broadcast, bytes.Repeat([]byte{0xFF}, 6))
	l.End(0).Inject(broadcast)
	require.Equal(t, []uint32{2}, drain(t, l.End(1).Queue(0)))
	require.Equal(t, []uint32{2}, drain(t, l.End(2).Queue(0)))
	require.EqualValues(t, 1, l.End(0).Fates().Flooded)
}

func TestHandOver(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{}, {Queues: 2, HandOverFrames: 2}}})
	a, b := l.End(0).Queue(0), l.End(1)
	sendNumbered(t, a, 1, 3, 60)
	var f [8]iobackend.Frame
	n, _, err := b.Queue(0).Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.True(t, b.Queue(0).HandOver(f[0], 1))
	require.True(t, b.Queue(0).HandOver(f[1], 1))
	require.False(t, b.Queue(0).HandOver(f[2], 1), "no room")
	require.False(t, b.Queue(0).HandOver(f[2], 2), "no such queue")
	require.Panics(t, func() { b.Queue(0).Release(f[:1]) }, "handed over, not ours any more")
	f[0].Data, f[1].Data = nil, nil
	b.Queue(0).Release(f[:3])
	require.Equal(t, 2, l.Leaked())
	require.Equal(t, []uint32{1, 2}, drain(t, b.Queue(1)))
	require.Zero(t, l.Leaked())
	require.EqualValues(t, 1, b.Queue(0).Counters().HandOverFull)
	require.EqualValues(t, 2, b.Queue(0).Counters().HandedOver)
}

func TestSteerChoosesTheQueue(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{}, {Queues: 4, Steer: func(f []byte, n int) int { return int(number(f)) % n }}}})
	sendNumbered(t, l.End(0).Queue(0), 0, 8, 60)
	for q := range 4 {
		require.Equal(t, []uint32{uint32(q), uint32(q + 4)}, drain(t, l.End(1).Queue(q)))
	}
}

func TestSteerHashUsesAllQueues(t *testing.T) {
	var count [4]int
	f := make([]byte, 60)
	f[12], f[14], f[23] = 8, 0x45, 6
	for port := range 1000 {
		binary.BigEndian.PutUint16(f[36:], uint16(port))
		count[SteerHash(f, 4)]++
	}
	for _, n := range count {
		require.InDelta(t, 250, n, 100)
	}
	require.Zero(t, SteerHash(f[:20], 4))
}

func TestJumboInPieces(t *testing.T) {
	l := newLink(t, Config{MTU: 9000, FrameBytes: 2048, Ends: []EndConfig{{}, {Queues: 2}}})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	packet := numbered(5, 9014)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := 18; i < len(packet); i++ {
		packet[i] = byte(rng.Uint32())
	}
	var out [5]iobackend.Frame
	require.Equal(t, 5, a.Reserve(out[:]))
	rest := packet
	for i := range out {
		n := copy(out[i].Data, rest)
		out[i].Data, out[i].More = out[i].Data[:n], i < 4
		rest = rest[n:]
	}
	require.NoError(t, a.Transmit(out[:]))
	sendNumbered(t, a, 6, 1, 60)

	var in [8]iobackend.Frame
	n, _, err := b.Receive(in[:5]) // the second packet does not fit
	require.NoError(t, err)
	require.Equal(t, 5, n)
	for i := range 5 {
		require.True(t, b.HandOver(in[i], 1))
		if i == 2 {
			require.Empty(t, drain(t, l.End(1).Queue(1)), "not before the last piece")
		}
	}
	n, _, err = l.End(1).Queue(1).Receive(in[:])
	require.NoError(t, err)
	require.Equal(t, 5, n)
	var got []byte
	for i := range n {
		require.Equal(t, i < 4, in[i].More)
		got = append(got, in[i].Data...)
	}
	require.Equal(t, packet, got)
	l.End(1).Queue(1).Release(in[:n])
	require.Equal(t, []uint32{6}, drain(t, b))
	require.EqualValues(t, 2, a.Counters().FramesSent)

	l.End(0).Inject(packet)
	n, _, err = b.Receive(in[:3])
	require.NoError(t, err)
	require.Zero(t, n, "a packet larger than the batch is dropped, not stuck")
	require.EqualValues(t, 1, b.Counters().DropInvalid)
	require.Zero(t, l.Leaked())
}

func TestNoReceiveFrameIsADrop(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{}, {ReceiveFrames: 2}}})
	sendNumbered(t, l.End(0).Queue(0), 1, 3, 60)
	require.Equal(t, []uint32{1, 2}, drain(t, l.End(1).Queue(0)))
	require.EqualValues(t, 1, l.End(0).Fates().NoBuffer)
	require.EqualValues(t, 1, l.End(1).Queue(0).Counters().DropFillEmpty)
}

func TestReceiveFloodDoesNotKeepFromSending(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{}, {ReceiveFrames: 4, SendFrames: 4}}})
	sendNumbered(t, l.End(0).Queue(0), 0, 10, 60)
	var f [8]iobackend.Frame
	n, _, _ := l.End(1).Queue(0).Receive(f[:])
	require.Equal(t, 4, n)
	require.Equal(t, 4, l.End(1).Queue(0).Reserve(f[4:]))
}

func TestRefusedFrames(t *testing.T) {
	l := newLink(t, Config{})
	q := l.End(0).Queue(0)
	sendNumbered(t, q, 1, 1, 1519)
	l.End(0).Inject(make([]byte, 13))
	require.EqualValues(t, 2, l.End(0).Fates().Refused)
	require.EqualValues(t, 1, q.Counters().DropTransmit)
	require.Empty(t, drain(t, l.End(1).Queue(0)))
}

func TestMisusePanicsWithDebug(t *testing.T) {
	l := newLink(t, Config{})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	var f [1]iobackend.Frame
	sendNumbered(t, a, 1, 1, 60)
	n, _, _ := b.Receive(f[:])
	require.Equal(t, 1, n)
	b.Release(f[:])
	require.Equal(t, byte(PoisonByte), f[0].Data[0], "a read after Release shows poison")
	require.PanicsWithValue(t, "simlink: Release: sim1 queue 0: frame 0x0 is not out (given back twice, or of another pool)",
		func() { b.Release(f[:]) })
	f[0].Data[0] = 1
	require.PanicsWithValue(t, "simlink: sim1 queue 0 receive frame 0 was written to after it was given back",
		func() { sendNumbered(t, a, 2, 1, 60); drain(t, b) })
}

func TestSendFrameMisusePanicsWithDebug(t *testing.T) {
	l := newLink(t, Config{})
	a := l.End(0).Queue(0)
	var f [1]iobackend.Frame
	require.Equal(t, 1, a.Reserve(f[:]))
	require.Equal(t, 1, l.Reserved())
	f[0].Data = f[0].Data[2:]
	require.Panics(t, func() { a.Transmit(f[:]) }, "not the frame's beginning")
}

func TestCloseAndRemove(t *testing.T) {
	l := newLink(t, Config{})
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	l.End(1).Remove()
	sendNumbered(t, a, 1, 1, 60)
	var f [1]iobackend.Frame
	_, _, err := b.Receive(f[:])
	require.ErrorIs(t, err, iobackend.ErrDeviceGone)
	require.ErrorIs(t, b.Wait(time.Hour), iobackend.ErrDeviceGone)
	require.EqualValues(t, 1, l.End(0).Fates().NoReceiver)
	require.Equal(t, 1, a.Reserve(f[:]))
	require.NoError(t, l.End(0).Close())
	require.NoError(t, l.End(0).Close())
	require.ErrorIs(t, a.Transmit(f[:]), iobackend.ErrClosed)
	require.Zero(t, l.Reserved(), "taken all the same")
}

func TestBadConfigIsRefusedByName(t *testing.T) {
	for want, c := range map[string]Config{
		"Ends has 1 elements":                 {Ends: make([]EndConfig, 1)},
		"Start -1ns":                          {Start: -1},
		"MTU 10 ":                             {MTU: 10},
		"FrameBytes 2 ":                       {FrameBytes: 2},
		"BatchMax 3 ":                         {BatchMax: 3, MTU: 9000},
		"Ends[1].Queues -1":                   {Ends: []EndConfig{{}, {Queues: -1}}},
		"Ends[0].HardwareAddr 01":             {Ends: []EndConfig{{HardwareAddr: []byte{1}}, {}}},
		"Ends[0].Impairments.Loss 1.5":        {Ends: []EndConfig{{Impairments: Impairments{Loss: 1.5}}, {}}},
		"Ends[1].Impairments.Delay -1ns":      {Ends: []EndConfig{{}, {Impairments: Impairments{Delay: -1}}}},
		"RealTime and Start must be zero":     {Clock: NewClock(0), RealTime: true},
		"Ends[0].ReceiveFrames 1 is less":     {MTU: 9000, Ends: []EndConfig{{ReceiveFrames: 1}, {}}},
		"Ends[0].Impairments.CorruptBits -1,": {Ends: []EndConfig{{Impairments: Impairments{CorruptBits: -1}}, {}}},
	} {
		_, err := New(c)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "simlink: new: ")
	}
}

func TestTwoLinksShareAClock(t *testing.T) {
	clock := NewClock(time.Minute)
	m := []EndConfig{{Impairments: Impairments{Delay: time.Second}}, {}}
	l1, l2 := newLink(t, Config{Clock: clock, Ends: m}), newLink(t, Config{Clock: clock})
	sendNumbered(t, l1.End(0).Queue(0), 1, 1, 60)
	sendNumbered(t, l2.End(0).Queue(0), 2, 1, 60)
	clock.Advance(time.Second)
	require.Equal(t, []uint32{1}, drain(t, l1.End(1).Queue(0)))
	require.Equal(t, []uint32{2}, drain(t, l2.End(1).Queue(0)))
	require.Equal(t, time.Minute+time.Second, l2.End(0).Queue(0).Now())
}

func TestVirtualWaitReturnsAtOnce(t *testing.T) {
	l := newLink(t, Config{})
	require.NoError(t, l.End(0).Queue(0).Wait(1000*time.Hour))
	require.Zero(t, l.Clock().Now())
	require.EqualValues(t, 1, l.End(0).Queue(0).Counters().Waits)
}

// echo plays a peer on its own goroutine until the device is closed.
func echo(q iobackend.Queue, done chan<- error) {
	var in, out [16]iobackend.Frame
	for {
		n, at, err := q.Receive(in[:])
		if err != nil {
			done <- err
			return
		}
		if n == 0 {
			q.Wait(at + time.Minute)
			continue
		}
		got := q.Reserve(out[:n])
		for i := range got {
			out[i].Data = out[i].Data[:copy(out[i].Data, in[i].Data)]
		}
		q.Release(in[:n])
		q.Transmit(out[:got])
	}
}

// pingPong sends count frames to the echo, one after the other.
func pingPong(t *testing.T, q iobackend.Queue, count int) {
	for i := range count {
		sendNumbered(t, q, uint32(i), 1, 100)
		for {
			got := drain(t, q)
			if len(got) > 0 {
				require.Equal(t, []uint32{uint32(i)}, got)
				break
			}
			require.NoError(t, q.Wait(q.Now()+time.Minute))
		}
	}
}

func TestRealTime(t *testing.T) {
	l := newLink(t, Config{RealTime: true, Start: time.Hour})
	done := make(chan error, 1)
	go echo(l.End(1).Queue(0), done)
	pingPong(t, l.End(0).Queue(0), 1000)
	require.GreaterOrEqual(t, l.Clock().Now(), time.Hour)
	l.Close()
	require.True(t, errors.Is(<-done, iobackend.ErrClosed))
	require.Zero(t, l.Leaked())
}

func TestRealTimeHandOverBetweenGoroutines(t *testing.T) {
	l := newLink(t, Config{RealTime: true, Ends: []EndConfig{{}, {Queues: 2}}})
	const count = 2000
	got := make(chan []uint32)
	go func() { // queue 1 gets everything by hand-over
		q := l.End(1).Queue(1)
		var all []uint32
		for len(all) < count {
			all = append(all, drain(t, q)...)
			q.Wait(q.Now() + time.Minute)
		}
		got <- all
	}()
	go func() {
		q := l.End(1).Queue(0)
		var f [16]iobackend.Frame
		for moved := 0; moved < count; {
			n, at, _ := q.Receive(f[:])
			for i := range n {
				for !q.HandOver(f[i], 1) {
					time.Sleep(time.Microsecond)
				}
			}
			if moved += n; n == 0 {
				q.Wait(at + time.Minute)
			}
		}
	}()
	sendNumbered(t, l.End(0).Queue(0), 0, count, 60)
	require.IsIncreasing(t, <-got)
	require.Zero(t, l.Leaked())
}

func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := Impairments{Delay: 50 * time.Millisecond, RateBPS: 1_000_000}
		l, err := New(Config{RealTime: true, Debug: true, Ends: []EndConfig{{Impairments: m}, {Impairments: m}}})
		require.NoError(t, err)
		done := make(chan error, 1)
		go echo(l.End(1).Queue(0), done)
		q := l.End(0).Queue(0)
		before := q.Now()
		pingPong(t, q, 100)
		// 100 bytes at 1 Mbit/s are 0.8 ms, each way.
		require.Equal(t, 100*2*(50*time.Millisecond+800*time.Microsecond), q.Now()-before)
		go func() { time.Sleep(time.Second); q.Wake() }()
		before = q.Now()
		require.NoError(t, q.Wait(before+time.Hour))
		require.Equal(t, time.Second, q.Now()-before)
		l.Close()
		require.ErrorIs(t, <-done, iobackend.ErrClosed)
	})
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	l, err := New(Config{})
	require.NoError(t, err)
	a, b := l.End(0).Queue(0), l.End(1).Queue(0)
	var f [64]iobackend.Frame
	turn := func() {
		n := a.Reserve(f[:])
		for i := range n {
			f[i].Data = f[i].Data[:60]
		}
		a.Transmit(f[:n])
		n, _, _ = b.Receive(f[:])
		b.Release(f[:n])
	}
	turn()
	require.Zero(t, testing.AllocsPerRun(100, turn))
}

// TestConservation does random things and accounts for every frame.
func TestConservation(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	m := Impairments{Loss: 0.05, Duplicate: 0.1, Reorder: 0.1, Delay: time.Millisecond, RateBPS: 1e9, QueueFrames: 50}
	end := EndConfig{Queues: 2, ReceiveFrames: 64, SendFrames: 32, HandOverFrames: 8, Impairments: m,
		Steer: func(f []byte, n int) int { return int(f[20]) % n }}
	l := newLink(t, Config{Seed: seed, Ends: []EndConfig{end, end}})
	held := map[iobackend.Queue][]iobackend.Frame{}
	for range 20000 {
		e := l.End(rng.IntN(2))
		index := rng.IntN(2)
		q := e.Queue(index)
		switch rng.IntN(5) {
		case 0:
			l.Clock().Advance(time.Duration(rng.IntN(1000)) * time.Microsecond)
		case 1:
			f := make([]iobackend.Frame, rng.IntN(8))
			n := q.Reserve(f)
			for i := range n {
				f[i].Data = f[i].Data[:60+rng.IntN(1000)]
				f[i].Data[20] = byte(rng.Uint32())
			}
			require.NoError(t, q.Transmit(f[:n]))
		case 2:
			f := make([]iobackend.Frame, rng.IntN(8))
			n, _, err := q.Receive(f)
			require.NoError(t, err)
			held[q] = append(held[q], f[:n]...)
		case 3:
			n := rng.IntN(len(held[q]) + 1)
			q.Release(held[q][:n])
			held[q] = held[q][n:]
		case 4:
			if len(held[q]) > 0 && q.HandOver(held[q][0], 1-index) {
				held[q] = held[q][1:]
			}
		}
		users := 0
		for _, f := range held {
			users += len(f)
		}
		borrowed, err := l.Check()
		require.NoError(t, err)
		require.Equal(t, users, borrowed)
	}
	l.Clock().Advance(time.Second)
	for i := range 2 {
		f := l.End(i).Fates()
		require.Equal(t, f.Sent+f.Duplicated, f.Lost+f.TailDrop+f.NoBuffer+f.Delivered)
		require.NotZero(t, f.NoBuffer+f.TailDrop)
	}
	for _, e := range l.ends {
		for _, q := range e.queues {
			q.Release(held[q])
		}
	}
	for _, e := range l.ends {
		for _, q := range e.queues {
			drain(t, q)
		}
	}
	require.Zero(t, l.Leaked())
	for _, e := range l.ends {
		for _, q := range e.queues {
			require.Len(t, q.receive.free, 64)
			require.Len(t, q.send.free, 32)
		}
	}
}

func TestCheckFindsAFrameThatIsNowhere(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{{Queues: 2}, {}}})
	q := l.End(0).Queue(1).(*Queue)
	last := len(q.send.free) - 1
	q.send.free = q.send.free[:last]
	_, err := l.Check()
	require.ErrorContains(t, err, "queue 1: of 4096 send frames 4095 are free and 0 are out")
	q.send.free = append(q.send.free, 0)
	_, err = l.Check()
	require.NoError(t, err)
	q.receive.free = q.receive.free[:last]
	_, err = l.Check()
	require.ErrorContains(t, err, "queue 1: of 4096 receive frames 4095 are free, 0 wait and 0 are out")
}

// A card's hash that cannot be is refused with its place.
func TestReceiveHashIsRefused(t *testing.T) {
	_, err := New(Config{Ends: []EndConfig{{}, {ReceiveHash: &iobackend.ReceiveHash{Key: make([]byte, 40), Indirection: make([]uint32, 3)}}}})
	require.ErrorContains(t, err, "Config.Ends[1].ReceiveHash: rss: an indirection table of 3")
}

// Time stops where a frame begins to wait for the end that is asked for; what
// arrives at the other one, and functions that are called, stop nothing.
func TestAdvanceToFrame(t *testing.T) {
	l := newLink(t, Config{Ends: []EndConfig{
		{Impairments: Impairments{Delay: time.Millisecond}}, {Impairments: Impairments{Delay: 3 * time.Millisecond}},
	}})
	c, called := l.Clock(), 0
	frame := make([]byte, 60)
	l.End(0).Inject(frame)
	l.End(1).Inject(frame)
	c.After(2*time.Millisecond, func() { called++ })
	c.After(4*time.Millisecond, func() { called++ })
	c.AdvanceToFrame(time.Second, l.End(0))
	require.Equal(t, 3*time.Millisecond, c.Now())
	require.Equal(t, 1, called)
	drain(t, l.End(0).queues[0])
	c.AdvanceToFrame(time.Second, l.End(0))
	require.Equal(t, time.Second, c.Now())
	require.Equal(t, 2, called)
	drain(t, l.End(1).queues[0])
}
