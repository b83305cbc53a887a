package scannet

import (
	"net/netip"

	"myriad/examples/internal/network"
)

// What the near side is made of.
var (
	// Interface is the near end of the veth pair.
	Interface = "myriad0"
	// Sources are free for Myriad to use.
	Sources = netip.MustParsePrefix("198.18.64.0/24")

	router = netip.MustParseAddr("198.18.0.2")
)

// Config says what to stand for.
type Config struct {
	Seed    uint64
	Backend string // of the far end: afxdp or afpacket
	Queues  int    // of the wire
}

// Result is what the far end says at its end.
type Result struct {
	Counts Counts
	Usage  network.Usage
}
