package irlstack_test

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/netinfo"
	"myriad/iobackend"
	"myriad/iobackend/irlstack"
	"myriad/tcpclient"
)

func openStandIn(t *testing.T, s *irlstack.StandIn) tcpclient.Interface {
	t.Helper()
	c := openConfig()
	c.Interface = irlstack.NewPipe(t, s).Name
	device, err := irlstack.Open(c)
	require.NoError(t, err)
	return tcpclient.Interface{Device: device}
}

func TestTransferOverAPipe(t *testing.T) {
	s := &irlstack.StandIn{Far: far, Flags: irlstack.FlagChecksumOK, Features: irlstack.ReceiveChecksum | irlstack.TransmitChecksum}
	c := visitAll(t, openStandIn(t, s), 1, 3_000_000)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.GreaterOrEqual(t, uint64(s.Completed()), c.FramesSent, "a checksum was not left to the NIC")
	require.Zero(t, s.Bad().Total())
}

func TestThousandsOfConnectionsOverAPipe(t *testing.T) {
	s := &irlstack.StandIn{Far: far}
	c := visitAll(t, openStandIn(t, s), 10_000, 300)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.GreaterOrEqual(t, c.FramesSent, uint64(3*10_000))
	require.Zero(t, s.Bad().Total())
}

// The client opens the driver itself.
func TestTheClientOpensTheDriver(t *testing.T) {
	p := irlstack.NewPipe(t, &irlstack.StandIn{Far: far})
	visitAll(t, tcpclient.Interface{Name: p.Name, Backend: "irlstack"}, 100, 5000)
	require.Equal(t, []netip.Prefix{local}, p.Registered())
}

func TestTheClientSaysWhatIsWrong(t *testing.T) {
	list, err := net.Interfaces()
	require.NoError(t, err)
	for _, c := range []struct {
		in   tcpclient.Interface
		want error
		text string
	}{
		{tcpclient.Interface{Name: "no such interface"}, netinfo.ErrNoInterface, "netsh"},
		{tcpclient.Interface{Name: list[0].Name}, irlstack.ErrMissing, "install the IRLstack driver"},
		{tcpclient.Interface{Name: list[0].Name, Backend: "afxdp"}, iobackend.ErrNotSupported, "give irlstack"},
	} {
		c.in.Sources, c.in.GatewayMAC = []netip.Prefix{local}, farMAC[:]
		_, err := tcpclient.New(tcpclient.Config{Interfaces: []tcpclient.Interface{c.in}}, nil)
		require.ErrorIs(t, err, c.want)
		require.ErrorContains(t, err, c.text)
	}
}

// standInPipe, in the environment, makes of the test binary a stand-in on the
// pipe of that name.
const standInPipe = "MYRIAD_STANDIN_PIPE"

// TestStandInProcess is the stand-in's process, when it is asked to be.
func TestStandInProcess(t *testing.T) {
	name := os.Getenv(standInPipe)
	if name == "" {
		return
	}
	parent := make(chan struct{})
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1)) // until it ends
		close(parent)
	}()
	irlstack.ServePipes(t, name, func() *irlstack.StandIn {
		return &irlstack.StandIn{Far: far, RequestBytes: 8 << 20}
	}, parent)
}

// The driver is another process, which is killed in the midst of it.
func TestAStandInInAnotherProcess(t *testing.T) {
	name := irlstack.PipeName()
	process := exec.Command(os.Args[0], "-test.run=^TestStandInProcess$")
	process.Env = append(os.Environ(), standInPipe+"="+name)
	input, err := process.StdinPipe()
	require.NoError(t, err)
	defer input.Close()
	require.NoError(t, process.Start())
	defer process.Wait()
	defer process.Process.Kill()
	c := openConfig()
	c.Interface = name
	device, err := irlstack.Open(c)
	for end := time.Now().Add(20 * time.Second); errors.Is(err, irlstack.ErrMissing) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
		device, err = irlstack.Open(c)
	}
	require.NoError(t, err)
	v := newVisitor(1000, 300)
	v.killAt, v.kill = 500, func() { _ = process.Process.Kill() }
	client, err := tcpclient.New(clientConfig(tcpclient.Interface{Device: device}), func(*tcpclient.Worker) tcpclient.Handler { return v })
	require.NoError(t, err)
	require.NoError(t, client.Start())
	client.Wake(0)
	for end := time.Now().Add(30 * time.Second); client.Err() == nil && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.ErrorIs(t, client.Err(), iobackend.ErrDeviceGone)
	require.NoError(t, client.Close(t.Context()))
	require.GreaterOrEqual(t, v.echoed, 500)
}

// A driver that disappears under a running client ends its connections with an
// error that says so.
func TestTheDriverDisappearsUnderAClient(t *testing.T) {
	p := irlstack.NewPipe(t, &irlstack.StandIn{Far: far})
	v := newVisitor(50, 1<<20)
	client, err := tcpclient.New(clientConfig(tcpclient.Interface{Name: p.Name}), func(*tcpclient.Worker) tcpclient.Handler { return v })
	require.NoError(t, err)
	require.NoError(t, client.Start())
	time.Sleep(20 * time.Millisecond) // wherever it is by then
	p.Vanish()
	for end := time.Now().Add(20 * time.Second); client.Err() == nil && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	require.ErrorIs(t, client.Err(), iobackend.ErrDeviceGone)
	require.NoError(t, client.Close(t.Context()))
}
