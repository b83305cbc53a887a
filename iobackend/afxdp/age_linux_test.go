package afxdp

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// withhold has no completion arrive any more: the queue sees a ring that stays
// empty.
func withhold(q *queue) (restore func()) {
	s := q.sockets[0]
	real := s.completion
	var index uint32
	s.completion = &ring[uint64]{entries: make([]uint64, len(real.entries)), producer: &index, consumer: &index, flags: &index}
	return func() { s.completion = real }
}

// Frames whose completion never comes are counted, and never handed out again;
// once half of them are kept, the device says so, and does not only fall silent.
func TestCompletionsThatNeverCome(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	d := w.openNear(iobackend.Config{SendFrames: 64}, Options{}).(*device)
	d.completionAge = 200 * time.Millisecond
	q := d.queues[0]
	turn := func() error {
		_, _, err := q.Receive(nil)
		return err
	}
	sendNumbered(t, q, farDst, 0, 8, 100)
	require.Eventually(t, func() bool { q.reap(); return len(q.free) == 64 }, noticed, time.Millisecond)

	restore := withhold(q)
	sendNumbered(t, q, farDst, 0, 10, 100)
	require.Eventually(t, func() bool {
		require.NoError(t, turn())
		return q.Counters().CompletionsLate == 10
	}, noticed, time.Millisecond)
	frames := make([]iobackend.Frame, 64)
	require.Equal(t, 54, q.Reserve(frames), "those that were kept are not used again")
	q.Release(frames[:54])

	restore() // late, but they came
	require.Eventually(t, func() bool {
		require.NoError(t, turn())
		return q.Counters().CompletionsLate == 0
	}, noticed, time.Millisecond)

	restore = withhold(q)
	defer restore()
	sendNumbered(t, q, farDst, 0, 32, 100)
	require.Eventually(t, func() bool { return errors.Is(turn(), iobackend.ErrStuck) }, noticed, time.Millisecond)
}

// While the link is down, frames may wait for as long as it takes.
func TestCompletionsMayWaitForTheLink(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	d := w.openNear(iobackend.Config{SendFrames: 64}, Options{}).(*device)
	d.completionAge = 50 * time.Millisecond
	d.watch.link.Close() // the test says what the link is like
	d.watch.link = nil
	q := d.queues[0]
	defer withhold(q)()
	d.watch.down.Store(true)
	sendNumbered(t, q, farDst, 0, 40, 100)
	for range 20 {
		_, _, err := q.Receive(nil)
		require.NoError(t, err)
		time.Sleep(10 * time.Millisecond)
	}
	require.Zero(t, q.Counters().CompletionsLate)
}

// A fill ring that ran empty, since all frames were borrowed, costs what came
// meanwhile, which is counted, and nothing after.
func TestFillRingEmpty(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	near := w.openNear(iobackend.Config{ReceiveFrames: 64}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	q := near.Queue(0)
	sendNumbered(t, far.Queue(0), nearDst, 0, 64, 100)
	held := receiveSome(t, q, 64)
	sendNumbered(t, far.Queue(0), nearDst, 64, 20, 100)
	require.Eventually(t, func() bool {
		n, _, err := q.Receive(make([]iobackend.Frame, 1))
		require.NoError(t, err)
		require.Zero(t, n)
		c := q.Counters()
		return c.DropFillEmpty+c.DropRingFull >= 20
	}, noticed, time.Millisecond)
	q.Release(held)
	sendNumbered(t, far.Queue(0), nearDst, 84, 64, 100)
	q.Release(receiveSome(t, q, 64))
}
