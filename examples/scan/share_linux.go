package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// share has the interface's own address shared with the kernel, which then
// answers ARP: so everything goes to the gateway, whose address it knows.
func (p *path) share(info *netinfo.Info) (*iobackend.Shared, error) {
	if port, use, taken := netinfo.PortTaken(sharedPorts[0], sharedPorts[1]); taken {
		return nil, fmt.Errorf("-source is missing, and of the ports %d to %d of %s, which would be shared with the kernel, %d belongs to %s: give addresses that nobody else uses", sharedPorts[0], sharedPorts[1], p.name, port, use)
	}
	for _, a := range info.Addresses {
		if a.InterfaceIndex != info.Index || !a.Prefix.Addr().Is4() {
			continue
		}
		address := a.Prefix.Addr()
		p.sources, p.ports = []netip.Prefix{netip.PrefixFrom(address, 32)}, sharedPorts
		if len(p.gateway) == 0 {
			mac, err := p.gatewayAddress(info)
			if err != nil {
				return nil, err
			}
			p.gateway = mac
		}
		return &iobackend.Shared{Address: address, PortMin: sharedPorts[0], PortMax: sharedPorts[1]}, nil
	}
	return nil, fmt.Errorf("-source is missing, and %s has no IPv4 address to share: give addresses that nobody else uses", p.name)
}

// gatewayAddress asks the kernel for the next hop of all targets.
func (p *path) gatewayAddress(info *netinfo.Info) (net.HardwareAddr, error) {
	var gateway netip.Addr
	for _, r := range p.routes {
		if r.Gateway.IsValid() {
			gateway = r.Gateway
		}
	}
	if !gateway.IsValid() {
		return nil, fmt.Errorf("-source is missing, and %s has no gateway: hosts on the link itself can be scanned from addresses of our own alone", p.name)
	}
	mac, err := resolve(info.Index, gateway)
	if err != nil {
		return nil, fmt.Errorf("the gateway %v: %w; give -gateway-mac", gateway, err)
	}
	return mac, nil
}

// resolveFor is how long the kernel has to find a neighbour.
const (
	resolveFor   = 3 * time.Second
	resolveEvery = 20 * time.Millisecond
)

// resolve has the kernel find a neighbour's Ethernet address.
func resolve(index int, neighbor netip.Addr) (net.HardwareAddr, error) {
	r, err := netinfo.OpenResolver(index)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for end := time.Now().Add(resolveFor); time.Now().Before(end); time.Sleep(resolveEvery) {
		mac, known, err := r.Neighbour(neighbor)
		if known || err != nil {
			return mac, err
		}
		if err := r.Want(neighbor); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("it does not answer ARP")
}
