package linklayer

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

func addr16(s string) [16]byte { return netip.MustParseAddr(s).As16() }

func TestRoutes_LongestPrefixWins(t *testing.T) {
	routes, err := NewRoutes([]Route{
		{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.0.0.1")},
		{netip.MustParsePrefix("10.0.0.9/24"), netip.Addr{}}, // host bits do not matter
		{netip.MustParsePrefix("10.0.0.128/25"), netip.MustParseAddr("10.0.0.2")},
		{netip.MustParsePrefix("10.0.0.129/32"), netip.MustParseAddr("10.0.0.3")},
		{netip.MustParsePrefix("2001:db8::/32"), netip.MustParseAddr("2001:db8::1")},
		{netip.MustParsePrefix("2001:db8::/96"), netip.Addr{}},
	})
	require.NoError(t, err)
	for destination, want := range map[string]string{
		"192.0.2.1":     "10.0.0.1",
		"10.0.0.77":     "10.0.0.77",
		"10.0.0.130":    "10.0.0.2",
		"10.0.0.129":    "10.0.0.3",
		"10.0.1.129":    "10.0.0.1",
		"2001:db8::9":   "2001:db8::9",
		"2001:db8:1::9": "2001:db8::1",
	} {
		hop, ok := routes.NextHop(addr16(destination))
		require.True(t, ok, destination)
		require.Equal(t, netip.MustParseAddr(want), netip.AddrFrom16(hop).Unmap(), destination)
	}
	hop, ok := routes.NextHop(addr16("2001:db8:8000::9"))
	require.True(t, ok)
	require.Equal(t, addr16("2001:db8::1"), hop)
	_, ok = routes.NextHop(addr16("2001:db9::"))
	require.False(t, ok, "IPv4's default route is not IPv6's")
	require.Zero(t, testing.AllocsPerRun(100, func() { routes.NextHop(ipB) }))
}

func TestRoutes_AgreesWithNetip(t *testing.T) {
	r := seeded.Rand(t)
	random := func() netip.Addr {
		a := Mapped(r.Uint32N(1 << 12))
		a[12] = 9
		return netip.AddrFrom16(a).Unmap()
	}
	var list []Route
	for range 60 {
		list = append(list, Route{netip.PrefixFrom(random(), r.IntN(33)), random()})
	}
	routes, err := NewRoutes(list)
	require.NoError(t, err)
	for range 2000 {
		destination := random()
		var want Route
		for _, l := range list {
			if l.Prefix.Contains(destination) && (!want.Prefix.IsValid() || l.Prefix.Bits() > want.Prefix.Bits()) {
				want = l
			}
		}
		hop, ok := routes.NextHop(destination.As16())
		require.Equal(t, want.Prefix.IsValid(), ok)
		if ok {
			require.Equal(t, want.Gateway.As16(), hop)
		}
	}
}

func TestRoutes_Refuses(t *testing.T) {
	four := netip.MustParsePrefix("10.0.0.0/8")
	for want, r := range map[string]Route{
		"Route.Prefix invalid Prefix is not valid":                                   {},
		"Route.Prefix ::ffff:10.0.0.0/104 is an IPv4":                                {Prefix: netip.PrefixFrom(netip.MustParseAddr("::ffff:10.0.0.0"), 104)},
		"Route.Gateway 2001:db8::1 of prefix 10.0.0.0/8":                             {four, netip.MustParseAddr("2001:db8::1")},
		"Route.Gateway 224.0.0.1 is a multicast address: a gateway is unicast":       {four, netip.MustParseAddr("224.0.0.1")},
		"Route.Gateway 255.255.255.255 is a broadcast address: a gateway is unicast": {four, netip.MustParseAddr("255.255.255.255")},
	} {
		_, err := NewRoutes([]Route{r})
		require.ErrorContains(t, err, want)
	}
	_, err := NewRoutes(make([]Route, RoutesMax+1))
	require.ErrorContains(t, err, "1025 routes exceed the limit of 1024")
}

func TestRFC16_OnlyUnicastIsConnectedTo(t *testing.T) {
	for address, want := range map[string]AddressClass{
		"10.0.0.1": Unicast, "1.0.0.0": Unicast, "126.255.255.255": Unicast, "128.0.0.1": Unicast,
		"223.255.255.255": Unicast, "0.0.0.0": Unspecified, "0.1.2.3": Unspecified,
		"127.0.0.1": Loopback, "127.255.255.255": Loopback, "224.0.0.0": Multicast,
		"239.255.255.255": Multicast, "240.0.0.0": Reserved, "255.255.255.254": Reserved,
		"255.255.255.255": Broadcast, "::": Unspecified, "::1": Loopback, "ff02::1": Multicast,
		"2001:db8::1": Unicast, "fe80::1": Unicast,
	} {
		a := netip.MustParseAddr(address)
		require.Equal(t, want, Classify(a.As16()), address)
		require.Equal(t, want == Unicast, IsUnicast(a.As16()), address)
		if a.Is4() {
			a16 := a.As16()
			require.Equal(t, want == Unicast, IsUnicast4(Number(&a16)), address)
		}
	}
	require.Equal(t, "multicast", Multicast.String())
	require.Equal(t, "unknown", AddressClass(99).String())
}

func TestIsDirectedBroadcast(t *testing.T) {
	subnet := netip.MustParsePrefix("10.1.2.0/23")
	require.True(t, IsDirectedBroadcast(addr16("10.1.3.255"), subnet))
	require.False(t, IsDirectedBroadcast(addr16("10.1.2.255"), subnet))
	require.False(t, IsDirectedBroadcast(addr16("10.1.5.255"), subnet))
	require.False(t, IsDirectedBroadcast(addr16("10.1.2.1"), netip.MustParsePrefix("10.1.2.0/31")))
	require.False(t, IsDirectedBroadcast(addr16("2001:db8::ff"), netip.MustParsePrefix("2001:db8::/120")))
}

func BenchmarkRoutesNextHop(b *testing.B) {
	routes, err := NewRoutes([]Route{
		{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.0.0.1")},
		{netip.MustParsePrefix("10.0.0.0/24"), netip.Addr{}},
	})
	require.NoError(b, err)
	for range b.N {
		routes.NextHop(ipB)
	}
}
