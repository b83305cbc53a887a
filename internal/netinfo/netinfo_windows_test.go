package netinfo

import (
	"net"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"
)

// Go's own net package is the witness for what Lookup tells.
func TestLookupAgreesWithNet(t *testing.T) {
	all, err := net.Interfaces()
	require.NoError(t, err)
	require.NotEmpty(t, all)
	up := 0
	for _, i := range all {
		in, err := Lookup(i.Name)
		if i.Flags&net.FlagUp == 0 {
			require.ErrorIs(t, err, ErrDown, i.Name)
			continue
		}
		require.NoError(t, err, i.Name)
		up++
		require.Equal(t, i.Index, in.Index)
		if i.Flags&net.FlagLoopback == 0 {
			require.Equal(t, i.HardwareAddr.String(), in.HardwareAddr.String())
			require.Equal(t, i.MTU, in.MTU)
		}
		addresses, err := i.Addrs()
		require.NoError(t, err)
		for _, a := range addresses {
			p, err := netip.ParsePrefix(a.String())
			require.NoError(t, err)
			require.Contains(t, in.Addresses, Address{p, i.Index})
			_, owned := in.KernelOwns(netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
			require.True(t, owned)
		}
		t.Logf("%+v", in)
	}
	require.NotZero(t, up)
}

// lookups are those of all interfaces that are up.
func lookups(t *testing.T) (all []*Info) {
	list, err := net.Interfaces()
	require.NoError(t, err)
	for _, i := range list {
		if in, err := Lookup(i.Name); err == nil {
			all = append(all, in)
		}
	}
	return all
}

// The routes lead out of the interface that Windows itself chooses, and where
// it finds none, no interface has a way.
func TestRoutesLeadWhereWindowsSends(t *testing.T) {
	remote := netip.MustParseAddr("198.51.100.1")
	var best uint32
	err := windows.GetBestInterfaceEx(&windows.SockaddrInet4{Addr: remote.As4()}, &best)
	found := false
	for _, in := range lookups(t) {
		hop, ok := in.NextHop(remote)
		if ok {
			require.NoError(t, err, "%+v", in)
			require.NotEqual(t, remote, hop)
			_, _, err := in.Neighbour(hop)
			require.NoError(t, err)
		}
		found = found || ok && in.Index == int(best)
	}
	require.Equal(t, err == nil, found, "%v", err)
}

// The older call for the same table is the witness for Neighbour.
func TestNeighboursAgreeWithTheOlderCall(t *testing.T) {
	type row struct {
		index, bytes uint32
		hardware     [8]byte
		address      [4]byte
		kind         uint32 // 3 dynamic, 4 static
	}
	table := make([]row, 1000)
	size := uint32(len(table)) * uint32(unsafe.Sizeof(row{}))
	proc := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIpNetTable")
	code, _, _ := proc.Call(uintptr(unsafe.Pointer(&table[0])), uintptr(unsafe.Pointer(&size)), 0)
	if windows.Errno(code) == windows.ERROR_NO_DATA {
		t.Skip("no neighbours here")
	}
	require.Zero(t, code)
	count := table[0].index // before the first row
	rows := unsafe.Slice((*row)(unsafe.Add(unsafe.Pointer(&table[0]), 4)), count)
	seen := 0
	for _, in := range lookups(t) {
		for _, r := range rows {
			if int(r.index) != in.Index || r.kind < 3 || r.bytes != 6 || netip.AddrFrom4(r.address).IsMulticast() {
				continue
			}
			mac, ok, err := in.Neighbour(netip.AddrFrom4(r.address))
			require.NoError(t, err)
			require.True(t, ok, r.address)
			require.Equal(t, net.HardwareAddr(r.hardware[:6]), mac)
			seen++
		}
		_, ok, err := in.Neighbour(netip.MustParseAddr("203.0.113.77"))
		require.NoError(t, err)
		require.False(t, ok)
	}
	t.Logf("%d neighbours of %+v", seen, rows)
}

func TestLookupRefusesByName(t *testing.T) {
	_, err := Lookup("no such interface")
	require.ErrorIs(t, err, ErrNoInterface)
	require.ErrorContains(t, err, `"no such interface"`)
	require.ErrorContains(t, err, "netsh interface show interface")
}
