package tcpclient

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/iobackend/simlink"
)

// Worker k runs on the k-th processor that the process may use, where there are
// as many; where there are fewer, or with Unpinned, on any.
func TestWorkersArePinned(t *testing.T) {
	for _, unpinned := range []bool{false, true} {
		link, err := simlink.New(simlink.Config{RealTime: true, Ends: []simlink.EndConfig{{Queues: 2}, {}}})
		require.NoError(t, err)
		c, err := New(Config{Unpinned: unpinned, Interfaces: []Interface{{
			Device: link.End(0), Sources: []netip.Prefix{scriptLocal}, GatewayMAC: net.HardwareAddr(scriptMAC[:]),
		}}}, func(*Worker) Handler { return nothing{} })
		require.NoError(t, err)
		all := processors(t)
		require.NoError(t, c.Start())
		for k := range 2 {
			want := all
			if !unpinned && len(all) >= 2 {
				want = all[k : k+1]
			}
			got := make(chan []int)
			require.NoError(t, c.Do(k, func(*Worker) { got <- processors(t) }))
			require.Equal(t, want, <-got)
		}
		require.NoError(t, c.Close(context.Background()))
	}
}

// processors are those that the calling thread may use.
func processors(t *testing.T) (all []int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var may unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		t.Error(err)
	}
	for cpu := range 1024 {
		if may.IsSet(cpu) {
			all = append(all, cpu)
		}
	}
	return all
}
