package tcpclient

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
)

// goroutine names the calling goroutine.
func goroutine() string {
	text := make([]byte, 64)
	return strings.Fields(string(text[:runtime.Stack(text, false)]))[1]
}

// callers notes on which goroutine each worker's calls come.
type callers struct {
	mu   sync.Mutex
	seen map[int]map[string]int // calls by worker and goroutine
}

func (c *callers) note(w *Worker) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[w.Index()] == nil {
		c.seen[w.Index()] = map[string]int{}
	}
	c.seen[w.Index()][goroutine()]++
}

// witness is a Handler and an Opener that only notes who called.
type witness struct {
	all    *callers
	events chan int // how many came
}

func (h witness) Events(w *Worker, events []Event) {
	h.all.note(w)
	h.events <- len(events)
}

func (h witness) OpenMore(w *Worker, room int) { h.all.note(w) }

// Events, OpenMore and what Do is given are called on their worker's own
// goroutine, whoever asked for them.
func TestEachWorkerCallsOnItsOwnGoroutine(t *testing.T) {
	link, err := simlink.New(simlink.Config{RealTime: true, Ends: []simlink.EndConfig{{Queues: 2}, {}}})
	require.NoError(t, err)
	h := witness{&callers{seen: map[int]map[string]int{}}, make(chan int, 1000)}
	c, err := New(Config{Interfaces: []Interface{{
		Device:     link.End(0),
		Sources:    []netip.Prefix{scriptLocal},
		GatewayMAC: net.HardwareAddr(scriptMAC[:]),
	}}}, func(*Worker) Handler { return h })
	require.NoError(t, err)
	require.NoError(t, c.Start())
	require.Equal(t, 2, c.Workers())

	const askers, each = 4, 20
	var asked sync.WaitGroup
	for range askers {
		asked.Go(func() {
			for k := range each {
				open := []Open{{Remote: scriptRemote, Timeout: time.Millisecond}}
				if err := errors.Join(firstError(c, open), c.Do(k%2, h.all.note)); err != nil {
					t.Error(err) // and no require, on this goroutine
				}
			}
		})
	}
	asked.Wait()
	for failed := 0; failed < askers*each; {
		failed += <-h.events
	}
	require.NoError(t, c.Close(context.Background()))

	require.Len(t, h.all.seen, 2)
	names := map[string]bool{}
	for _, goroutines := range h.all.seen {
		require.Len(t, goroutines, 1)
		for name := range goroutines {
			names[name] = true
		}
	}
	require.Len(t, names, 2, "one each")
	require.NotContains(t, names, goroutine())
}

func firstError(c *Client, opens []Open) error {
	errs := make([]error, len(opens))
	c.Open(opens, errs)
	return errs[0]
}

// What is given to Send or Intern may be used again at once.
func TestWhatIsSentIsCopied(t *testing.T) {
	s := newScript(t, Config{})
	bytes := []byte("request")
	request, err := s.client.Intern(bytes)
	require.NoError(t, err)
	copy(bytes, "XXXXXXX")
	id := s.open(Open{Request: request})
	s.want(fSYN, 0, 0, "")
	s.synACK()
	s.want(fACK|fPSH, 1, 1, "request")
	s.send(fACK, 1, 8, "")

	var sent [1]Sent
	copy(bytes, "further")
	s.log.w.Send([]Send{{Conn: id, Data: bytes}}, sent[:])
	require.Equal(t, Sent{Count: 7}, sent[0])
	copy(bytes, "XXXXXXX")
	s.settle()
	s.want(fACK|fPSH, 8, 1, "further")
	s.pass(3 * time.Second)
	s.want(fACK|fPSH, 8, 1, "further") // and so when it is sent again
}

// A connection that the application resets has no last event, and its ID none
// that follows it in the same place.
func TestResetHasNoEventAndItsIDStaysDead(t *testing.T) {
	s := newScript(t, Config{ConnectionsMax: 1})
	id := s.establish(Open{})
	require.NoError(t, s.close(id, Reset))
	s.want(fRST|fACK, 1, 1, "")
	s.pass(2 * time.Second)
	require.Empty(t, s.log.events)
	next := s.establish(Open{})
	require.NotEqual(t, id, next)
	require.ErrorIs(t, s.close(id, Reset), ErrClosed)
	require.ErrorIs(t, s.write(id, "x").Err, ErrClosed)
	require.Empty(t, s.log.events)
	require.NoError(t, s.close(next, Reset))
}
