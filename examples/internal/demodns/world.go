package demodns

import "net/netip"

// What the near side is made of.
var (
	// Interface is the near end of the veth pair.
	Interface = "myriad0"
	// Sources are free for Myriad to use.
	Sources = netip.MustParsePrefix("198.18.1.0/24")
	// Targets are where the servers are.
	Targets = netip.MustParsePrefix("198.19.0.0/16")
)
