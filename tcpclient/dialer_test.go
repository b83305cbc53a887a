package tcpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/errno"
	"myriad/iobackend"
)

// dialError checks that err is what the kernel's dialer would have made of it.
func dialError(t testing.TB, err error, remote string) *net.OpError {
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.Equal(t, "dial", op.Op)
	require.Equal(t, "tcp", op.Net)
	if remote != "" {
		require.Equal(t, remote, op.Addr.String())
	}
	require.Nil(t, op.Source)
	return op
}

func TestDialRefused(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		remote := w.refuse()
		c, err := w.dialer.Dial("tcp", remote.String())
		require.Nil(w.t, c)
		require.ErrorIs(w.t, err, syscall.ECONNREFUSED)
		dialError(w.t, err, remote.String())
		require.False(w.t, isTimeout(err))
		require.EqualError(w.t, err, fmt.Sprintf("dial tcp %v: connect: %v", remote, errno.Refused))
	})
}

func TestDialDeadline(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		remote := netip.AddrPortFrom(w.silent, 80)
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		_, err := w.dialer.DialContext(ctx, "tcp", remote.String())
		dialError(t, err, remote.String())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		require.True(t, isTimeout(err))
		_, err = w.dialer.DialContext(ctx, "tcp", remote.String())
		require.ErrorIs(t, err, context.DeadlineExceeded, "over before it began")
	})
}

func TestDialTimeoutField(t *testing.T) {
	set := func(d *Dialer) { d.Timeout = 50 * time.Millisecond }
	inEachWorld(t, set, func(w *dialWorld) {
		_, err := w.dialer.DialAddrPort(context.Background(), netip.AddrPortFrom(w.silent, 80))
		require.ErrorIs(w.t, err, os.ErrDeadlineExceeded)
		require.True(w.t, isTimeout(err))
	})
}

// A dial given up leaves nothing behind.
func TestDialCanceled(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(20*time.Millisecond, cancel)
		_, err := w.dialer.DialAddrPort(ctx, netip.AddrPortFrom(w.silent, 80))
		dialError(t, err, "")
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, isTimeout(err))
		w.nothingOpen()
	})
}

// nothingOpen waits until no worker knows of a connection any more.
func (w *dialWorld) nothingOpen() {
	if w.fake == nil {
		require.Eventually(w.t, func() bool { return w.dialer.Stats().ConnectionsOpen == 0 }, patience, time.Millisecond)
		return
	}
	for _, worker := range w.fake.workers {
		count := make(chan [2]int)
		require.Eventually(w.t, func() bool {
			worker.do(func() { count <- [2]int{len(worker.conns), len(worker.handler.conns) - len(worker.handler.free)} })
			return <-count == [2]int{}
		}, patience, time.Millisecond)
	}
}

func TestDialWithoutRoute(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		_, err := w.dialer.DialAddrPort(context.Background(), netip.AddrPortFrom(w.farAway, 80))
		dialError(w.t, err, "")
		require.ErrorIs(w.t, err, syscall.ENETUNREACH)
		require.ErrorIs(w.t, err, ErrNoRoute)
	})
}

// Nobody answers ARP for the address.
func TestDialNobodyThere(t *testing.T) {
	w := newDeviceWorld(t, &Dialer{Timeout: patience})
	_, err := w.dialer.DialAddrPort(context.Background(), netip.AddrPortFrom(w.silent, 80))
	dialError(t, err, "")
	require.ErrorIs(t, err, syscall.EHOSTUNREACH)
}

// Every reason reaches the one who dials as the error of ordinary code.
func TestDialReasons(t *testing.T) {
	for reason, want := range map[Reason]error{
		Refused: syscall.ECONNREFUSED, TimedOut: syscall.ETIMEDOUT, Unreachable: syscall.EHOSTUNREACH,
		DeadlineExceeded: os.ErrDeadlineExceeded, NoMemory: syscall.ENOMEM, DeviceGone: syscall.ENETDOWN,
		Shutdown: net.ErrClosed,
	} {
		t.Run(reason.String(), func(t *testing.T) {
			w := newFakeWorld(t, &Dialer{})
			time.AfterFunc(5*time.Millisecond, func() { w.failAll(reason) })
			_, err := w.dialer.DialAddrPort(context.Background(), netip.AddrPortFrom(w.silent, 80))
			dialError(t, err, "")
			require.ErrorIs(t, err, want)
			require.Equal(t, reason == TimedOut || reason == DeadlineExceeded, isTimeout(err))
			w.nothingOpen()
		})
	}
}

