package peers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// patience is for what takes milliseconds: it only ends a test that hangs.
const patience = 5 * time.Minute

// world is Myriad at one end of a link and netstack at the other.
type world struct {
	link   *simlink.Link
	dialer *tcpclient.Dialer
	server server
}

var far = netip.MustParseAddr("10.2.0.1")

const port = 80

type variant struct {
	name             string
	impair           simlink.Impairments
	sack, timestamps bool
}

// options names a choice of SACK and timestamps.
func (v variant) options() string {
	return fmt.Sprintf("%s/sack=%v/timestamps=%v", v.name, v.sack, v.timestamps)
}

func newWorld(t *testing.T, v variant) *world {
	t.Helper()
	w := &world{server: server{ended: make(chan error, 64)}}
	v.impair.Delay = max(v.impair.Delay, time.Millisecond)
	ends := []simlink.EndConfig{{Impairments: v.impair}, {Impairments: v.impair}}
	var err error
	w.link, err = simlink.New(simlink.Config{Seed: seed, RealTime: true, Ends: ends})
	require.NoError(t, err)
	near, remote := w.link.End(0), w.link.End(1)
	peer, err := NewNetstack(remote, Options{Address: far, SACK: v.sack, Peer: near.Info().HardwareAddr})
	require.NoError(t, err)
	require.NoError(t, peer.Serve(port, w.server.serve))
	w.dialer = &tcpclient.Dialer{Config: tcpclient.Config{
		Timestamps: v.timestamps, Unpinned: true, ConnectionsMax: 1024, SYNRetries: 10, DataRetries: 30,
		Interfaces: []tcpclient.Interface{{
			Device: near, Sources: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/28")},
			GatewayMAC: remote.Info().HardwareAddr,
		}},
	}}
	t.Cleanup(func() {
		_ = w.dialer.Close() // a test that failed may leave connections
		peer.Close()
		require.NoError(t, w.link.Close())
		require.Zero(t, w.link.Leaked(), "frames were never given back")
	})
	return w
}

// dial opens a connection and says what it is for.
func (w *world) dial(what byte, n int) (*tcpclient.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := w.dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(far, port).String())
	if err != nil {
		return nil, err
	}
	if err = c.SetDeadline(time.Now().Add(patience)); err == nil {
		_, err = c.Write(command(what, n))
	}
	return c.(*tcpclient.Conn), err
}

func (w *world) download(n int) error {
	c, err := w.dial(download, n)
	if err != nil {
		return err
	}
	defer c.Close()
	return expect(c, content(n))
}

// upload ends its own direction, and still hears the answer.
func (w *world) upload(n int) error {
	c, err := w.dial(upload, n)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err = c.Write(content(n)); err == nil {
		err = c.CloseWrite()
	}
	if err != nil {
		return err
	}
	return expect(c, fmt.Append(nil, n))
}

// echo has both directions full at once.
func (w *world) echo(n int) error {
	c, err := w.dial(echo, n)
	if err != nil {
		return err
	}
	defer c.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := c.Write(content(n))
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	if err = expect(c, content(n)); err != nil {
		return err
	}
	return <-sent
}

// expect reads to the end of the stream and compares.
func expect(c net.Conn, want []byte) error {
	got, err := io.ReadAll(c)
	switch {
	case err != nil:
		return fmt.Errorf("after %d bytes of %d: %w", len(got), len(want), err)
	case !bytes.Equal(got, want):
		return fmt.Errorf("%d bytes that are not the %d sent", len(got), len(want))
	}
	return nil
}

var wires = []variant{
	{name: "clean"},
	{name: "all", impair: simlink.Impairments{
		Loss: 0.02, Reorder: 0.05, ReorderDelay: 2 * time.Millisecond, Duplicate: 0.05, Corrupt: 0.01, Jitter: time.Millisecond,
	}},
}

// Every byte arrives through the Dialer's blocking calls, both ways, whatever
// the ends agree on. What else a wire may do, the virtual worlds try.
func TestTransfersWithNetstack(t *testing.T) {
	for _, v := range wires {
		for _, options := range [][2]bool{{true, true}, {true, false}, {false, true}, {false, false}} {
			v.sack, v.timestamps = options[0], options[1]
			t.Run(v.options(), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, v)
				w.moveAll(t, 0, 1, 1460, 20_000, 120_000)
				w.requireTrouble(t, &v.impair)
			})
		}
	}
}

// requireTrouble: the wire did what the test's name says, both ways.
func (w *world) requireTrouble(t *testing.T, i *simlink.Impairments) {
	for k := range 2 {
		fates := w.link.End(k).Fates()
		require.Equal(t, i.Loss > 0, fates.Lost > 0, "frames lost")
		require.Equal(t, i.Reorder > 0, fates.Reordered > 0, "frames reordered")
		require.Equal(t, i.Duplicate > 0, fates.Duplicated > 0, "frames duplicated")
	}
}

// moveAll downloads, uploads and echoes each of these sizes, all at once.
func (w *world) moveAll(t *testing.T, sizes ...int) {
	var group sync.WaitGroup
	for _, n := range sizes {
		for _, move := range []func(int) error{w.download, w.upload, w.echo} {
			group.Go(func() {
				if err := move(n); err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
			})
		}
	}
	group.Wait()
}

func TestNetstackResets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, variant{sack: true})
	c, err := w.dial(abort, 5000)
	require.NoError(t, err)
	defer c.Close()
	got, err := io.ReadAll(c)
	require.ErrorIs(t, err, syscall.ECONNRESET)
	require.True(t, bytes.HasPrefix(content(5000), got))
	_, err = w.dialer.Dial("tcp", netip.AddrPortFrom(far, port+1).String())
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestNetstackIsReset(t *testing.T) {
	t.Parallel()
	w := newWorld(t, variant{sack: true})
	c, err := w.dial(hold, 0)
	require.NoError(t, err)
	_, err = c.Write(content(1000))
	require.NoError(t, err)
	time.Sleep(20 * time.Millisecond) // let it be accepted; a RST before that is as good
	require.NoError(t, c.SetLinger(0))
	require.NoError(t, c.Close())
	select {
	case err = <-w.server.ended:
		require.True(t, err != nil && strings.Contains(err.Error(), "reset"), "%v", err)
	case <-time.After(patience):
		t.Fatal("netstack never heard of it")
	}
}
