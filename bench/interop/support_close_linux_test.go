package interop

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/tcpclient"
)

// Close waits for the last connections of a worker, whose frames arrive at the
// queues of others too, which have nothing left of their own.
func TestCloseServesEveryQueueToTheEnd(t *testing.T) {
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			w := newWorld(t, backend)
			// What is sent again stays at its queue (since Linux 5.18).
			_ = w.far.Sysctl("net/core/txrehash", "0")
			serve(w, transferPort, nil, func(c *net.TCPConn) {
				_, _ = io.Copy(io.Discard, c)
				time.Sleep(100 * time.Millisecond)
			})
			crew := newCrew(w, tcpclient.Config{})
			const count = 30
			openOn(t, crew, 0, count)
			require.Eventually(t, func() bool { return crew.client.Stats().Connected == count }, patience, time.Millisecond)
			ctx, cancel := context.WithTimeout(t.Context(), patience/4)
			defer cancel()
			require.NoError(t, crew.client.Close(ctx))
			s := crew.client.Stats()
			require.EqualValues(t, count, s.Closed, "%+v", s)
		})
	}
}

// openOn has one worker open connections to the transfer server.
func openOn(t *testing.T, c *crew, worker, count int) {
	t.Helper()
	results := make(chan []tcpclient.Opened, 1)
	require.NoError(t, c.client.Do(worker, func(w *tcpclient.Worker) {
		opens := make([]tcpclient.Open, count)
		for k := range opens {
			opens[k].Remote = target(k, transferPort)
		}
		opened := make([]tcpclient.Opened, count)
		w.Open(opens, opened)
		results <- opened
	}))
	for _, r := range <-results {
		require.NoError(t, r.Err)
	}
}
