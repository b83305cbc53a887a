package tcpclient

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"myriad/internal/errno"
)

var (
	_ net.Conn  = (*Conn)(nil)
	_ net.Error = timeoutError{}
)

// noise is count bytes that repeat nowhere.
func noise(count int) []byte {
	b := make([]byte, count)
	rand.NewChaCha8([32]byte{byte(count)}).Read(b)
	return b
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func TestConnCarriesBothWays(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		require.Equal(t, peer.LocalAddr().String(), c.RemoteAddr().String())
		require.Equal(t, peer.RemoteAddr().String(), c.LocalAddr().String())
		require.IsType(t, &net.TCPAddr{}, c.LocalAddr())
		go io.Copy(peer, peer)
		want := noise(3 << 20)
		go func() {
			n, err := c.Write(want)
			if n != len(want) || err != nil {
				t.Errorf("Write: %d, %v", n, err)
			}
			c.CloseWrite()
		}()
		got := make([]byte, len(want))
		_, err := io.ReadFull(c, got)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "a byte is wrong")
	})
}

// CloseWrite ends our half only.
func TestHalfClose(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		_, err := c.Write([]byte("question"))
		require.NoError(t, err)
		require.NoError(t, c.CloseWrite())
		require.NoError(t, c.CloseWrite())
		_, err = c.Write([]byte("more"))
		require.ErrorIs(t, err, syscall.EPIPE)
		heard, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.Equal(t, "question", string(heard))

		_, err = peer.Write([]byte("answer"))
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		answer, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Equal(t, "answer", string(answer))
		_, err = c.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err, "the end stays the end")
		require.NoError(t, c.Close())
	})
}

// After the peer's FIN we may still send.
func TestWriteAfterPeersFIN(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		require.NoError(t, peer.CloseWrite())
		_, err := c.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		_, err = c.Write([]byte("late"))
		require.NoError(t, err)
		require.NoError(t, c.Close())
		heard, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.Equal(t, "late", string(heard))
	})
}

// Close sends what was written, in the background, and then FIN.
func TestCloseSendsWhatWasWritten(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		want := noise(48 << 10)
		_, err := c.Write(want)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		got, err := io.ReadAll(peer)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "a byte is wrong")
	})
}

func TestLingerZeroResets(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		require.NoError(t, c.SetLinger(0))
		require.NoError(t, c.Close())
		_, err := peer.Read(make([]byte, 1))
		require.ErrorIs(t, err, kernels(errno.Reset))
	})
}

// RFC 9293 §3.6.1: whoever closes with bytes unread tells the peer by RST.
func TestCloseWithUnreadBytesResets(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		_, err := peer.Write([]byte("never read"))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1)) // it has arrived
		require.NoError(t, err)
		require.NoError(t, c.Close())
		_, err = peer.Read(make([]byte, 1))
		require.ErrorIs(t, err, kernels(errno.Reset))
	})
}

// Bytes that arrive after Close are answered with RST too.
func TestBytesAfterCloseReset(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		require.NoError(t, c.Close())
		_, err := peer.Read(make([]byte, 1))
		require.Equal(t, io.EOF, err)
		require.Eventually(t, func() bool {
			_, err := peer.Write([]byte("too late"))
			return errors.Is(err, kernels(errno.Reset)) || errors.Is(err, kernels(errno.BrokenPipe))
		}, patience, time.Millisecond)
	})
}

func TestPeersResetIsECONNRESET(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		_, err := peer.Write([]byte("last"))
		require.NoError(t, err)
		got := make([]byte, 4)
		_, err = io.ReadFull(c, got[:2])
		require.NoError(t, err)
		require.NoError(t, peer.SetLinger(0))
		require.NoError(t, peer.Close())
		// What arrived before it is not lost.
		_, err = io.ReadFull(c, got[2:])
		require.NoError(t, err)
		require.Equal(t, "last", string(got))

		_, err = c.Read(got)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.False(t, isTimeout(err))
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.Equal(t, "read", op.Op)
		require.Equal(t, "tcp", op.Net)
		require.Equal(t, c.LocalAddr(), op.Source)
		require.Equal(t, c.RemoteAddr(), op.Addr)
		_, err = c.Write(got)
		require.ErrorIs(t, err, syscall.ECONNRESET)
		require.NoError(t, c.Close())
	})
}

func TestConnDeadlines(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		past := time.Now().Add(-time.Second)

		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err := c.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.True(t, isTimeout(err))

		// One set while Read waits wakes it.
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		time.AfterFunc(20*time.Millisecond, func() { c.SetReadDeadline(past) })
		_, err = c.Read(make([]byte, 1))
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)

		// A Write that nobody reads comes back with what was taken.
		much := make([]byte, 64<<20) // first, for it may take longer than the deadline
		n := 0
		for limit := time.Second; n == 0; limit *= 4 { // a busy machine may let the first pass unused
			require.Less(t, limit, patience)
			require.NoError(t, c.SetWriteDeadline(time.Now().Add(limit)))
			n, err = c.Write(much)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		}
		require.Less(t, n, len(much))

		// The connection outlives it all.
		require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
		_, err = peer.Write([]byte("x"))
		require.NoError(t, err)
		_, err = c.Read(make([]byte, 1))
		require.NoError(t, err)
		require.NoError(t, c.SetLinger(0))
	})
}