// failAll has every connection end.
func (w *dialWorld) failAll(reason Reason) {
	for _, worker := range w.fake.workers {
		worker.do(func() {
			for _, c := range worker.conns {
				worker.event(Event{Conn: c.id, User: c.user, Kind: Failed, Reason: reason})
				c.end(true)
			}
		})
	}
}

// A worker that is full is no reason to give up while another has room.
func TestDialAsksEveryWorker(t *testing.T) {
	w := newFakeWorld(t, &Dialer{})
	l := w.listen()
	go echo(l)
	refuse := func(index int, err error) {
		worker, done := w.fake.workers[index], make(chan struct{})
		worker.do(func() { worker.refuse = err; close(done) })
		<-done
	}
	refuse(0, ErrFull)
	for range 4 {
		c, err := w.dialer.Dial("tcp", l.Addr().String())
		require.NoError(t, err)
		require.NoError(t, c.Close())
	}
	refuse(1, ErrFull)
	_, err := w.dialer.Dial("tcp", l.Addr().String())
	dialError(t, err, "")
	require.ErrorIs(t, err, ErrFull)
}

func TestDialBadAddresses(t *testing.T) {
	d := &Dialer{} // it never starts
	for address, want := range map[string]string{
		"10.0.0.1":         "missing port",
		":80":              "missing host",
		"10.0.0.1:70000":   "invalid port",
		"[2001:db8::1]:80": "only IPv4",
	} {
		_, err := d.Dial("tcp", address)
		dialError(t, err, "")
		require.ErrorContains(t, err, want)
	}
	for _, network := range []string{"udp", "tcp6", ""} {
		_, err := d.Dial(network, "10.0.0.1:80")
		var unknown net.UnknownNetworkError
		require.ErrorAs(t, err, &unknown)
	}
	_, err := d.DialAddrPort(context.Background(), netip.MustParseAddrPort("[2001:db8::1]:80"))
	require.ErrorIs(t, err, ErrInvalid)
}

// What the fields say is refused by name, by every dial, until it is right.
func TestDialerFieldsRefused(t *testing.T) {
	prefix := []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for want, d := range map[string]*Dialer{
		"ReadBuffer -1":     {Interface: "x", ReadBuffer: -1},
		"Timeout -1ns":      {Interface: "x", Timeout: -1},
		"Dialer.Sources":    {Sources: prefix},
		"Config.Interfaces": {Interface: "x", Config: Config{Interfaces: []Interface{{Name: "y"}}}},
		"Dialer.Threads":    {Threads: true, Config: Config{Interfaces: []Interface{{Name: "x"}, {Name: "y", Park: true}}}},
	} {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		_, err := d.DialAddrPort(ctx, netip.MustParseAddrPort("192.0.2.1:80"))
		cancel()
		dialError(t, err, "")
		require.ErrorContains(t, err, want)
		_, err = d.Client()
		require.ErrorContains(t, err, want)
		require.NoError(t, d.Close())
	}
}

// Workers park unless they are to have threads; what the caller set stays as it is.
func TestDialerParksItsWorkers(t *testing.T) {
	for _, d := range []*Dialer{
		{Interface: "x"}, {Interface: "x", Threads: true},
		{Config: Config{Interfaces: []Interface{{Name: "x"}, {Name: "y"}}}},
		{Config: Config{Interfaces: []Interface{{Name: "x"}, {Name: "y"}}}, Threads: true},
	} {
		cfg, err := d.config()
		require.NoError(t, err)
		require.NotEmpty(t, cfg.Interfaces)
		for _, in := range cfg.Interfaces {
			require.Equal(t, !d.Threads, in.Park)
		}
		for _, in := range d.Config.Interfaces {
			require.False(t, in.Park)
		}
	}
}

// Only workers with threads bring Ps for them.
func TestParkedWorkersLeaveGOMAXPROCS(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	newDeviceWorld(t, &Dialer{})
	require.Equal(t, before, runtime.GOMAXPROCS(0))
	w := newDeviceWorld(t, &Dialer{Threads: true})
	require.Equal(t, before+2, runtime.GOMAXPROCS(0), "two queues")
	require.NoError(t, w.dialer.Close())
	require.Equal(t, before, runtime.GOMAXPROCS(0))
}

