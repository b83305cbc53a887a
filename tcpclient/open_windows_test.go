package tcpclient

import (
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
)

// What Windows knows of an interface is used: its routes, and the gateway's
// hardware address, so that nobody has to be asked for it.
func TestWindowsTellsTheWay(t *testing.T) {
	name := os.Getenv("MYRIAD_INTERFACE")
	if name == "" {
		t.Skip("MYRIAD_INTERFACE names no interface with the gateway 10.77.0.2 at 02:00:00:00:00:77")
	}
	in := Interface{Name: name, Sources: []netip.Prefix{netip.MustParsePrefix("10.77.0.128/25")}}
	var o opened
	require.NoError(t, o.ask(&in))
	link, err := simlink.New(simlink.Config{})
	require.NoError(t, err)
	o.device = link.End(0)
	l, err := newLink(&in, o, 64)
	require.NoError(t, err)
	gateway := netip.MustParseAddr("10.77.0.2")
	next, routed := l.routes.NextHop(netip.MustParseAddr("198.51.100.7").As16())
	require.True(t, routed)
	require.Equal(t, gateway.As16(), next)
	mac, known := l.neighbors.Lookup(next)
	require.True(t, known)
	require.Equal(t, [6]byte{2, 0, 0, 0, 0, 0x77}, mac)

	in.Sources[0] = netip.MustParsePrefix("10.77.0.0/24")
	require.ErrorContains(t, new(opened).ask(&in), "Windows' own")
}