// A Write that waits, and one that waits for its turn, end with Close.
func TestCloseWakesReadersAndWriters(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, _ := w.pair()
		errs := make(chan error, 3)
		for range 2 {
			go func() {
				_, err := c.Write(make([]byte, 64<<20))
				errs <- err
			}()
		}
		go func() {
			_, err := c.Read(make([]byte, 1))
			errs <- err
		}()
		time.Sleep(50 * time.Millisecond)
		require.NoError(t, c.SetLinger(0))
		require.NoError(t, c.Close())
		for range 3 {
			require.ErrorIs(t, <-errs, net.ErrClosed)
		}
	})
}

func TestCallsAfterClose(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, _ := w.pair()
		require.NoError(t, c.Close())
		_, readErr := c.Read(nil)
		_, writeErr := c.Write(nil)
		for name, err := range map[string]error{
			"Close": c.Close(), "Read": readErr, "Write": writeErr, "CloseWrite": c.CloseWrite(),
			"SetDeadline": c.SetDeadline(time.Now()), "SetLinger": c.SetLinger(0),
		} {
			require.ErrorIs(t, err, net.ErrClosed, name)
			var op *net.OpError
			require.ErrorAs(t, err, &op, name)
		}
	})
}

// A reader that sleeps closes its own window and nobody else's, and holds no
// more than its bound.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	set := func(d *Dialer) { d.ReadBuffer = 64 << 10 }
	inEachWorld(t, set, func(w *dialWorld) {
		t := w.t
		slow, slowPeer := w.pair()
		want := noise(8 << 20)
		sent := make(chan error, 1)
		go func() {
			_, err := slowPeer.Write(want)
			slowPeer.CloseWrite()
			sent <- err
		}()
		held := func() int {
			slow.mu.Lock()
			defer slow.mu.Unlock()
			return slow.in.count
		}
		require.Eventually(t, func() bool { return held() >= 64<<10 }, patience, time.Millisecond)

		quick, quickPeer := w.pair()
		go io.Copy(quickPeer, quickPeer)
		for i := range 50 {
			_, err := quick.Write([]byte{byte(i)})
			require.NoError(t, err)
			got := []byte{0}
			_, err = io.ReadFull(quick, got)
			require.NoError(t, err)
			require.Equal(t, byte(i), got[0])
		}
		// Its window, and the batch in which the bound was reached.
		require.Less(t, held(), 64<<10+512<<10)
		select {
		case err := <-sent:
			t.Fatalf("the peer was not held up: %v", err)
		default:
		}
		got, err := io.ReadAll(slow)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), "a byte is wrong")
		require.NoError(t, <-sent)
	})
}

// With no memory left to hold a connection back it is ended, by name.
func TestPauseRefusedEndsTheConnection(t *testing.T) {
	d := &Dialer{ReadBuffer: 1}
	w := newFakeWorld(t, d)
	for _, worker := range w.fake.workers {
		worker.do(func() { worker.pauses = 0 })
	}
	c, peer := w.pair()
	_, err := peer.Write([]byte("much"))
	require.NoError(t, err)
	got, err := io.ReadAll(c)
	require.ErrorIs(t, err, syscall.ENOMEM)
	require.Equal(t, "much", string(got))
}

// A worker's queue of calls that is full, and send buffers that are, delay and
// lose nothing.
func TestFullIsNotLost(t *testing.T) {
	w := newFakeWorld(t, &Dialer{})
	for _, worker := range w.fake.workers {
		worker.full.Store(3)
	}
	c, peer := w.pair()
	for _, worker := range w.fake.workers {
		worker.do(func() { worker.sendFull = 3 })
	}
	_, err := c.Write([]byte("patient"))
	require.NoError(t, err)
	got := make([]byte, 7)
	_, err = io.ReadFull(peer, got)
	require.NoError(t, err)
	require.Equal(t, "patient", string(got))
}

// A linger limit that passes resets what is left.
func TestLingerLimit(t *testing.T) {
	w := newFakeWorld(t, &Dialer{})
	c, peer := w.pair()
	require.NoError(t, c.SetLinger(1))
	require.NoError(t, c.Close())
	_, err := peer.Read(make([]byte, 1))
	require.Equal(t, io.EOF, err)
	require.Eventually(t, func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.ended
	}, patience, 10*time.Millisecond)
}

// Many goroutines, one connection, every method.
func TestConnMethodsTogether(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		c, peer := w.pair()
		go io.Copy(peer, peer)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for range 30 {
					c.SetDeadline(time.Now().Add(50 * time.Millisecond))
					c.Write(make([]byte, 100))
					c.Read(make([]byte, 50))
					c.LocalAddr()
					c.SetLinger(-1)
				}
			})
		}
		group.Wait()
	})
}

