package demonet

import (
	"errors"
	"net/netip"

	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/network"
)

// What the near side is made of.
var (
	// Interface is the near end of the veth pair.
	Interface = "myriad0"
	// Sources are free for Myriad to use.
	Sources = netip.MustParsePrefix("198.18.1.0/24")
	// Targets are the addresses of the demo, those that do not answer included.
	Targets = netip.MustParsePrefix("198.19.0.0/16")
	// Resolver is the demo's DNS server.
	Resolver = netip.MustParseAddrPort("198.18.0.2:53")
)

// HostsMax is how many hosts the demo web can have.
const HostsMax = 1<<14 - 2

// ErrNotSupported: no namespaces here.
var ErrNotSupported = errors.New("the demo needs Linux; elsewhere give -interface")

// Result is what the demo server says at its end.
type Result struct {
	Report demoweb.Report
	Usage  network.Usage
}
