package testbed

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Veth makes a veth pair between two namespaces, sets both ends up, and gives
// them their addresses and routes.
func Veth(near, far *Namespace, c VethConfig) (*Pair, error) {
	if c.NearName == "" || c.FarName == "" {
		return nil, fmt.Errorf("testbed: veth: NearName %q and FarName %q must both be given", c.NearName, c.FarName)
	}
	if err := addVeth(near, far, c); err != nil {
		return nil, err
	}
	p := &Pair{NearName: c.NearName, FarName: c.FarName}
	steps := []func() error{
		func() error { return near.prepare(c.NearName, c.NearAddr, c.DisableOffloads) },
		func() error { return far.prepare(c.FarName, c.FarAddr, c.DisableOffloads) },
		// After both ends' offloads: a program on one end takes away the
		// other's, and what is not there cannot be turned off.
		func() error { return attachPass(near, far, c) },
		func() error { return vethRoutes(near, far, c) },
		func() error { return near.describe(c.NearName, &p.NearIndex, (*[]byte)(&p.NearMAC)) },
		func() error { return far.describe(c.FarName, &p.FarIndex, (*[]byte)(&p.FarMAC)) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			// The namespaces are the caller's and may live on.
			_ = near.DeleteLink(c.NearName)
			return nil, err
		}
	}
	return p, nil
}

func addVeth(near, far *Namespace, c VethConfig) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.NearName
	attrs.MTU = c.MTU
	attrs.NumRxQueues = max(c.Queues, 1)
	attrs.NumTxQueues = max(c.Queues, 1)
	veth := netlink.NewVeth(attrs)
	veth.PeerName = c.FarName
	veth.PeerNamespace = netlink.NsFd(far.FD())
	err := near.netlink(func(h *netlink.Handle) error { return h.LinkAdd(veth) })
	if err != nil {
		return fmt.Errorf("testbed: make veth %s with peer %s: %w", c.NearName, c.FarName, err)
	}
	return nil
}

// prepare brings one end up.
func (ns *Namespace) prepare(name string, addr netip.Prefix, plain bool) error {
	// Best effort: without IPv6 the wire carries nothing that no test sent.
	_ = ns.Sysctl("net/ipv6/conf/"+name+"/disable_ipv6", "1")
	if plain {
		if err := ns.DisableOffloads(name); err != nil {
			return err
		}
	}
	if err := ns.SetUp(name); err != nil {
		return err
	}
	if addr.IsValid() {
		if err := ns.AddAddr(name, addr); err != nil {
			return err
		}
	}
	return nil
}

func attachPass(near, far *Namespace, c VethConfig) error {
	if c.XDPPassNear {
		if err := near.AttachXDPPass(c.NearName); err != nil {
			return err
		}
	}
	if c.XDPPassFar {
		return far.AttachXDPPass(c.FarName)
	}
	return nil
}

func vethRoutes(near, far *Namespace, c VethConfig) error {
	for _, p := range c.Sources {
		if err := far.AddLinkRoute(p, c.FarName); err != nil {
			return err
		}
	}
	for _, p := range c.Targets {
		if err := far.AddLocalRoute(p); err != nil {
			return err
		}
		if err := near.AddRoute(p, c.FarAddr.Addr(), c.NearName); err != nil {
			return err
		}
	}
	return nil
}

func (ns *Namespace) describe(name string, index *int, mac *[]byte) error {
	return ns.withLink(name, "look up", func(_ *netlink.Handle, l netlink.Link) error {
		*index = l.Attrs().Index
		*mac = l.Attrs().HardwareAddr
		return nil
	})
}
