package receive

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/iobackend/simlink"
)

// link is two ends without delay.
func link(t testing.TB) (a, b iobackend.Device) {
	l, err := simlink.New(simlink.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l.End(0), l.End(1)
}

func TestConfigIsRefused(t *testing.T) {
	_, b := link(t)
	good := Config{Device: b, Batch: 8, Held: 64, CPUs: 1, Valid: func([]byte) bool { return true }}
	for says, spoil := range map[string]func(c *Config){
		"Batch 0":      func(c *Config) { c.Batch = 0 },
		"Held 7":       func(c *Config) { c.Held = 7 },
		"Capacity -1":  func(c *Config) { c.Capacity = -1 },
		"Threshold -1": func(c *Config) { c.Threshold = -1 },
		"CPUs 0":       func(c *Config) { c.CPUs = 0 },
	} {
		c := good
		spoil(&c)
		_, err := Start(c)
		require.ErrorContains(t, err, says)
	}
}

// fake is a queue with frames in it, that counts what comes back.
type fake struct {
	iobackend.Queue
	pending, released, handed int
	room                      bool
}

func (f *fake) Receive(frames []iobackend.Frame) (int, time.Duration, error) {
	n := min(f.pending, len(frames))
	for i := range frames[:n] {
		frames[i].Data = []byte{1}
	}
	f.pending -= n
	return n, time.Second, nil
}
func (f *fake) Release(frames []iobackend.Frame) { f.released += len(frames) }
func (f *fake) HandOver(iobackend.Frame, int) bool {
	if f.room {
		f.handed++
	}
	return f.room
}
func (f *fake) Wait(time.Duration) error { return nil }

type fakeDevice struct{ iobackend.Device }

func (fakeDevice) Info() iobackend.Info {
	return iobackend.Info{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}}
}

// pair is two workers over fakes.
func pair(c Config) (*worker, *fake) {
	c.Device, c.Valid = fakeDevice{}, func(b []byte) bool { return b[0] == 1 }
	r := &Receiver{config: c}
	f := &fake{room: true}
	for k := range 2 {
		r.workers = append(r.workers, &worker{receiver: r, index: k, queue: f, rx: make([]iobackend.Frame, c.Batch), held: make([]iobackend.Frame, 0, 2*c.Held)})
	}
	return r.workers[0], f
}

// Beyond the threshold half of the difference goes to the other worker, and
// every frame is accounted for.
func TestWorkerHandsOver(t *testing.T) {
	c := Config{Batch: 64, Held: 64, Capacity: 1e-3, Threshold: 10}
	w, f := pair(c)
	f.pending = 40
	require.NoError(t, w.turn(&w.receiver.config))
	require.Equal(t, 20, f.handed)
	require.Equal(t, 20, w.waiting())
	require.EqualValues(t, 20, w.handedOver)

	// Not to one that holds the threshold itself, and not where there is no room.
	w.receiver.workers[1].holding.Store(10)
	f.pending = 5
	require.NoError(t, w.turn(&w.receiver.config))
	require.Equal(t, 25, w.waiting())
	w.receiver.workers[1].holding.Store(0)
	f.room = false
	require.NoError(t, w.turn(&w.receiver.config))
	require.Equal(t, 25, w.waiting())
	require.EqualValues(t, 20, w.handedOver)
}

// A worker without a limit takes all at once, and one with holds no more than it
// may.
func TestWorkerHoldsNoMoreThanItMay(t *testing.T) {
	c := Config{Batch: 16, Held: 32}
	w, f := pair(c)
	f.pending = 100
	for range 7 {
		require.NoError(t, w.turn(&w.receiver.config))
	}
	require.EqualValues(t, 100, w.taken.Load())
	require.Equal(t, 100, f.released)

	c.Capacity = 1e-3
	w, f = pair(c)
	f.pending = 100
	for range 5 {
		require.NoError(t, w.turn(&w.receiver.config))
	}
	require.Equal(t, 32, w.waiting())
	require.Equal(t, 68, f.pending)
	require.Zero(t, w.taken.Load())
}
