package irlstack

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
)

func TestPipeFramesGoDownAndUp(t *testing.T) {
	p, d, q := openPipe(t, &StandIn{Far: echo, Flags: FlagChecksumOK, Features: featureReceiveChecksum})
	require.Equal(t, testAddresses, p.Registered())
	require.Equal(t, 1514, d.Info().FrameBytes)
	for round := range 100 {
		size := 14 + round*15
		sendFrames(t, q, 10, size)
		frames := receiveFrames(t, q, 10)
		for k, f := range frames {
			require.Equal(t, frameOf(size, byte(k)), f.Data)
			require.True(t, f.ChecksumOK)
		}
		q.Release(frames)
	}
	require.Zero(t, q.Counters().DropInvalid+q.Counters().DropTransmit)
	require.Zero(t, p.Bad().Total())
}

func TestPipeShortReadsAndTornBuffers(t *testing.T) {
	p, d, q := openPipe(t, &StandIn{})
	whole := bufferOf(60, 60, 60)
	require.NoError(t, p.Up(whole[:Stride(60)]))
	require.NoError(t, p.Up(whole[:len(whole)-70]))
	require.NoError(t, p.Up(make([]byte, 1<<17))) // longer than a read, and zeroes
	for range 30 {                                // every read buffer goes round
		require.NoError(t, p.Up(whole))
		f := receiveFrames(t, q, 3)
		q.Release(f)
	}
	f := d.Faults()
	require.Equal(t, uint64(1), f.Torn)
	require.NotZero(t, f.Version)
}

func TestPipeDriverDisappears(t *testing.T) {
	p, d, q := openPipe(t, &StandIn{})
	p.Freeze()
	sendFrames(t, q, 3, 60)
	sendFrames(t, q, 3, 60)
	p.Vanish()
	f := make([]iobackend.Frame, 8)
	var err error
	for end := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(end); {
		if _, _, err = q.Receive(f); err == nil {
			err = q.Wait(q.Now() + 100*time.Millisecond)
		}
	}
	require.ErrorIs(t, err, iobackend.ErrDeviceGone)
	n := q.Reserve(f)
	require.ErrorIs(t, q.Transmit(f[:n]), iobackend.ErrDeviceGone)
	require.NoError(t, d.Close())
	require.Zero(t, d.queue.reading+d.queue.writes, "requests were left behind")
}

func TestPipeCloseWithRequestsOutstanding(t *testing.T) {
	p, d, q := openPipe(t, &StandIn{})
	p.Freeze()
	for range 8 {
		sendFrames(t, q, 2, 1400)
	}
	require.NotZero(t, d.queue.reading)
	require.NoError(t, d.Close())
	require.Zero(t, d.queue.reading+d.queue.writes)
	require.NoError(t, d.Close())
	q.Wake()
	_, _, err := q.Receive(make([]iobackend.Frame, 1))
	require.ErrorIs(t, err, iobackend.ErrClosed)
}

func TestPipeWakeEndsWait(t *testing.T) {
	_, _, q := openPipe(t, &StandIn{})
	done := make(chan error)
	go func() { done <- q.Wait(q.Now() + time.Hour) }()
	q.Wake()
	require.NoError(t, <-done)
	require.NoError(t, q.Wait(q.Now()-time.Second))

	q.Wake() // and another call comes between
	_, _, err := q.Receive(nil)
	require.NoError(t, err)
	require.NoError(t, q.Wait(q.Now()+time.Hour))
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	c := testConfig()
	c.Interface = devicePath
	_, err := Open(c)
	require.ErrorIs(t, err, ErrMissing)
	require.ErrorContains(t, err, `\\.\IRLstack: the driver is not there: install the IRLstack driver and start it`)

	p, _, _ := openPipe(t, &StandIn{})
	c.Interface = p.Name
	_, err = Open(c)
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorContains(t, err, "end that program")

	p = NewPipe(t, &StandIn{Version: 2})
	c.Interface = p.Name
	_, err = Open(c)
	require.ErrorIs(t, err, ErrVersion)

	p = NewPipe(t, &StandIn{Refuse: testAddresses[0].Addr()})
	c.Interface = p.Name
	_, err = Open(c)
	require.ErrorIs(t, err, ErrRefused)
	require.ErrorContains(t, err, "10.1.0.0/24")
}

// Go's own clock moves in steps of up to 15 ms on Windows. The smallest of many
// counts, since others want the processor too.
func TestClockMovesInSmallSteps(t *testing.T) {
	smallest := time.Hour
	for last, count := now(), 0; count < 1000; count++ {
		next := now()
		for next == last {
			next = now()
		}
		require.Greater(t, next, last)
		smallest, last = min(smallest, next-last), next
	}
	require.Less(t, smallest, time.Millisecond)
}

func TestHandleAllocatesNothing(t *testing.T) {
	_, _, q := openPipe(t, &StandIn{})
	frames := make([]iobackend.Frame, 4)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		n, _, _ := q.Receive(frames)
		q.Release(frames[:n])
	}))
}
