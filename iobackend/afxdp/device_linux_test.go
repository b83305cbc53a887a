package afxdp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"myriad/internal/netinfo"
	"myriad/internal/testbed"
	"myriad/iobackend"
)

var (
	nearDst = netip.MustParseAddr("10.78.1.2")
	farDst  = netip.MustParseAddr("10.79.1.2")
	twoQ    = testbed.VethConfig{Queues: 2}
)

// variants are the ways to open a veth.
var variants = map[string]Options{
	"default":       {},
	"generic":       {Generic: true},
	"separate UMEM": {SeparateUMEM: true},
	"no timestamps": {NoTimestamps: true},
}

func TestBurstsArriveWholeAndInOrder(t *testing.T) {
	for name, o := range variants {
		t.Run(name, func(t *testing.T) { burstsArrive(t, iobackend.Config{}, o) })
	}
	t.Run("parking", func(t *testing.T) { burstsArrive(t, iobackend.Config{Park: true}, Options{}) })
	t.Run("busy polling", func(t *testing.T) { burstsArrive(t, iobackend.Config{BusyPoll: true}, Options{}) })
}

// burstsArrive has frames go to the far end and back.
func burstsArrive(t *testing.T, c iobackend.Config, o Options) {
	t.Helper()
	queues := 2
	if o.Generic {
		queues = 1 // a veth without native XDP forgets the queue
	}
	w := newWorld(t, testbed.VethConfig{Queues: queues})
	near := w.openNear(c, o)
	far := w.openFar(c, o)
	require.Equal(t, queues, near.Info().Queues)
	want := "afxdp native copy"
	if o.Generic {
		want = "afxdp generic copy"
	}
	require.Equal(t, want, near.Info().Method)
	number := uint64(0)
	for burst := 1; burst <= 33; burst++ {
		for index := range queues {
			sendNumbered(t, near.Queue(index), farDst, number, burst, 60+burst*40)
			bounce(t, far.Queue(index), number, burst)
			back := receiveSome(t, near.Queue(index), burst)
			for i, f := range back {
				require.Equal(t, number+uint64(i), requireDatagram(t, f.Data))
			}
			near.Queue(index).Release(back)
			number += uint64(burst)
		}
	}
	for index := range queues {
		c := near.Queue(index).Counters()
		require.Equal(t, uint64(33*34/2), c.FramesReceived)
		require.Equal(t, uint64(33*34/2), c.FramesSent)
		require.Equal(t, c.BytesReceived, c.BytesSent)
		require.Zero(t, c.DropFillEmpty+c.DropInvalid+c.DropRingFull+c.DropTransmit)
	}
}

// bounce receives a burst and sends it back to the near end.
func bounce(t *testing.T, q iobackend.Queue, first uint64, burst int) {
	t.Helper()
	in := receiveSome(t, q, burst)
	out := make([]iobackend.Frame, burst)
	require.Equal(t, burst, q.Reserve(out))
	for i := range in {
		require.Equal(t, first+uint64(i), requireDatagram(t, in[i].Data))
		out[i].Data = out[i].Data[:copy(out[i].Data, in[i].Data)]
		a := nearDst.As4()
		copy(out[i].Data[30:], a[:])
	}
	q.Release(in)
	require.NoError(t, q.Transmit(out))
}

func TestKernelSeesNothingOfUs(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 2, XDPPassFar: true})
	d := w.openNear(iobackend.Config{}, Options{})
	for _, way := range [][2]*testbed.Namespace{{w.near, w.far}, {w.far, w.near}} {
		address := nearKernel.Addr().String()
		if way[1] == w.far {
			address = farKernel.Addr().String()
		}
		echoTCP(t, way[0], way[1], address)
		pingUnanswered := pingOnce(t, way[0], address)
		require.False(t, pingUnanswered, "no echo reply from %s", address)
	}
	for i := range d.Info().Queues {
		require.Zero(t, d.Queue(i).Counters().FramesReceived)
	}
}