// A worker that has ended is passed over; when all have, the dial says why.
func TestDialPassesOverFailedWorkers(t *testing.T) {
	w := newFakeWorld(t, &Dialer{})
	l := w.listen()
	go echo(l)
	end := func(index int) {
		worker := w.fake.workers[index]
		worker.do(worker.shutdown)
		<-worker.ended
	}
	end(0)
	for range 4 {
		require.NoError(t, w.askEcho(l.Addr().String(), noise(100)))
	}
	end(1)
	_, err := w.dialer.Dial("tcp", l.Addr().String())
	dialError(t, err, "")
	require.ErrorIs(t, err, ErrClosed)
}

// The device is removed while a connection stands.
func TestDeviceRemovedUnderDialer(t *testing.T) {
	w := newDeviceWorld(t, &Dialer{})
	c, _ := w.pair()
	require.NoError(t, w.near.DeleteLink("near0"))
	_, err := c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ENETDOWN)
	_, err = w.dialer.DialAddrPort(context.Background(), netip.AddrPortFrom(w.peer, 80))
	dialError(t, err, "")
	require.ErrorIs(t, err, iobackend.ErrDeviceGone)
	w.dialer.Close()
}

func TestDialTogether(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		l := w.listen()
		go echo(l)
		var group sync.WaitGroup
		for i := range 100 {
			group.Go(func() {
				if err := w.askEcho(l.Addr().String(), noise(1000+i)); err != nil {
					t.Errorf("connection %d: %v", i, err)
				}
			})
		}
		group.Wait()
	})
}

// askEcho sends want on a connection of its own, and reads it back to its end.
func (w *dialWorld) askEcho(address string, want []byte) error {
	c, err := w.dialer.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write(want); err != nil {
		return err
	}
	if err := c.(*Conn).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(c)
	if err == nil && !bytes.Equal(want, got) {
		err = errors.New("a byte is wrong")
	}
	return err
}

func TestDialerClose(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		c, peer := w.pair()
		go func() { // a peer that answers FIN with FIN
			io.Copy(io.Discard, peer)
			peer.Close()
		}()
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		dialed := make(chan error, 1)
		go func() {
			_, err := w.dialer.DialAddrPort(context.Background(), netip.AddrPortFrom(w.silent, 80))
			dialed <- err
		}()
		read := make(chan error, 1)
		go func() {
			_, err := c.Read(make([]byte, 1))
			read <- err
		}()
		time.Sleep(20 * time.Millisecond)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.dialer.Shutdown(ctx) // the silent one may have to be reset
		require.Error(t, <-read)
		require.ErrorIs(t, <-dialed, net.ErrClosed)
		require.NoError(t, w.dialer.Close(), "twice")

		_, err = w.dialer.Dial("tcp", "10.77.0.2:80")
		dialError(t, err, "")
		require.ErrorIs(t, err, net.ErrClosed)
		_, err = c.Write([]byte("x"))
		require.Error(t, err)
		require.NoError(t, c.Close())
	})
}

func TestDialerClosedUnused(t *testing.T) {
	var d Dialer
	require.Zero(t, d.Stats())
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	_, err := d.DialAddrPort(context.Background(), netip.MustParseAddrPort("192.0.2.1:80"))
	require.ErrorIs(t, err, net.ErrClosed)
}

// The zero value with an interface and a source starts with the first dial;
// what was wrong then may be put right.
func TestDialerStartsLazily(t *testing.T) {
	w := newDeviceWorld(t, &Dialer{})
	first, err := w.dialer.Client()
	require.NoError(t, err)
	w.pair()
	again, err := w.dialer.Client()
	require.NoError(t, err)
	require.Same(t, first, again)
	// Counters are published every few milliseconds.
	require.Eventually(t, func() bool { return w.dialer.Stats().Connected == 1 }, patience, time.Millisecond)
}

func TestDialFromLocal(t *testing.T) {
	local := netip.MustParseAddrPort("10.78.0.7:40000")
	w := newDeviceWorld(t, &Dialer{Local: local})
	_, peer := w.pair()
	require.Equal(t, local.String(), peer.RemoteAddr().String())
}
