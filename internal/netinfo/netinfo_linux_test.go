package netinfo

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
)

func TestLookupKnowsAddressesRoutesAndQueues(t *testing.T) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer near.Close()
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer far.Close()
	pair, err := testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2, MTU: 1400,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"),
		FarAddr:  netip.MustParsePrefix("10.77.0.2/24"),
		Targets:  []netip.Prefix{netip.MustParsePrefix("10.79.0.0/16")},
	})
	require.NoError(t, err)
	require.NoError(t, near.AddLocalRoute(netip.MustParsePrefix("10.90.0.0/16")))
	require.NoError(t, near.AddRoute(netip.Prefix{}, netip.MustParseAddr("10.77.0.9"), "near0"))
	_, err = near.DialContext(t.Context(), "tcp4", "10.77.0.2:9") // resolves the neighbour
	require.ErrorIs(t, err, unix.ECONNREFUSED)

	require.NoError(t, near.Do(func() error {
		in, err := Lookup("near0")
		require.NoError(t, err)
		require.Equal(t, pair.NearIndex, in.Index)
		require.Equal(t, pair.NearMAC, in.HardwareAddr)
		require.Equal(t, "veth", in.Kind)
		require.Equal(t, 1400, in.MTU)
		require.Equal(t, [2]int{2, 2}, [2]int{in.ReceiveQueues, in.TransmitQueues})
		require.Zero(t, in.XDPProgram)

		hop := func(s string) string {
			a, ok := in.NextHop(netip.MustParseAddr(s))
			require.True(t, ok)
			return a.String()
		}
		require.Equal(t, "10.77.0.77", hop("10.77.0.77"))
		require.Equal(t, "10.77.0.2", hop("10.79.1.1"))
		require.Equal(t, "10.77.0.9", hop("192.0.2.1"))
		_, ok := in.NextHop(netip.MustParseAddr("2001:db8::1"))
		require.False(t, ok)

		for p, want := range map[string]bool{
			"10.77.0.1/32": true, "10.77.0.0/16": true, "10.90.4.0/24": true, "127.0.0.2/32": true,
			"10.77.0.3/32": false, "10.91.0.0/16": false,
		} {
			_, owned := in.KernelOwns(netip.MustParsePrefix(p))
			require.Equal(t, want, owned, p)
		}
		mac, ok, err := in.Neighbour(netip.MustParseAddr("10.77.0.2"))
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, pair.FarMAC, mac)
		_, ok, err = in.Neighbour(netip.MustParseAddr("10.77.0.200"))
		require.NoError(t, err)
		require.False(t, ok)
		return nil
	}))
}

func TestLookupRefusesByName(t *testing.T) {
	testbed.Require(t)
	ns, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer ns.Close()
	other, err := testbed.NewNamespace()
	require.NoError(t, err)
	defer other.Close()
	_, err = testbed.Veth(ns, other, testbed.VethConfig{NearName: "near0", FarName: "far0"})
	require.NoError(t, err)
	require.NoError(t, ns.SetDown("near0"))
	require.NoError(t, ns.Do(func() error {
		_, err := Lookup("nosuch0")
		require.ErrorIs(t, err, ErrNoInterface)
		require.ErrorContains(t, err, `"nosuch0"`)
		_, err = Lookup("near0")
		require.ErrorIs(t, err, ErrDown)
		require.ErrorContains(t, err, "ip link set near0 up")
		return nil
	}))
}