func echoTCP(t *testing.T, from, to *testbed.Namespace, address string) {
	t.Helper()
	l, err := to.Listen("tcp4", address+":0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp4", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	sent := bytes.Repeat([]byte("kernel "), 1<<17)
	go func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got))
}

// pingOnce sends an ICMP echo request and reports whether no reply came.
func pingOnce(t *testing.T, from *testbed.Namespace, address string) (lost bool) {
	t.Helper()
	c, err := from.ListenPacket("ip4:icmp", "0.0.0.0")
	require.NoError(t, err)
	defer c.Close()
	request := []byte{8, 0, 0xf7, 0xff - 1, 0, 0, 0, 1}
	_, err = c.WriteTo(request, &net.IPAddr{IP: net.ParseIP(address)})
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	b := make([]byte, 100)
	for {
		n, _, err := c.ReadFrom(b)
		if err != nil {
			return true
		}
		if n >= 8 && b[0] == 0 {
			return false
		}
	}
}

func TestEveryReceiveQueueIsBound(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 4})
	near := w.openNear(iobackend.Config{Queues: 2, ReceiveFrames: 64, SendFrames: 64}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	require.Equal(t, 2, near.Info().Queues)
	require.Equal(t, 4, far.Info().Queues)
	for round := range 20 { // more than the frames of a queue
		for index := range 4 {
			sendNumbered(t, far.Queue(index), nearDst, uint64(index), 10, 100)
		}
		for index := range 2 {
			q := near.Queue(index)
			got := receiveSome(t, q, 20)
			from := map[uint64]bool{}
			for _, f := range got {
				from[requireDatagram(t, f.Data)/10] = true
			}
			_ = round
			q.Release(got)
		}
	}
}

func TestDeviceGone(t *testing.T) {
	for name, park := range map[string]bool{"blocks": false, "parks": true} {
		t.Run(name, func(t *testing.T) { goneWhileWaiting(t, iobackend.Config{Park: park}) })
	}
}

func goneWhileWaiting(t *testing.T, c iobackend.Config) {
	t.Helper()
	w := newWorld(t, twoQ)
	d := w.openNear(c, Options{})
	q := d.Queue(0)
	require.NoError(t, q.Wait(q.Now()+time.Millisecond))
	waited := make(chan error)
	go func() {
		q := d.Queue(1)
		for {
			if err := q.Wait(q.Now() + time.Minute); err != nil {
				waited <- err
				return
			}
		}
	}()
	require.NoError(t, w.far.DeleteLink("far0"))
	require.ErrorIs(t, <-waited, iobackend.ErrDeviceGone)
	_, _, err := q.Receive(make([]iobackend.Frame, 4))
	require.ErrorIs(t, err, iobackend.ErrDeviceGone)
	frames := make([]iobackend.Frame, 1)
	q.Reserve(frames)
	require.ErrorIs(t, q.Transmit(frames), iobackend.ErrDeviceGone)
}

func TestDeviceGoneIsSeenBySpinningAndSending(t *testing.T) {
	w := newWorld(t, twoQ)
	d := w.openNear(iobackend.Config{}, Options{})
	require.NoError(t, w.far.DeleteLink("far0"))
	q := d.Queue(0)
	frames := make([]iobackend.Frame, 4)
	require.Eventually(t, func() bool {
		_, _, err := q.Receive(frames)
		return err != nil
	}, 30*time.Second, time.Nanosecond)
}

