package netinfo

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Lookup reads what Windows knows about the interface with that name, as
// "Ethernet", or with that GUID. The error wraps ErrNoInterface or ErrDown
// where that is why.
func Lookup(name string) (*Info, error) {
	all, err := adapters()
	if err != nil {
		return nil, err
	}
	in := &Info{Name: name, ReceiveQueues: 1, TransmitQueues: 1, LocalRoutes: []netip.Prefix{loopback}}
	var found *windows.IpAdapterAddresses
	for a := all; a != nil; a = a.Next {
		if found == nil && named(a, name) {
			found = a
		}
		for u := a.FirstUnicastAddress; u != nil; u = u.Next {
			if address, ok := netip.AddrFromSlice(u.Address.IP()); ok {
				address = address.Unmap()
				in.Addresses = append(in.Addresses, Address{netip.PrefixFrom(address, int(u.OnLinkPrefixLength)), indexOf(a)})
			}
		}
	}
	if found == nil {
		return nil, fmt.Errorf("netinfo: interface %q: %w; `netsh interface show interface` lists those there are", name, ErrNoInterface)
	}
	if found.OperStatus != windows.IfOperStatusUp {
		return nil, fmt.Errorf("netinfo: interface %q: %w; enable it with `netsh interface set interface %q enabled`, and connect it", name, ErrDown, name)
	}
	in.Index, in.MTU = indexOf(found), int(found.Mtu)
	if n := found.PhysicalAddressLength; n > 0 && int(n) <= len(found.PhysicalAddress) {
		in.HardwareAddr = slices.Clone(net.HardwareAddr(found.PhysicalAddress[:n]))
	}
	return in, in.readRoutes()
}

// loopback is Windows' own, whole.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// adapters lists all adapters; Go's memory holds the list.
func adapters() (*windows.IpAdapterAddresses, error) {
	const flags = windows.GAA_FLAG_SKIP_ANYCAST | windows.GAA_FLAG_SKIP_MULTICAST | windows.GAA_FLAG_SKIP_DNS_SERVER
	for size, tries := uint32(16<<10), 0; ; tries++ {
		list := make([]uint64, (size+7)/8) // aligned as its pointers are
		first := (*windows.IpAdapterAddresses)(unsafe.Pointer(&list[0]))
		err := windows.GetAdaptersAddresses(windows.AF_UNSPEC, flags, 0, first, &size)
		switch {
		case err == nil && size == 0, errors.Is(err, windows.ERROR_NO_DATA):
			return nil, nil
		case err == nil:
			return first, nil
		case !errors.Is(err, windows.ERROR_BUFFER_OVERFLOW) || tries == 5: // it may grow meanwhile
			return nil, fmt.Errorf("netinfo: list adapters: %w", err)
		}
	}
}

// named compares as Windows does, without regard to case.
func named(a *windows.IpAdapterAddresses, name string) bool {
	return strings.EqualFold(windows.UTF16PtrToString(a.FriendlyName), name) ||
		strings.EqualFold(windows.BytePtrToString(a.AdapterName), name)
}

func indexOf(a *windows.IpAdapterAddresses) int {
	if a.IfIndex != 0 {
		return int(a.IfIndex)
	}
	return int(a.Ipv6IfIndex)
}

// readRoutes reads the routes through the interface.
func (in *Info) readRoutes() error {
	var table *windows.MibIpForwardTable2
	if err := windows.GetIpForwardTable2(windows.AF_UNSPEC, &table); err != nil {
		return fmt.Errorf("netinfo: list routes: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	// The rows begin at a multiple of 8, also on 386, where Go would not put
	// them there.
	rows := unsafe.Slice((*windows.MibIpForwardRow2)(unsafe.Add(unsafe.Pointer(table), 8)), table.NumEntries)
	for k := range rows {
		r := &rows[k]
		destination, ok := address(&r.DestinationPrefix.Prefix)
		if !ok || int(r.InterfaceIndex) != in.Index || r.Loopback != 0 {
			continue
		}
		p := netip.PrefixFrom(destination, int(r.DestinationPrefix.PrefixLength))
		if !p.IsValid() || !in.leadsOut(p) {
			continue
		}
		gateway, ok := address(&r.NextHop)
		if !ok || gateway.IsUnspecified() {
			gateway = netip.Addr{}
		}
		in.Routes = append(in.Routes, Route{p, gateway, int(r.Metric)})
	}
	slices.SortStableFunc(in.Routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(b.Destination.Bits(), a.Destination.Bits()), cmp.Compare(a.Metric, b.Metric))
	})
	return nil
}

// leadsOut leaves out what Windows lists among its routes: its own addresses,
// multicast, and broadcast.
func (in *Info) leadsOut(p netip.Prefix) bool {
	a := p.Addr()
	if a.IsMulticast() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return false
	}
	own := func(o Address) bool { return o.Prefix.Addr() == a }
	return !p.IsSingleIP() || !slices.ContainsFunc(in.Addresses, own)
}

// address reads a SOCKADDR_INET.
func address(s *windows.RawSockaddrInet) (netip.Addr, bool) {
	switch s.Family {
	case windows.AF_INET:
		return netip.AddrFrom4(*(*[4]byte)(unsafe.Pointer(&s.Data[0]))), true
	case windows.AF_INET6: // after the flow label
		return netip.AddrFrom16(*(*[16]byte)(unsafe.Pointer(&s.Data[1]))), true
	}
	return netip.Addr{}, false
}
