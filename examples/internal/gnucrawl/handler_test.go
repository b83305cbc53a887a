package gnucrawl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/gnutella"
	"myriad/tcpclient"
)

// TestAnswersAllocateNothing has a worker's handler take the same reply in two
// pieces again and again.
func TestAnswersAllocateNothing(t *testing.T) {
	c, err := New(Options{
		Seeds: []gnutella.Address{1<<40 | 1}, Parallel: 4, NodesMax: 1000, Attempts: 1,
		Write: func([]byte) error { return nil },
	})
	require.NoError(t, err)
	h := &handler{crawl: c}
	c.handlers = []*handler{h}
	h.prepare(4)
	var list []string
	for i := range 30 {
		list = append(list, fmt.Sprintf("192.0.2.%d:6346", i+1))
	}
	head := "GNUTELLA/0.6 200 OK\r\nUser-Agent: x\r\nPeers: " + strings.Join(list, ", ") + "\r\nLeaves: " + strings.Join(list, ", ") + "\r\n\r\n"
	first, second := []byte(head[:500]), []byte(head[500:])
	const runs = 2000
	allocations := testing.AllocsPerRun(runs, func() {
		h.conns[1] = conn{state: asking}
		h.data(nil, &h.conns[1], &tcpclient.Event{User: 1, Data: first})
		h.data(nil, &h.conns[1], &tcpclient.Event{User: 1, Data: second})
		h.sending = 0
	})
	require.Zero(t, allocations, "but for a piece of records or edges now and then")
	require.Equal(t, leaving, h.conns[1].state)
	require.EqualValues(t, runs+1, c.byReason[OK].Load())
	require.Equal(t, 30, h.queue.len(), "each peer is wanted once")
	require.NoError(t, c.sink.close())
}

// TestNoAnswersAfterTheEnd has a head come when a crawl that was interrupted, or
// whose output failed, has handed over its last lines.
func TestNoAnswersAfterTheEnd(t *testing.T) {
	c, err := New(Options{
		Seeds: []gnutella.Address{1<<40 | 1}, Parallel: 1, NodesMax: 10, Attempts: 1,
		Write: func([]byte) error { return nil },
	})
	require.NoError(t, err)
	h := &handler{crawl: c}
	c.handlers = []*handler{h}
	h.prepare(1)
	c.stopping.Store(true)
	require.NoError(t, c.sink.close())
	h.conns[0] = conn{state: asking}
	h.data(nil, &h.conns[0], &tcpclient.Event{Data: []byte("GNUTELLA/0.6 200 OK\r\n\r\n")})
	require.Equal(t, ended, h.conns[0].state)
	require.Zero(t, c.byReason[OK].Load())
	require.Empty(t, h.lines.buf)
}
