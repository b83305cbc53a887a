package afxdp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

var (
	nearKernel = netip.MustParsePrefix("10.77.0.1/24")
	farKernel  = netip.MustParsePrefix("10.77.0.2/24")
	nearOurs   = netip.MustParsePrefix("10.78.0.0/16")
	farOurs    = netip.MustParsePrefix("10.79.0.0/16")
)

// TestMain lets the test binary play the child that is killed.
func TestMain(m *testing.M) {
	switch os.Getenv("AFXDP_ROLE") {
	case "hold":
		holdDevice()
	case "live":
		sendForever()
	case "try":
		_, err := Open(iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}})
		fmt.Println("open:", err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// holdDevice opens the device and waits to be killed.
func holdDevice() {
	_, err := Open(iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}})
	fmt.Println("open:", err)
	time.Sleep(time.Minute)
	os.Exit(0)
}

// world is a veth pair between two namespaces.
type world struct {
	t         testing.TB
	near, far *testbed.Namespace
	pair      *testbed.Pair
}

func newWorld(t testing.TB, c testbed.VethConfig) *world {
	t.Helper()
	c.DisableOffloads = true
	return newOffloadingWorld(t, c)
}

// newOffloadingWorld is one in which both ends pass checksums on unfinished.
func newOffloadingWorld(t testing.TB, c testbed.VethConfig) *world {
	t.Helper()
	testbed.Require(t)
	w := &world{t: t}
	var err error
	w.near, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.near.Close() })
	w.far, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.far.Close() })
	c.NearName, c.FarName = "near0", "far0"
	c.NearAddr, c.FarAddr = nearKernel, farKernel
	c.Sources = []netip.Prefix{nearOurs}
	w.pair, err = testbed.Veth(w.near, w.far, c)
	require.NoError(t, err)
	return w
}

// open opens an end until the test is over.
func open1(t testing.TB, ns *testbed.Namespace, c iobackend.Config, o Options) iobackend.Device {
	t.Helper()
	var d iobackend.Device
	require.NoError(t, ns.Do(func() (err error) {
		d, err = OpenWith(c, o)
		return err
	}))
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func (w *world) openNear(c iobackend.Config, o Options) iobackend.Device {
	w.t.Helper()
	c.Interface, c.Addresses = "near0", []netip.Prefix{nearOurs}
	return open1(w.t, w.near, c, o)
}

func (w *world) openFar(c iobackend.Config, o Options) iobackend.Device {
	w.t.Helper()
	c.Interface, c.Addresses = "far0", []netip.Prefix{farOurs}
	return open1(w.t, w.far, c, o)
}

// datagram writes a UDP packet in an Ethernet frame, with a number and filling
// that follows from it, and returns its length.
func datagram(b []byte, dst netip.Addr, number uint64, size int) int {
	clear(b[:42])
	copy(b[6:], []byte{2, 0, 0, 0, 0, 1})
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip := b[14:]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(size-14))
	copy(ip[12:], []byte{10, 1, 2, 3})
	a := dst.As4()
	copy(ip[16:], a[:])
	binary.BigEndian.PutUint16(ip[24:], uint16(size-34))
	binary.BigEndian.PutUint64(b[42:], number)
	for i := 50; i < size; i++ {
		b[i] = byte(number) + byte(i)
	}
	return size
}

// requireDatagram checks what datagram wrote and returns the number.
func requireDatagram(t testing.TB, b []byte) uint64 {
	t.Helper()
	require.GreaterOrEqual(t, len(b), 50)
	number := binary.BigEndian.Uint64(b[42:])
	for i := 50; i < len(b); i++ {
		if b[i] != byte(number)+byte(i) {
			require.Failf(t, "wrong byte", "frame %d, byte %d of %d", number, i, len(b))
		}
	}
	return number
}

// sendNumbered transmits count datagrams to dst, in one call if the device
// lets.
func sendNumbered(t testing.TB, q iobackend.Queue, dst netip.Addr, first uint64, count, size int) {
	t.Helper()
	frames := make([]iobackend.Frame, count)
	for sent := 0; sent < count; {
		n := q.Reserve(frames[:count-sent])
		for i := range frames[:n] {
			frames[i].Data = frames[i].Data[:datagram(frames[i].Data, dst, first+uint64(sent+i), size)]
		}
		require.NoError(t, q.Transmit(frames[:n]))
		sent += n
	}
}

// receiveSome waits for frames until there are count, or ten seconds passed.
func receiveSome(t testing.TB, q iobackend.Queue, count int) []iobackend.Frame {
	t.Helper()
	frames := make([]iobackend.Frame, count)
	got, give := 0, q.Now()+10*time.Second
	for got < count && q.Now() < give {
		n, _, err := q.Receive(frames[got:])
		require.NoError(t, err)
		got += n
		if n == 0 {
			require.NoError(t, q.Wait(q.Now()+50*time.Millisecond))
		}
	}
	require.Equal(t, count, got, "frames received: %+v", q.Counters())
	return frames
}
