package testbed

import (
	"fmt"
	"net/netip"
	"strings"
)

const (
	middleNear = "tonear"
	middleFar  = "tofar"
)

// LossyPath makes near ─ middle ─ far. Loss is made at the ingress of the
// middle: on a sender's own way out its kernel would notice a local drop and
// merely send again, and at the near end XDP takes the frames first.
func LossyPath(near, middle, far *Namespace, c PathConfig) (*Path, error) {
	gateNear, gateFar := lastUsable(c.NearAddr), lastUsable(c.FarAddr)
	toNear, err := Veth(near, middle, VethConfig{
		NearName: c.NearName, FarName: middleNear,
		Queues: c.Queues, MTU: c.MTU,
		NearAddr: c.NearAddr, FarAddr: gateNear,
		Sources:    c.Sources,
		XDPPassFar: !c.NoXDP, DisableOffloads: true,
	})
	if err != nil {
		return nil, err
	}
	toFar, err := Veth(far, middle, VethConfig{
		NearName: c.FarName, FarName: middleFar,
		Queues: c.Queues, MTU: c.MTU,
		NearAddr: c.FarAddr, FarAddr: gateFar,
		XDPPassNear: !c.NoXDP, XDPPassFar: !c.NoXDP, DisableOffloads: true,
	})
	if err != nil {
		return nil, err
	}
	if err := pathRoutes(near, middle, far, c, gateNear.Addr(), gateFar.Addr()); err != nil {
		return nil, err
	}
	if err := middle.Sysctl("net/ipv4/ip_forward", "1"); err != nil {
		return nil, err
	}
	p := &Path{ToNear: toNear, ToFar: toFar, Gateway: gateNear.Addr()}
	return p, SetImpairment(middle, c.TowardNear, c.TowardFar)
}

func pathRoutes(near, middle, far *Namespace, c PathConfig, gateNear, gateFar netip.Addr) error {
	for _, p := range append([]netip.Prefix{c.NearAddr.Masked()}, c.Sources...) {
		if err := far.AddRoute(p, gateFar, c.FarName); err != nil {
			return err
		}
	}
	if err := near.AddRoute(c.FarAddr.Masked(), gateNear, c.NearName); err != nil {
		return err
	}
	for _, p := range c.Targets {
		if err := far.AddLocalRoute(p); err != nil {
			return err
		}
		if err := near.AddRoute(p, gateNear, c.NearName); err != nil {
			return err
		}
		if err := middle.AddRoute(p, c.FarAddr.Addr(), middleFar); err != nil {
			return err
		}
	}
	return nil
}

// SetImpairment replaces the statements that the middle of a path runs on
// frames toward each end.
func SetImpairment(middle *Namespace, towardNear, towardFar []string) error {
	var b strings.Builder
	b.WriteString("table netdev impair\ndelete table netdev impair\ntable netdev impair {\n")
	chain := func(name, device string, rules []string) {
		fmt.Fprintf(&b, "chain %s { type filter hook ingress device %q priority 0;\n%s\n}\n",
			name, device, strings.Join(rules, "\n"))
	}
	chain("toward_near", middleFar, towardNear)
	chain("toward_far", middleNear, towardFar)
	b.WriteString("}\n")
	_, err := middle.RunInput(b.String(), "nft", "-f", "-")
	return err
}

// lastUsable is the last host address of the prefix's subnet.
func lastUsable(p netip.Prefix) netip.Prefix {
	a := p.Masked().Addr().As4()
	v := uint32(a[0])<<24 | uint32(a[1])<<16 | uint32(a[2])<<8 | uint32(a[3])
	v |= ^uint32(0) >> p.Bits()
	v--
	last := netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
	return netip.PrefixFrom(last, p.Bits())
}