// Whoever writes takes the sleeping worker's turns, the worker those between: no
// byte may be lost or change places by that, and no wake-up.
func TestConnsInTurns(t *testing.T) {
	inEachWorld(t, nil, connsInTurns)
	t.Run("threads", func(t *testing.T) { connsInTurns(newDeviceWorld(t, &Dialer{Threads: true})) })
}

func connsInTurns(w *dialWorld) {
	l := w.listen()
	go echo(l)
	var group sync.WaitGroup
	for k := range 6 {
		group.Go(func() {
			c, err := w.dialer.Dial("tcp", l.Addr().String())
			if !assert.NoError(w.t, err) {
				return
			}
			defer c.Close()
			c.SetDeadline(time.Now().Add(patience))
			for n := range 150 {
				want := noise(1 + (n*n*(k+1))%9000)
				_, err := c.Write(want)
				assert.NoError(w.t, err)
				got := make([]byte, len(want))
				_, err = io.ReadFull(c, got)
				if !assert.NoError(w.t, err) || !assert.True(w.t, bytes.Equal(want, got), "a byte is wrong") {
					return
				}
			}
		})
	}
	group.Wait()
}

func TestUnreadQueue(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var u unread
	var model []byte
	for range 2000 {
		if random.IntN(2) == 0 {
			b := noise(random.IntN(3 * unreadBlock))
			u.put(b)
			model = append(model, b...)
		} else {
			p := make([]byte, random.IntN(4*unreadBlock))
			n := u.take(p)
			require.Equal(t, min(len(p), len(model)), n)
			require.True(t, bytes.Equal(model[:n], p[:n]))
			model = model[n:]
		}
		require.Equal(t, len(model), u.count)
		require.LessOrEqual(t, len(u.blocks), len(model)/unreadBlock+2)
	}
	u.clear()
	require.Zero(t, u.count)
	require.Empty(t, u.blocks)
}

// A read and a write in the steady state take no memory.
func TestConnSteadyStateTakesNoMemory(t *testing.T) {
	var u unread
	data, p := make([]byte, 1460), make([]byte, 1460)
	u.put(data)
	u.take(p)
	require.Zero(t, testing.AllocsPerRun(1000, func() { u.put(data); u.take(p) }))
}

// TestReadProgressesOrWaits: a Read returns bytes or an error, and never
// neither.
func TestReadProgressesOrWaits(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		p := make([]byte, 10)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		n, err := c.Read(p)
		require.Zero(t, n)
		require.True(t, isTimeout(err))
		require.NoError(t, c.SetReadDeadline(time.Time{}))
		_, err = peer.Write([]byte("hello"))
		require.NoError(t, err)
		n, err = c.Read(p)
		require.NoError(t, err)
		require.Positive(t, n)
	})
}

// What connections that nobody reads hold together is bounded, and none of them
// waits for ever: all are read to the end, one after the other.
func TestUnreadOfAllConnectionsIsBounded(t *testing.T) {
	const connections, each, memory = 24, 300 << 10, 512 << 10
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		handlers := w.dialer.handlers
		for _, h := range handlers {
			if w.fake == nil {
				require.EqualValues(t, 64<<20/len(handlers)/unreadBlock, h.holding.most, "BufferMemory's default")
			}
			// Only here: the stack's own buffers are not to run out.
			h.holding.limit(memory / len(handlers))
		}
		want := noise(each)
		sent := make(chan error, connections)
		var all []*Conn
		for range connections {
			c, peer := w.pair()
			all = append(all, c)
			go func() {
				_, err := peer.Write(want)
				sent <- errors.Join(err, peer.CloseWrite())
			}()
		}
		held := func() (unread int64, back uint64) {
			for _, h := range handlers {
				unread += h.holding.blocks.Load() * unreadBlock
				back += h.holding.held.Load()
			}
			return unread, back
		}
		// Each has something to read and is paused, by its share of the memory.
		require.Eventually(t, func() bool {
			for _, c := range all {
				c.mu.Lock()
				paused := c.paused
				c.mu.Unlock()
				if !paused {
					return false
				}
			}
			return true
		}, patience, time.Millisecond)
		unread, back := held()
		require.NotZero(t, back)
		// Beyond it, what a connection's first window let through.
		require.LessOrEqual(t, unread, int64(memory+connections*(64<<10+unreadBlock)))
		require.Less(t, unread, int64(connections*each/2))
		if w.fake == nil {
			require.NotZero(t, w.dialer.Stats().Counters["unread_held_back"])
		}
		for _, c := range all {
			got, err := io.ReadAll(c)
			require.NoError(t, err)
			require.True(t, bytes.Equal(want, got), "a byte is wrong")
		}
		for range connections {
			require.NoError(t, <-sent)
		}
		unread, _ = held()
		require.Zero(t, unread, "all was given back")
	})
}
