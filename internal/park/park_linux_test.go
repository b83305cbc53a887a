package park

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// parkWorld is a Parker that waits for a pipe.
type parkWorld struct {
	*Parker
	t     *testing.T
	pipe  *os.File
	woken atomic.Bool // as queue.sleep says of a queue
}

func newParkWorld(t *testing.T) *parkWorld {
	from, to, err := os.Pipe()
	require.NoError(t, err)
	w := &parkWorld{t: t, pipe: to}
	w.Parker, err = New([]int{int(from.Fd())}, w.woken.Load)
	require.NoError(t, err)
	t.Cleanup(func() {
		w.Close()
		require.NoError(t, from.Close())
		require.NoError(t, to.Close())
	})
	return w
}

// waits has the wait end, and tells whether its limit had passed and after how
// long.
func (w *parkWorld) waits(limit time.Duration) (passed bool, took time.Duration) {
	began := time.Now()
	passed, err := w.Wait(limit, nil)
	require.NoError(w.t, err)
	w.woken.Store(false)
	return passed, time.Since(began)
}

// long is more than a test takes.
const long = time.Hour

func (w *parkWorld) wakeUp() {
	w.woken.Store(true)
	w.Wake()
}

func TestParkedWaitEndsByWhateverComesFirst(t *testing.T) {
	w := newParkWorld(t)
	time.AfterFunc(10*time.Millisecond, w.wakeUp)
	passed, _ := w.waits(long)
	require.False(t, passed, "woken")

	passed, took := w.waits(20 * time.Millisecond) // nearer than the timer was armed for
	require.True(t, passed)
	require.GreaterOrEqual(t, took, 20*time.Millisecond)

	time.AfterFunc(10*time.Millisecond, func() { w.pipe.Write([]byte{1}) })
	passed, _ = w.waits(long)
	require.False(t, passed, "readable")

	w.wakeUp() // before
	passed, _ = w.waits(long)
	require.False(t, passed, "woken before")
}

// The timer stays armed for a limit that nobody waits for any more; what it does
// then must not end another wait before its time.
func TestParkedWaitOutlastsALimitBefore(t *testing.T) {
	w := newParkWorld(t)
	for range 5 {
		w.wakeUp()
		passed, _ := w.waits(10 * time.Millisecond)
		require.False(t, passed)
		passed, took := w.waits(40 * time.Millisecond)
		for again := 0; !passed && again < 3; again++ { // of the wake-up before, if that comes late
			passed, took = w.waits(40 * time.Millisecond)
		}
		require.True(t, passed)
		require.GreaterOrEqual(t, took, 40*time.Millisecond)
	}
}

// No wake-up may be lost, whenever it comes: the wait after it would last.
func TestNoWakeOfAParkedWaitIsLost(t *testing.T) {
	w := newParkWorld(t)
	const wakes = 20_000
	var asked atomic.Bool
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range wakes {
			for !asked.CompareAndSwap(true, false) {
				time.Sleep(0)
			}
			w.wakeUp()
		}
	}()
	for k := range wakes {
		asked.Store(true)
		for woken := false; !woken; {
			passed, err := w.Wait(time.Minute, nil)
			require.NoError(t, err)
			require.False(t, passed, "wake-up %d was lost", k)
			woken = w.woken.Swap(false)
		}
	}
	<-ended
}

func TestParkedWaitGivesItsLockUp(t *testing.T) {
	w := newParkWorld(t)
	var lock sync.Mutex
	lock.Lock()
	time.AfterFunc(10*time.Millisecond, func() {
		lock.Lock() // or this never comes to wake
		defer lock.Unlock()
		w.wakeUp()
	})
	passed, err := w.Wait(long, &lock)
	require.NoError(t, err)
	require.False(t, passed)
	require.False(t, lock.TryLock(), "it is held again")

	passed, err = w.Wait(long, &lock) // woken still: nothing to wait for
	require.NoError(t, err)
	require.False(t, passed)
	require.False(t, lock.TryLock(), "it was never given up")
}
