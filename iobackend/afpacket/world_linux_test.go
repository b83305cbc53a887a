package afpacket

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

// roleVariable is in the environment of a test binary that a test began.
const (
	roleVariable     = "AFPACKET_TEST_ROLE"
	roleUnprivileged = "unprivileged" // runs a test in a user namespace
	roleOpen         = "open"         // prints Open's error
)

func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) == roleOpen {
		_, err := Open(iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{ours}})
		fmt.Println(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The near kernel is 10.77.0.1, the far one 10.77.0.2; ours is 10.78.0.0/24.
var (
	ours    = netip.MustParsePrefix("10.78.0.0/24")
	ourAddr = netip.MustParseAddr("10.78.0.5")
	farAddr = netip.MustParseAddr("10.77.0.2")
)

type world struct {
	near, far *testbed.Namespace
	pair      *testbed.Pair
}

func requireNamespaces(t testing.TB) {
	if os.Getenv(roleVariable) != roleUnprivileged {
		testbed.Require(t)
	}
}

func newWorld(t testing.TB, change func(*testbed.VethConfig)) *world {
	t.Helper()
	requireNamespaces(t)
	w := &world{}
	var err error
	w.near, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { w.near.Close() })
	w.far, err = testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { w.far.Close() })
	c := testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"), FarAddr: netip.MustParsePrefix("10.77.0.2/24"),
		Sources: []netip.Prefix{ours},
	}
	if change != nil {
		change(&c)
	}
	w.pair, err = testbed.Veth(w.near, w.far, c)
	require.NoError(t, err)
	// A namespace inherits this from the machine's first one.
	require.NoError(t, w.near.Sysctl("net/ipv4/conf/near0/forwarding", "0"))
	// The far kernel need not ask for us by ARP.
	_, err = w.far.Run("ip", "neigh", "add", ourAddr.String(), "lladdr", w.pair.NearMAC.String(), "dev", "far0")
	require.NoError(t, err)
	return w
}

func (w *world) open(t testing.TB, c iobackend.Config) *Device {
	t.Helper()
	d, err := w.tryOpen(c)
	require.NoError(t, err)
	t.Cleanup(func() { d.Close() })
	return d.(*Device)
}

func (w *world) tryOpen(c iobackend.Config) (d iobackend.Device, err error) {
	if c.Interface == "" {
		c.Interface = "near0"
	}
	if c.Addresses == nil {
		c.Addresses = []netip.Prefix{ours}
	}
	if doErr := w.near.Do(func() error { d, err = Open(c); return nil }); doErr != nil {
		return nil, doErr
	}
	return d, err
}

// udp is a UDP packet from us to the far kernel.
func (w *world) udp(from, to uint16, payload []byte) []byte {
	f := make([]byte, 42+len(payload))
	copy(f, w.pair.FarMAC)
	copy(f[6:], w.pair.NearMAC)
	f[12] = 8
	ip := f[14:34]
	ip[0], ip[8], ip[9] = 0x45, 64, 17
	binary.BigEndian.PutUint16(ip[2:], uint16(len(f)-14))
	copy(ip[12:], ourAddr.AsSlice())
	copy(ip[16:], farAddr.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	binary.BigEndian.PutUint16(f[34:], from)
	binary.BigEndian.PutUint16(f[36:], to)
	binary.BigEndian.PutUint16(f[38:], uint16(8+len(payload)))
	copy(f[42:], payload)
	return f
}

func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	for sum > 0xFFFF {
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

func transmit(t testing.TB, q iobackend.Queue, packets ...[]byte) {
	t.Helper()
	frames := make([]iobackend.Frame, len(packets))
	require.Equal(t, len(packets), q.Reserve(frames))
	for i, p := range packets {
		frames[i].Data = frames[i].Data[:copy(frames[i].Data, p)]
		require.Len(t, frames[i].Data, len(p))
	}
	require.NoError(t, q.Transmit(frames))
}

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// receiveAll collects copies until enough says so.
func receiveAll(t testing.TB, q iobackend.Queue, enough func(got []iobackend.Frame) bool) (got []iobackend.Frame) {
	t.Helper()
	deadline := q.Now() + patience
	var frames [64]iobackend.Frame
	for !enough(got) {
		n, at, err := q.Receive(frames[:])
		require.NoError(t, err)
		for _, f := range frames[:n] {
			f.Data = append([]byte(nil), f.Data...)
			got = append(got, f)
		}
		q.Release(frames[:n])
		if n == 0 {
			require.Less(t, at, deadline, "received %d frames, then nothing", len(got))
			require.NoError(t, q.Wait(at+100*time.Millisecond))
		}
	}
	return got
}

func count(n int) func([]iobackend.Frame) bool {
	return func(got []iobackend.Frame) bool { return len(got) >= n }
}

// nothing makes sure that no frame comes: what w sends itself afterwards comes
// first.
func (w *world) nothingBefore(t testing.TB, q iobackend.Queue, far net.PacketConn) {
	t.Helper()
	w.farSends(t, far, ourAddr, 60000, []byte("mark"))
	got := receiveAll(t, q, count(1))
	require.Len(t, got, 1)
	require.Equal(t, "mark", string(got[0].Data[42:]))
}

func (w *world) farListen(t testing.TB, address string) net.PacketConn {
	t.Helper()
	c, err := w.far.ListenPacket("udp4", address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func (w *world) farSends(t testing.TB, c net.PacketConn, to netip.Addr, port uint16, payload []byte) {
	t.Helper()
	_, err := c.WriteTo(payload, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, port)))
	require.NoError(t, err)
}

// farSocket sends frames as they are from the far end.
func (w *world) farSocket(t testing.TB) (send func(frame []byte)) {
	t.Helper()
	var fd int
	require.NoError(t, w.far.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	to := &unix.SockaddrLinklayer{Ifindex: w.pair.FarIndex}
	return func(frame []byte) { require.NoError(t, unix.Sendto(fd, frame, 0, to)) }
}

// farIPv4 is a packet from the far end to us.
func (w *world) farIPv4(protocol byte, id uint16, payload []byte) []byte {
	f := make([]byte, 34+len(payload))
	copy(f, w.pair.NearMAC)
	copy(f[6:], w.pair.FarMAC)
	f[12] = 8
	ip := f[14:34]
	ip[0], ip[8], ip[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(ip[2:], uint16(len(f)-14))
	binary.BigEndian.PutUint16(ip[4:], id)
	copy(ip[12:], farAddr.AsSlice())
	copy(ip[16:], ourAddr.AsSlice())
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	copy(f[34:], payload)
	return f
}

// asNobody runs a test of this binary as nobody, in a user namespace.
func asNobody(t *testing.T, test string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "afpacket")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	binary := dir + "/test"
	require.NoError(t, os.WriteFile(binary, self, 0o755))
	const nobody = 65534
	cmd := exec.Command("unshare", "-Urn", binary, "-test.run=^"+test+"$", "-test.v")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), roleVariable+"="+roleUnprivileged)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), fmt.Sprintf("--- PASS: %s", test))
}
