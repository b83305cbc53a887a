package netinfo

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Lookup reads what the kernel knows about the named interface. The error
// wraps ErrNoInterface or ErrDown where that is why.
func Lookup(name string) (*Info, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netinfo: open a netlink socket: %w", err)
	}
	defer h.Close()
	l, err := h.LinkByName(name)
	if err != nil {
		if errors.As(err, &netlink.LinkNotFoundError{}) || errors.Is(err, unix.ENODEV) {
			return nil, fmt.Errorf("netinfo: interface %q: %w; `ip link` lists those there are", name, ErrNoInterface)
		}
		return nil, fmt.Errorf("netinfo: interface %q: %w", name, err)
	}
	a := l.Attrs()
	if a.Flags&net.FlagUp == 0 {
		return nil, fmt.Errorf("netinfo: interface %q: %w; set it up with `ip link set %s up`", name, ErrDown, name)
	}
	in := &Info{Name: name, Index: a.Index, Kind: l.Type(), HardwareAddr: a.HardwareAddr, MTU: a.MTU}
	if a.Xdp != nil && a.Xdp.Attached {
		in.XDPProgram = a.Xdp.ProgId
	}
	in.ReceiveQueues, in.TransmitQueues = queues(name, a.NumRxQueues, a.NumTxQueues)
	in.RSS = receiveScaling(name)
	if err := in.readAddresses(h); err != nil {
		return nil, err
	}
	return in, in.readRoutes(h, l)
}

func (in *Info) readAddresses(h *netlink.Handle) error {
	all, err := h.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("netinfo: list addresses: %w", err)
	}
	for _, a := range all {
		if p, ok := prefix(a.IPNet); ok {
			in.Addresses = append(in.Addresses, Address{p, a.LinkIndex})
		}
	}
	local, err := h.RouteListFiltered(netlink.FAMILY_ALL,
		&netlink.Route{Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL},
		netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	if err != nil {
		return fmt.Errorf("netinfo: list local routes: %w", err)
	}
	for _, r := range local {
		if p, ok := prefix(r.Dst); ok {
			in.LocalRoutes = append(in.LocalRoutes, p)
		}
	}
	return nil
}

func (in *Info) readRoutes(h *netlink.Handle, l netlink.Link) error {
	all, err := h.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("netinfo: list routes of %q: %w", in.Name, err)
	}
	for _, r := range all {
		if r.Type != unix.RTN_UNICAST {
			continue
		}
		dst, ok := prefix(r.Dst)
		if !ok {
			dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
			if r.Family == unix.AF_INET6 {
				dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
			}
		}
		for _, gw := range gateways(r, l.Attrs().Index) {
			in.Routes = append(in.Routes, Route{dst, gw, r.Priority})
		}
	}
	slices.SortStableFunc(in.Routes, func(a, b Route) int {
		return cmp.Or(cmp.Compare(b.Destination.Bits(), a.Destination.Bits()), cmp.Compare(a.Metric, b.Metric))
	})
	return nil
}

// gateways returns the route's gateways through the interface, the zero Addr
// standing for on-link; none where the route leads elsewhere.
func gateways(r netlink.Route, index int) []netip.Addr {
	if len(r.MultiPath) == 0 {
		if r.LinkIndex != index {
			return nil
		}
		return []netip.Addr{gateway(r.Gw, r.Via)}
	}
	var all []netip.Addr
	for _, hop := range r.MultiPath {
		if hop.LinkIndex == index {
			all = append(all, gateway(hop.Gw, hop.Via))
		}
	}
	return all
}

func gateway(ip net.IP, via netlink.Destination) netip.Addr {
	if v, ok := via.(*netlink.Via); ok && v != nil {
		ip = v.Addr
	}
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	if n == nil {
		return netip.Prefix{}, false
	}
	a, ok := netip.AddrFromSlice(n.IP)
	if !ok {
		return netip.Prefix{}, false
	}
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), ones), true
}

// usable are the states of a neighbour whose hardware address may be used.
const usable = netlink.NUD_PERMANENT | netlink.NUD_NOARP | netlink.NUD_REACHABLE |
	netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE

// Neighbour returns the hardware address of a neighbour on the interface, and
// false when the kernel has not resolved it.
func (in *Info) Neighbour(addr netip.Addr) (net.HardwareAddr, bool, error) {
	r, err := OpenResolver(in.Index)
	if err != nil {
		return nil, false, err
	}
	defer r.Close()
	return r.Neighbour(addr)
}
