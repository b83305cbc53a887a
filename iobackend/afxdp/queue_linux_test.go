package afxdp

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

func TestHandOverConservesFrames(t *testing.T) {
	for name, o := range map[string]Options{"shared": {}, "separate": {SeparateUMEM: true}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, twoQ)
			const pool = 256
			near := w.openNear(iobackend.Config{ReceiveFrames: pool}, o)
			far := w.openFar(iobackend.Config{}, Options{})
			handOverMany(t, near, far, 300_000)
			// All receive frames of each queue are home: a burst that needs
			// every one of them arrives.
			for index := range 2 {
				q := near.Queue(index)
				_, _, err := q.Receive(nil) // takes back what came home
				require.NoError(t, err)
				sendNumbered(t, far.Queue(index), nearDst, 0, pool, 100)
				q.Release(receiveSome(t, q, pool))
			}
		})
	}
}

// handOverMany has every frame change hands: what arrives on one queue is
// handed to the other, which releases it.
func handOverMany(t *testing.T, near, far iobackend.Device, count uint64) {
	t.Helper()
	var stop atomic.Bool
	var kept [2]uint64
	var wg sync.WaitGroup
	for index := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			kept[index] = shuttle(near.Queue(index), 1-index, &stop)
		}()
	}
	window := uint64(64)
	sent := uint64(0)
	total := func() (n uint64) {
		for i := range 2 {
			c := near.Queue(i).Counters()
			n += c.FramesReceived + c.DropFillEmpty
		}
		return n
	}
	give := time.Now().Add(time.Minute)
	for sent < count && time.Now().Before(give) {
		for i := range 2 {
			sendNumbered(t, far.Queue(i), nearDst, sent, int(window), 80)
			sent += window
		}
		for sent-total() > 128 && time.Now().Before(give) {
			time.Sleep(time.Microsecond)
		}
	}
	stop.Store(true)
	near.Queue(0).Wake()
	near.Queue(1).Wake()
	wg.Wait()
	a, b := near.Queue(0).Counters(), near.Queue(1).Counters()
	require.NotZero(t, a.HandedOver)
	require.NotZero(t, b.HandedOver)
	require.Equal(t, a.FramesReceived+b.FramesReceived, kept[0]+kept[1]+a.HandedOver+b.HandedOver)
	require.Equal(t, sent, total())
}

// shuttle hands what the device gave to the other queue and releases what the
// other handed over; it returns the number it could not hand over.
func shuttle(q iobackend.Queue, to int, stop *atomic.Bool) (kept uint64) {
	frames := make([]iobackend.Frame, 64)
	idle := 0
	for idle < 100 {
		n, _, err := q.Receive(frames)
		if err != nil {
			return kept
		}
		for i := range frames[:n] {
			if frames[i].Data[len(frames[i].Data)-1] == 0 && frames[i].Data[0] == 0xee {
				continue // handed over to us
			}
			// Mark it, so that the other releases it.
			frames[i].Data[0], frames[i].Data[len(frames[i].Data)-1] = 0xee, 0
			if q.HandOver(frames[i], to) {
				frames[i].Data = nil
			} else {
				kept++
			}
		}
		q.Release(frames[:n])
		if n > 0 {
			idle = 0
			continue
		}
		if stop.Load() {
			idle++
		}
		_ = q.Wait(q.Now() + time.Millisecond)
	}
	return kept
}

