package irlstack_test

import (
	"net"
	"net/netip"
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
	s := &irlstack.StandIn{Far: far, Flags: irlstack.FlagChecksumOK}
	c := visitAll(t, openStandIn(t, s), 1, 3_000_000)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
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

// A driver that disappears under a running client ends its connections with an
// error that says so.
func TestTheDriverDisappearsUnderAClient(t *testing.T) {
	p := irlstack.NewPipe(t, &irlstack.StandIn{Far: far})
	v := &visitor{t: t, want: 50, payload: make([]byte, 1<<20), left: map[tcpclient.ID]*visit{}, end: make(chan struct{})}
	client, err := tcpclient.New(tcpclient.Config{Interfaces: []tcpclient.Interface{{
		Name: p.Name, Sources: []netip.Prefix{local}, GatewayMAC: farMAC[:],
	}}}, func(*tcpclient.Worker) tcpclient.Handler { return v })
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