func TestLinkFlapLosesNothingOfOurs(t *testing.T) {
	w := newWorld(t, twoQ)
	near := w.openNear(iobackend.Config{}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	require.NoError(t, w.near.SetDown("near0"))
	sendNumbered(t, near.Queue(0), farDst, 0, 5, 100)
	require.NoError(t, w.near.SetUp("near0"))
	_, _, err := near.Queue(0).Receive(make([]iobackend.Frame, 1)) // kicks again
	require.NoError(t, err)
	far.Queue(0).Release(receiveSome(t, far.Queue(0), 5))
}

func TestClosedDevice(t *testing.T) {
	w := newWorld(t, twoQ)
	d := w.openNear(iobackend.Config{}, Options{})
	q := d.Queue(0)
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	_, _, err := q.Receive(make([]iobackend.Frame, 1))
	require.ErrorIs(t, err, iobackend.ErrClosed)
	require.ErrorIs(t, q.Transmit(make([]iobackend.Frame, 1)), iobackend.ErrClosed)
	require.ErrorIs(t, q.Wait(q.Now()+time.Second), iobackend.ErrClosed)
	require.Zero(t, q.Reserve(make([]iobackend.Frame, 1)))
	q.Wake()
	_ = q.Counters()
	w.openNear(iobackend.Config{}, Options{}) // nothing was left behind
}

// attached returns the XDP program on an interface, or 0.
func attached(t *testing.T, ns *testbed.Namespace, name string) (id uint32) {
	t.Helper()
	require.NoError(t, ns.Do(func() error {
		in, err := netinfo.Lookup(name)
		if err == nil {
			id = in.XDPProgram
		}
		return err
	}))
	return id
}

func TestKilledProcessLeavesNoProgram(t *testing.T) {
	w := newWorld(t, twoQ)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "AFXDP_ROLE=hold")
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, w.near.Start(cmd))
	var line [64]byte
	n, err := pipe.Read(line[:])
	require.NoError(t, err)
	require.Equal(t, "open: <nil>\n", string(line[:n]))
	require.NotZero(t, attached(t, w.near, "near0"))
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return attached(t, w.near, "near0") == 0 }, 10*time.Second, 10*time.Millisecond)
	w.openNear(iobackend.Config{}, Options{})
}

func TestOpenRefusesByName(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 2, XDPPassFar: true})
	good := iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}}
	cases := map[string]struct {
		change func(*iobackend.Config)
		ns     *testbed.Namespace
		want   []string
	}{
		"no interface":     {func(c *iobackend.Config) { c.Interface = "" }, w.near, []string{"Interface"}},
		"wrong interface":  {func(c *iobackend.Config) { c.Interface = "nosuch0" }, w.near, []string{`"nosuch0"`, "no such", "ip link"}},
		"no addresses":     {func(c *iobackend.Config) { c.Addresses = nil }, w.near, []string{"Addresses"}},
		"IPv6":             {func(c *iobackend.Config) { c.Addresses = []netip.Prefix{netip.MustParsePrefix("::1/128")} }, w.near, []string{"::1/128"}},
		"queues":           {func(c *iobackend.Config) { c.Queues = 3 }, w.near, []string{"Queues is 3", "2", "ethtool -L"}},
		"negative queues":  {func(c *iobackend.Config) { c.Queues = -1 }, w.near, []string{"Queues is -1"}},
		"receive frames":   {func(c *iobackend.Config) { c.ReceiveFrames = 100 }, w.near, []string{"ReceiveFrames is 100", "power of two"}},
		"send frames":      {func(c *iobackend.Config) { c.SendFrames = 1 << 30 }, w.near, []string{"SendFrames is 1073741824"}},
		"program is there": {func(c *iobackend.Config) { c.Interface = "far0" }, w.far, []string{`"far0"`, "XDP program", "ip link set far0 xdp off"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			require.NoError(t, c.ns.Do(func() error {
				_, err := Open(config)
				require.Error(t, err)
				for _, want := range c.want {
					require.ErrorContains(t, err, want)
				}
				return nil
			}))
		})
	}
	before := attached(t, w.far, "far0")
	require.NotZero(t, before, "the program that was there stays")
	d := w.openNear(iobackend.Config{}, Options{})
	require.NoError(t, w.near.Do(func() error {
		_, err := Open(good)
		require.ErrorContains(t, err, "XDP program")
		return nil
	}))
	require.NoError(t, d.Close())
	require.NoError(t, w.near.SetDown("near0"))
	require.NoError(t, w.near.Do(func() error {
		_, err := Open(good)
		require.ErrorIs(t, err, netinfo.ErrDown)
		return nil
	}))
}