func TestHandOverWakesASleeper(t *testing.T) {
	w := newWorld(t, twoQ)
	near := w.openNear(iobackend.Config{}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	got := make(chan uint64)
	go func() {
		q := near.Queue(1)
		frames := make([]iobackend.Frame, 4)
		for {
			n, _, err := q.Receive(frames)
			if err != nil {
				got <- 0
				return
			}
			if n > 0 {
				number := requireDatagram(t, frames[0].Data)
				q.Release(frames[:n])
				got <- number
				return
			}
			_ = q.Wait(q.Now() + time.Hour)
		}
	}()
	sendNumbered(t, far.Queue(0), nearDst, 99, 1, 100)
	frames := receiveSome(t, near.Queue(0), 1)
	require.True(t, near.Queue(0).HandOver(frames[0], 1))
	near.Queue(0).Release(nil)
	require.Equal(t, uint64(99), <-got)
}

// What was handed over arrives after the next Release, Receive or Wait, whichever
// it is.
func TestHandOverIsPassedOnByTheNextCall(t *testing.T) {
	w := newWorld(t, twoQ)
	near, far := w.openNear(iobackend.Config{}, Options{}), w.openFar(iobackend.Config{}, Options{})
	from, to := near.Queue(0), near.Queue(1)
	for number, call := range []func(){
		func() { from.Release(nil) },
		func() { _, _, _ = from.Receive(nil) },
		func() { _ = from.Wait(from.Now()) },
	} {
		sendNumbered(t, far.Queue(0), nearDst, uint64(number), 2, 100)
		frames := receiveSome(t, from, 2)
		for k := range frames {
			require.True(t, from.HandOver(frames[k], 1))
		}
		call()
		var got [3]iobackend.Frame
		n, _, err := to.Receive(got[:])
		require.NoError(t, err)
		require.Equal(t, 2, n)
		require.Equal(t, uint64(number), requireDatagram(t, got[0].Data))
		require.Equal(t, uint64(number+1), requireDatagram(t, got[1].Data))
		to.Release(got[:2])
	}
}

func TestHandOverRefusesWhenThereIsNoRoom(t *testing.T) {
	w := newWorld(t, twoQ)
	near := w.openNear(iobackend.Config{ReceiveFrames: 128}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	sendNumbered(t, far.Queue(0), nearDst, 0, 100, 100)
	q := near.Queue(0)
	frames := receiveSome(t, q, 100)
	handed := 0
	for i := range frames {
		if q.HandOver(frames[i], 1) {
			frames[i].Data = nil
			handed++
		}
	}
	require.Greater(t, handed, 0)
	require.LessOrEqual(t, handed, 64)
	require.Equal(t, uint64(100-handed), q.Counters().HandOverFull)
	q.Release(frames)
	other := receiveSome(t, near.Queue(1), handed)
	near.Queue(1).Release(other)
	require.False(t, q.HandOver(iobackend.Frame{}, 0), "to itself")
}

func TestWakeEndsTheCurrentAndTheNextWait(t *testing.T) {
	for name, park := range map[string]bool{"blocks": false, "parks": true} {
		t.Run(name, func(t *testing.T) { wakeEndsWaits(t, iobackend.Config{Park: park}) })
	}
}

func wakeEndsWaits(t *testing.T, c iobackend.Config) {
	t.Helper()
	w := newWorld(t, twoQ)
	q := w.openNear(c, Options{}).Queue(0)
	forever := q.Now() + time.Hour
	q.Wake()
	require.NoError(t, q.Wait(forever))
	for range 200 {
		done := make(chan error)
		go func() { done <- q.Wait(forever) }()
		q.Wake()
		require.NoError(t, <-done)
	}
	// Wakes of the past do not add up: sleeping works again.
	waits := q.Counters().Waits
	for range 3 {
		require.NoError(t, q.Wait(q.Now()+2*time.Millisecond))
	}
	require.Greater(t, q.Counters().Waits, waits)
}

func TestReservedFramesComeBack(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1, XDPPassFar: true})
	q := w.openNear(iobackend.Config{SendFrames: 64}, Options{}).Queue(0)
	all := make([]iobackend.Frame, 100)
	require.Equal(t, 64, q.Reserve(all))
	require.Zero(t, q.Reserve(make([]iobackend.Frame, 1)))
	require.Len(t, all[0].Data, 2048)
	q.Release(all[:32])
	for i := range all[32:64] {
		all[32+i].Data = nil // nothing to send
	}
	require.NoError(t, q.Transmit(all[32:64]))
	require.Equal(t, uint64(32), q.Counters().DropTransmit)
	require.Equal(t, 64, q.Reserve(all))
	for i := range all[:64] {
		all[i].Data = all[i].Data[:60]
	}
	require.NoError(t, q.Transmit(all[:64]))
	got := 0
	require.Eventually(t, func() bool {
		got += q.Reserve(all[got:])
		return got == 64
	}, 10*time.Second, time.Millisecond)
}

func TestHotPathAllocatesNothing(t *testing.T) {
	for name, o := range variants {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, twoQ)
			near := w.openNear(iobackend.Config{}, o)
			far := w.openFar(iobackend.Config{}, o)
			frames := make([]iobackend.Frame, 32)
			turn := func() {
				q, p := near.Queue(0), far.Queue(0)
				n := q.Reserve(frames)
				for i := range frames[:n] {
					frames[i].Data = frames[i].Data[:datagram(frames[i].Data, farDst, 1, 80)]
				}
				_ = q.Transmit(frames[:n])
				n, _, _ = p.Receive(frames)
				for i := range frames[:n] {
					if p.HandOver(frames[i], 1) {
						frames[i].Data = nil
					}
				}
				p.Release(frames[:n])
				n, _, _ = far.Queue(1).Receive(frames)
				far.Queue(1).Release(frames[:n])
				_ = p.Wait(p.Now() + time.Microsecond)
				far.Queue(1).Wake()
				_ = far.Queue(1).Wait(p.Now() + time.Hour)
			}
			require.Zero(t, testing.AllocsPerRun(200, turn))
			require.NotZero(t, far.Queue(0).Counters().HandedOver)
		})
	}
}
