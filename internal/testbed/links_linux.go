package testbed

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// netlink runs f with a netlink socket of the namespace.
func (ns *Namespace) netlink(f func(*netlink.Handle) error) error {
	var h *netlink.Handle
	err := ns.Do(func() (err error) {
		h, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return fmt.Errorf("testbed: netlink: %w", err)
	}
	defer h.Close()
	return f(h)
}

// withLink runs f with a netlink socket and the named interface.
func (ns *Namespace) withLink(name, what string, f func(*netlink.Handle, netlink.Link) error) error {
	return ns.netlink(func(h *netlink.Handle) error {
		l, err := h.LinkByName(name)
		if err == nil {
			err = f(h, l)
		}
		if err != nil {
			return fmt.Errorf("testbed: %s on %s: %w", what, name, err)
		}
		return nil
	})
}

// LoopbackUp sets lo up.
func (ns *Namespace) LoopbackUp() error { return ns.SetUp("lo") }

// SetUp sets an interface up.
func (ns *Namespace) SetUp(name string) error {
	return ns.withLink(name, "set up", func(h *netlink.Handle, l netlink.Link) error {
		return h.LinkSetUp(l)
	})
}

// SetDown sets an interface down.
func (ns *Namespace) SetDown(name string) error {
	return ns.withLink(name, "set down", func(h *netlink.Handle, l netlink.Link) error {
		return h.LinkSetDown(l)
	})
}

// DeleteLink removes an interface, and with it the other end of a veth.
func (ns *Namespace) DeleteLink(name string) error {
	return ns.withLink(name, "delete", func(h *netlink.Handle, l netlink.Link) error {
		return h.LinkDel(l)
	})
}

// AddAddr gives an interface an address of the kernel's.
func (ns *Namespace) AddAddr(name string, addr netip.Prefix) error {
	return ns.withLink(name, "add address "+addr.String(), func(h *netlink.Handle, l netlink.Link) error {
		n := &net.IPNet{IP: addr.Addr().AsSlice(), Mask: net.CIDRMask(addr.Bits(), addr.Addr().BitLen())}
		return h.AddrAdd(l, &netlink.Addr{IPNet: n})
	})
}

// AddLocalRoute makes the kernel answer for every address of the prefix, as
// `ip route add local PREFIX dev lo` does.
func (ns *Namespace) AddLocalRoute(prefix netip.Prefix) error {
	return ns.withLink("lo", "add local route "+prefix.String(), func(h *netlink.Handle, l netlink.Link) error {
		return h.RouteAdd(&netlink.Route{
			LinkIndex: l.Attrs().Index,
			Dst:       ipNet(prefix),
			Type:      unix.RTN_LOCAL,
			Table:     unix.RT_TABLE_LOCAL,
			Scope:     netlink.SCOPE_HOST,
		})
	})
}

// AddLinkRoute adds an on-link route: the kernel asks by ARP on the interface
// for every address of the prefix.
func (ns *Namespace) AddLinkRoute(prefix netip.Prefix, name string) error {
	return ns.withLink(name, "add route "+prefix.String(), func(h *netlink.Handle, l netlink.Link) error {
		return h.RouteAdd(&netlink.Route{
			LinkIndex: l.Attrs().Index,
			Dst:       ipNet(prefix),
			Scope:     netlink.SCOPE_LINK,
		})
	})
}

// AddRoute adds a route through a gateway; the zero prefix is the default
// route.
func (ns *Namespace) AddRoute(prefix netip.Prefix, via netip.Addr, name string) error {
	what := fmt.Sprintf("add route %v via %v", prefix, via)
	return ns.withLink(name, what, func(h *netlink.Handle, l netlink.Link) error {
		r := &netlink.Route{LinkIndex: l.Attrs().Index, Gw: via.AsSlice()}
		if prefix.IsValid() && prefix.Bits() > 0 {
			r.Dst = ipNet(prefix)
		}
		return h.RouteAdd(r)
	})
}

func ipNet(p netip.Prefix) *net.IPNet {
	p = p.Masked()
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
