package overlaynet

import (
	"net/netip"

	"myriad/examples/internal/network"
)

// What the near side is made of.
var (
	// Interface is the near end of the veth pair.
	Interface = "myriad0"
	// Sources are free for Myriad to use.
	Sources = netip.MustParsePrefix("198.18.64.0/18")
)

// Config says what to answer for.
type Config struct {
	Seed    uint64
	Nodes   int
	Backend string // of the far end: afxdp or afpacket
	Queues  int    // of the wire
	Request []byte // what the crawler asks, byte for byte
}

// Result is what the far end says at its end.
type Result struct {
	Counts Counts
	Usage  network.Usage
}