func TestFallsBackToGenericMode(t *testing.T) {
	testbed.Require(t)
	ns, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer ns.Close()
	ours := netip.MustParsePrefix("10.99.0.0/16")
	d := open1(t, ns, iobackend.Config{Interface: "lo", Addresses: []netip.Prefix{ours}}, Options{})
	require.Equal(t, "afxdp generic copy", d.Info().Method)
	q := d.Queue(0)
	sendNumbered(t, q, netip.MustParseAddr("10.99.1.1"), 7, 3, 300) // what lo sends it receives
	got := receiveSome(t, q, 3)
	require.Equal(t, uint64(7), requireDatagram(t, got[0].Data))
	q.Release(got)
}

// A driver has many reasons, and error numbers, to refuse native mode.
func TestFallsBackToGenericModeWhenThePeersMTUIsLarger(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{})
	require.NoError(t, w.far.Do(func() error {
		far, err := netlink.LinkByName("far0")
		require.NoError(t, err)
		return netlink.LinkSetMTU(far, 9000)
	}))
	d := open1(t, w.near, iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}}, Options{})
	require.Equal(t, "afxdp generic copy", d.Info().Method)
}

func TestJumboPacketsComeInPieces(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1, MTU: 9000})
	near := w.openNear(iobackend.Config{}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	whole := make([]byte, 9014)
	datagram(whole, farDst, 42, len(whole))
	q, p := near.Queue(0), far.Queue(0)
	for range 3000 { // several times round the rings
		frames := make([]iobackend.Frame, 3)
		require.Equal(t, 3, q.Reserve(frames))
		rest := whole
		for i := range frames {
			frames[i].Data = frames[i].Data[:copy(frames[i].Data, rest)]
			rest = rest[len(frames[i].Data):]
			frames[i].More = len(rest) > 0
		}
		require.NoError(t, q.Transmit(frames))
		var joined []byte
		batch := make([]iobackend.Frame, 8)
		for len(joined) == 0 {
			n, _, err := p.Receive(batch)
			require.NoError(t, err)
			for i, f := range batch[:n] {
				joined = append(joined, f.Data...)
				require.Equal(t, i < n-1, f.More)
			}
			if n == 0 {
				require.NoError(t, p.Wait(p.Now()+time.Second))
			}
			p.Release(batch[:n])
		}
		require.True(t, bytes.Equal(whole, joined), fmt.Sprint(len(joined)))
	}
}

func TestTimestampsEndWhereTheDeviceHasNone(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1})
	near := w.openNear(iobackend.Config{}, Options{})
	far := w.openFar(iobackend.Config{}, Options{})
	first := attached(t, w.near, "near0")
	q := near.Queue(0)
	last := time.Duration(0)
	for i := range 3 * stampTrial / 64 {
		sendNumbered(t, far.Queue(0), nearDst, uint64(i)*64, 64, 100)
		frames := receiveSome(t, q, 64)
		for j, f := range frames {
			require.Equal(t, uint64(i*64+j), requireDatagram(t, f.Data))
		}
		q.Release(frames)
		_, at, err := q.Receive(frames)
		require.NoError(t, err)
		require.GreaterOrEqual(t, at, last)
		last = at
	}
	require.Eventually(t, func() bool { return attached(t, w.near, "near0") != first }, 10*time.Second, time.Millisecond)
}

// The frames' memory has large pages asked for under it.
func TestFramesAskForLargePages(t *testing.T) {
	w := newWorld(t, testbed.VethConfig{Queues: 1, XDPPassFar: true})
	d := w.openNear(iobackend.Config{}, Options{}).(*device)
	asked, err := testbed.AsksForLargePages(d.umem)
	require.NoError(t, err)
	require.True(t, asked)
}
