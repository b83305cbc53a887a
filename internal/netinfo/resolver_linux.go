package netinfo

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Resolver has the kernel resolve neighbours on one interface, in the
// namespace in which it was opened, whichever thread asks. It may be used by
// one goroutine at a time.
type Resolver struct {
	handle *netlink.Handle
	index  int
}

// OpenResolver opens a Resolver for the interface with that index.
func OpenResolver(index int) (*Resolver, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netinfo: open a netlink socket: %w", err)
	}
	return &Resolver{h, index}, nil
}

// Neighbour returns the hardware address of a neighbour, if the kernel has it.
func (r *Resolver) Neighbour(addr netip.Addr) (net.HardwareAddr, bool, error) {
	family := netlink.FAMILY_V4
	if addr.Is6() {
		family = netlink.FAMILY_V6
	}
	all, err := r.handle.NeighList(r.index, family)
	if err != nil {
		return nil, false, fmt.Errorf("netinfo: list neighbours: %w", err)
	}
	for _, n := range all {
		if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap() == addr && n.State&usable != 0 && len(n.HardwareAddr) > 0 {
			return n.HardwareAddr, true, nil
		}
	}
	return nil, false, nil
}

// Want has the kernel ask the link for a neighbour, as if it had a packet for
// it.
func (r *Resolver) Want(addr netip.Addr) error {
	err := r.handle.NeighSet(&netlink.Neigh{
		LinkIndex: r.index, IP: addr.AsSlice(), Flags: netlink.NTF_USE, State: netlink.NUD_NONE,
	})
	if err != nil {
		return fmt.Errorf("netinfo: have the kernel resolve %v: %w", addr, err)
	}
	return nil
}

// Close frees the resolver.
func (r *Resolver) Close() { r.handle.Close() }
