package tcpclient

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
)

// What a worker that does not come to its calls would have opened, its neighbour
// opens.
func TestNeighbourOpensForAWorkerThatIsKept(t *testing.T) {
	link, err := simlink.New(simlink.Config{RealTime: true, Ends: []simlink.EndConfig{{Queues: 2}, {}}})
	require.NoError(t, err)
	const opens = 40
	all := witness{&callers{seen: map[int]map[string]int{}}, make(chan int, opens)}
	c, err := New(Config{Interfaces: []Interface{{
		Device: link.End(0), Sources: []netip.Prefix{scriptLocal}, GatewayMAC: net.HardwareAddr(scriptMAC[:]),
	}}}, func(*Worker) Handler { return all })
	require.NoError(t, err)
	require.NoError(t, c.Start())
	defer c.Close(context.Background())
	kept, release := make(chan struct{}), make(chan struct{})
	require.NoError(t, c.Do(0, func(*Worker) { close(kept); <-release }))
	<-kept
	for range opens {
		require.NoError(t, firstError(c, []Open{{Remote: scriptRemote, Timeout: time.Millisecond}}))
		require.Eventually(t, func() bool { return c.workers[1].mail.waiting.Load() == 0 }, patience, 100*time.Microsecond)
	}
	require.LessOrEqual(t, c.workers[0].mail.waiting.Load(), int32(1))
	for ended := 0; ended < opens-1; {
		ended += <-all.events
	}
	close(release)
}

// Without a difference the workers take turns.
func TestOpensAreSpreadByTurns(t *testing.T) {
	link, err := simlink.New(simlink.Config{Ends: []simlink.EndConfig{{Queues: 2}, {}}})
	require.NoError(t, err)
	c, err := New(Config{Manual: true, Interfaces: []Interface{{
		Device: link.End(0), Sources: []netip.Prefix{scriptLocal}, GatewayMAC: net.HardwareAddr(scriptMAC[:]),
	}}}, func(*Worker) Handler { return nothing{} })
	require.NoError(t, err)
	require.NoError(t, c.Start())
	waiting := func() [2]int32 {
		return [2]int32{c.workers[0].mail.waiting.Load(), c.workers[1].mail.waiting.Load()}
	}
	for range 10 {
		require.NoError(t, firstError(c, []Open{{Remote: scriptRemote}}))
	}
	require.Equal(t, [2]int32{5, 5}, waiting())
	for range 20 {
		require.NoError(t, c.Do(0, func(*Worker) {}))
	}
	for range 18 {
		require.NoError(t, firstError(c, []Open{{Remote: scriptRemote}}))
	}
	require.Equal(t, [2]int32{25, 23}, waiting())
	c.Step()
	require.Equal(t, [2]int32{}, waiting())
	done, cancel := context.WithCancel(context.Background())
	cancel()
	c.Close(done)
}

func TestDialsGoToTheWorkerWithLessToDo(t *testing.T) {
	d := &Dialer{}
	newFakeDialer(t, d, 3)
	d.handlers[1].waiting.Store(4)
	var picked [3]int
	for range 6 {
		picked[d.pick().index]++
	}
	require.Equal(t, [3]int{2, 0, 4}, picked)
}
