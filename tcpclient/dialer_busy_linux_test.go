package tcpclient

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkDialerBesideComputing has goroutines that never pause beside the
// connections, so many for each processor: how long a reply takes to come, and what
// the peer, the kernel, sends again because of that. Beside a Dialer's, with and
// without threads for its workers, it measures the kernel's own connections. An
// iteration is a second.
func BenchmarkDialerBesideComputing(b *testing.B) {
	for _, each := range []int{0, 1, 2, 4} {
		for _, over := range []string{"parked", "threads", "net"} {
			b.Run(fmt.Sprintf("%d/%s", each, over), func(b *testing.B) { besideComputing(b, each, over) })
		}
	}
}

func besideComputing(b *testing.B, each int, over string) {
	w := newDeviceWorld(b, &Dialer{Threads: over == "threads"})
	pair := func() (net.Conn, *net.TCPConn) {
		if over != "net" {
			return w.endless()
		}
		return w.kernelPair(b)
	}
	asker, echoer := pair()
	go io.Copy(echoer, echoer)
	reader, sender := pair()
	var received atomic.Int64
	go func() {
		for buffer := make([]byte, 64<<10); ; {
			n, err := reader.Read(buffer)
			received.Add(int64(n))
			if err != nil {
				return
			}
		}
	}()
	go func() {
		for bytes := make([]byte, 64<<10); ; time.Sleep(time.Millisecond) { // 64 MB/s at most
			if _, err := sender.Write(bytes); err != nil {
				return
			}
		}
	}()
	defer compute(each * runtime.NumCPU())()
	echoes, sends := seen(b, echoer), seen(b, sender)
	var took []time.Duration
	began, before := time.Now(), received.Load()
	for buffer := make([]byte, 100); b.Loop(); {
		for second := time.Now(); time.Since(second) < time.Second; {
			asked := time.Now()
			_, err := asker.Write(buffer)
			require.NoError(b, err)
			_, err = io.ReadFull(asker, buffer)
			require.NoError(b, err)
			took = append(took, time.Since(asked))
		}
	}
	b.ReportMetric(float64(received.Load()-before)/1e6/time.Since(began).Seconds(), "MB/s")
	slices.Sort(took)
	for name, share := range map[string]float64{"p50-ms": 0.5, "p99-ms": 0.99, "max-ms": 1} {
		b.ReportMetric(took[int(share*float64(len(took)-1))].Seconds()*1e3, name)
	}
	b.ReportMetric(float64(seen(b, echoer).Total_retrans-echoes.Total_retrans), "echoes-again")
	sent := seen(b, sender)
	b.ReportMetric(float64(sent.Total_retrans-sends.Total_retrans), "segments-again")
	b.ReportMetric(float64(sent.Segs_out-sends.Segs_out), "segments")
	b.ReportMetric(float64(sent.Rtt)/1e3, "rtt-ms")
	b.ReportMetric(0, "ns/op")
}

// kernelPair is endless over the kernel's TCP at both ends.
func (w *dialWorld) kernelPair(b *testing.B) (net.Conn, *net.TCPConn) {
	l := w.listen()
	c, err := w.near.DialContext(b.Context(), "tcp4", l.Addr().String())
	require.NoError(b, err)
	b.Cleanup(func() { c.Close() })
	peer, err := l.Accept()
	require.NoError(b, err)
	b.Cleanup(func() { peer.Close() })
	return c, peer.(*net.TCPConn)
}

// compute keeps count goroutines busy until the function it returns is called.
func compute(count int) (stop func()) {
	var over atomic.Bool
	var running sync.WaitGroup
	for range count {
		running.Go(func() {
			for x := uint64(1); !over.Load(); {
				for range 1 << 20 {
					x = x*6364136223846793005 + 1442695040888963407
				}
			}
		})
	}
	return func() { over.Store(true); running.Wait() }
}

// seen is what the kernel knows of c.
func seen(b *testing.B, c *net.TCPConn) (info *unix.TCPInfo) {
	raw, err := c.SyscallConn()
	require.NoError(b, err)
	var failed error
	err = raw.Control(func(fd uintptr) {
		info, failed = unix.GetsockoptTCPInfo(int(fd), unix.SOL_TCP, unix.TCP_INFO)
	})
	require.NoError(b, errors.Join(err, failed))
	return info
}
