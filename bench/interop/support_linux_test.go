package interop

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
	"myriad/iobackend/pcapfile"
	"myriad/tcpclient"
)

// patience ends a test that hangs; nothing that works comes near it.
const patience = 2 * time.Minute

// The addresses of every world.
var (
	nearPrefix    = netip.MustParsePrefix("10.76.0.1/24") // the near kernel's
	farPrefix     = netip.MustParsePrefix("10.77.0.2/24") // the far kernel's, behind a middle
	besidePrefix  = netip.MustParsePrefix("10.76.0.2/24") // the far kernel's, without one
	sourcesPrefix = netip.MustParsePrefix("10.78.0.0/24") // Myriad's
	targetsPrefix = netip.MustParsePrefix("10.79.0.0/24") // the far kernel's aliases
)

// target is the nth of the far kernel's aliases.
func target(n, port int) netip.AddrPort {
	a := targetsPrefix.Addr().As4()
	a[3] = byte(1 + n%250)
	return netip.AddrPortFrom(netip.AddrFrom4(a), uint16(port))
}

// world is near ─ far, or near ─ middle ─ far when frames are lost between.
type world struct {
	t                 *testing.T
	near, middle, far *testbed.Namespace
	gateway           netip.Addr
	backend           string
	negotiated        atomic.Uint64 // bit k: a connection to the transfer server had the options k
}

func newNamespace(t *testing.T) *testbed.Namespace {
	t.Helper()
	ns, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return ns
}

// newWorld joins two namespaces with a veth pair of two queues.
func newWorld(t *testing.T, backend string) *world {
	t.Helper()
	testbed.Require(t)
	w := &world{t: t, near: newNamespace(t), far: newNamespace(t), backend: backend}
	w.gateway = besidePrefix.Addr()
	_, err := testbed.Veth(w.near, w.far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2,
		NearAddr: nearPrefix, FarAddr: besidePrefix,
		Sources: []netip.Prefix{sourcesPrefix}, Targets: []netip.Prefix{targetsPrefix},
		XDPPassFar: true, DisableOffloads: true,
	})
	require.NoError(t, err)
	return w
}

// newLossyWorld has frames toward each end go through nftables statements.
func newLossyWorld(t *testing.T, backend string, towardNear, towardFar []string) *world {
	t.Helper()
	return newPathWorld(t, backend, testbed.PathConfig{TowardNear: towardNear, TowardFar: towardFar})
}

// newPathWorld is near ─ middle ─ far with what c says of frames and what
// becomes of them.
func newPathWorld(t *testing.T, backend string, c testbed.PathConfig) *world {
	t.Helper()
	testbed.Require(t)
	w := &world{t: t, near: newNamespace(t), middle: newNamespace(t), far: newNamespace(t), backend: backend}
	c.NearName, c.FarName, c.Queues = "near0", "far0", 2
	c.NearAddr, c.FarAddr = nearPrefix, farPrefix
	c.Sources, c.Targets = []netip.Prefix{sourcesPrefix}, []netip.Prefix{targetsPrefix}
	path, err := testbed.LossyPath(w.near, w.middle, w.far, c)
	require.NoError(t, err)
	w.gateway = path.Gateway
	return w
}

// interfaceConfig is the near end for a Client that opens it by name.
func (w *world) interfaceConfig() tcpclient.Interface {
	return tcpclient.Interface{Name: "near0", Backend: w.backend, Sources: []netip.Prefix{sourcesPrefix}}
}

// captured is interfaceConfig with everything that passes written to path.
func (w *world) captured(path string) tcpclient.Interface {
	w.t.Helper()
	open := afxdp.Open
	if w.backend == "afpacket" {
		open = afpacket.Open
	}
	var device iobackend.Device
	require.NoError(w.t, w.near.Do(func() (err error) {
		device, err = open(iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{sourcesPrefix}})
		return err
	}))
	file, err := os.Create(path)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { file.Close() })
	tapped, err := pcapfile.Wrap(device, file, pcapfile.Options{})
	require.NoError(w.t, err)
	return tcpclient.Interface{
		Name: "near0", Device: tapped, Sources: []netip.Prefix{sourcesPrefix},
		Gateway: w.gateway, OnLink: []netip.Prefix{nearPrefix.Masked()},
	}
}

// counter reads one of the far kernel's counters.
func (w *world) counter(name string) uint64 {
	w.t.Helper()
	all, err := w.far.Counters()
	require.NoError(w.t, err)
	return all[name]
}

// sysctl sets the far kernel's.
func (w *world) sysctl(key, value string) {
	w.t.Helper()
	require.NoError(w.t, w.far.Sysctl(key, value))
}

// content is the stream of bytes that a seed stands for.
func content(seed uint64) *rand.ChaCha8 {
	var s [32]byte
	for k := range 8 {
		s[k] = byte(seed >> (8 * k))
	}
	return rand.NewChaCha8(s)
}

// contentBytes are the first n bytes of it.
func contentBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	content(seed).Read(b)
	return b
}

// checker compares a stream with content, piece by piece.
type checker struct {
	want    *rand.ChaCha8
	at      int
	scratch [4096]byte
}

func newChecker(seed uint64) *checker { return &checker{want: content(seed)} }

func (c *checker) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k := min(len(p), len(c.scratch))
		c.want.Read(c.scratch[:k])
		for i, b := range c.scratch[:k] {
			if b != p[i] {
				return n, fmt.Errorf("byte %d is %#x, not %#x", c.at+i, p[i], b)
			}
		}
		c.at, n, p = c.at+k, n+k, p[k:]
	}
	return n, nil
}

// serve accepts until the test ends, each connection on a goroutine of its
// own.
func serve(w *world, port int, configure func(*net.TCPListener), f func(c *net.TCPConn)) {
	w.t.Helper()
	l, err := w.far.Listen("tcp4", fmt.Sprintf(":%d", port))
	require.NoError(w.t, err)
	if configure != nil {
		configure(l.(*net.TCPListener))
	}
	var wait sync.WaitGroup
	w.t.Cleanup(func() { l.Close(); wait.Wait() })
	wait.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(patience))
				f(c.(*net.TCPConn))
			})
		}
	})
}

// copyContent writes n bytes of content.
func copyContent(w io.Writer, seed uint64, n int64) error {
	_, err := io.CopyBuffer(w, io.LimitReader(content(seed), n), make([]byte, 64<<10))
	return err
}

// readCapture reads a whole capture.
func readCapture(t *testing.T, path string) []pcapfile.Frame {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer file.Close()
	frames, err := pcapfile.ReadAll(file)
	require.NoError(t, err)
	return frames
}

// runServer starts a server at the far end, in the foreground, and waits until
// it answers at a port. It ends with the test.
func runServer(w *world, cmd *exec.Cmd, port int) {
	w.t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(w.t, w.far.Start(cmd))
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if w.t.Failed() {
			w.t.Logf("%s said: %s", cmd.Path, output.String())
		}
	})
	for {
		c, err := w.far.DialContext(w.t.Context(), "tcp4", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-ended:
			w.t.Fatalf("%s ended: %s", cmd.Path, output.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
