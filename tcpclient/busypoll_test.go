package tcpclient

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/iobackend/simlink"
)

// sleepless tells when its only queue's worker went to sleep first.
type sleepless struct {
	iobackend.Device
	queue sleeplessQueue
}

func (d *sleepless) Queue(int) iobackend.Queue { return &d.queue }

type sleeplessQueue struct {
	iobackend.Queue
	turns  atomic.Int64
	asleep chan time.Duration
}

func (q *sleeplessQueue) Receive(frames []iobackend.Frame) (int, time.Duration, error) {
	q.turns.Add(1)
	return q.Queue.Receive(frames)
}

func (q *sleeplessQueue) Wait(until time.Duration) error {
	select {
	case q.asleep <- q.Now():
	default:
	}
	return q.Queue.Wait(until)
}

// startSleepless starts a client that has nothing to do, and returns when.
func startSleepless(t *testing.T, poll time.Duration) (*sleepless, time.Duration) {
	end := simlink.EndConfig{}
	link, err := simlink.New(simlink.Config{RealTime: true, Ends: []simlink.EndConfig{end, end}})
	require.NoError(t, err)
	d := &sleepless{Device: link.End(0)}
	d.queue.Queue, d.queue.asleep = link.End(0).Queue(0), make(chan time.Duration, 1)
	client, err := New(Config{
		BusyPoll: poll, ConnectionsMax: 16, Unpinned: true,
		Interfaces: []Interface{{
			Device: d, Sources: []netip.Prefix{netip.MustParsePrefix("10.1.0.1/32")},
			GatewayMAC: link.End(1).Info().HardwareAddr,
		}},
	}, func(*Worker) Handler { return nothing{} })
	require.NoError(t, err)
	began := d.queue.Now()
	require.NoError(t, client.Start())
	t.Cleanup(func() {
		require.NoError(t, client.Close(context.Background()), "also while it polls")
		require.NoError(t, link.End(1).Close())
	})
	return d, began
}

// A worker with nothing to do looks for as long as BusyPoll says, then sleeps.
func TestBusyPollComesBeforeSleep(t *testing.T) {
	const poll = 30 * time.Millisecond
	d, began := startSleepless(t, poll)
	select {
	case at := <-d.queue.asleep:
		require.GreaterOrEqual(t, at-began, poll)
	case <-time.After(patience):
		require.Fail(t, "it never slept")
	}
}

// One that polls for longer than anything takes never sleeps.
func TestBusyPollWithoutEnd(t *testing.T) {
	d, _ := startSleepless(t, time.Hour)
	before := d.queue.turns.Load()
	require.Eventually(t, func() bool { return d.queue.turns.Load() > before+1000 }, patience, time.Millisecond)
	require.Empty(t, d.queue.asleep)
}
