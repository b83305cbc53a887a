package afxdp

import (
	"fmt"
	"math/bits"

	"myriad/iobackend"
)

// stampTrial is the number of frames without a timestamp after which the
// driver is no longer asked.
const stampTrial = 1024

const (
	// framesDefault is the number of frames per queue, for receiving and for
	// sending: 4096 take 20 ms of 200 000 frames a second to fill.
	framesDefault = 4096
	// framesMin keeps a packet in several pieces (at most 17 and one) well
	// within a ring.
	framesMin = 64
	// framesMax bounds the UMEM of one queue to some GiB.
	framesMax = 1 << 20
	// frameSmall and frameLarge are the sizes of a frame's memory.
	frameSmall, frameLarge = 2048, 4096
	// headroom is what the kernel keeps free before a received frame
	// (XDP_PACKET_HEADROOM).
	headroom = 256
	// linkHeaderMax is an Ethernet header with a VLAN tag.
	linkHeaderMax = 18
	// mtuMax is the largest IP packet.
	mtuMax = 65535
	// piecesMax is the largest number of pieces of a packet: 17 fragments of
	// an skb (MAX_SKB_FRAGS) and its head.
	piecesMax = 18
)

// frameCount checks a number of frames; 0 is the default.
func frameCount(field string, value int) (int, error) {
	if value == 0 {
		return framesDefault, nil
	}
	if value < framesMin || value > framesMax || bits.OnesCount(uint(value)) != 1 {
		return 0, fmt.Errorf("afxdp: %s is %d, but must be a power of two from %d to %d",
			field, value, framesMin, framesMax)
	}
	return value, nil
}

// frameSize returns the size of a frame's memory for an MTU, and whether
// packets can need several.
func frameSize(mtu int) (size int, pieces bool) {
	for _, size := range []int{frameSmall, frameLarge} {
		if mtu+linkHeaderMax+headroom <= size {
			return size, false
		}
	}
	return frameLarge, true
}

func checkAddresses(c iobackend.Config) error {
	if len(c.Addresses) == 0 && c.Shared == nil {
		return fmt.Errorf("afxdp: Addresses is empty, so nothing on %q could be ours; name at least one prefix", c.Interface)
	}
	for _, p := range c.Addresses {
		if !p.IsValid() || !p.Addr().Is4() {
			return fmt.Errorf("afxdp: Addresses holds %v, which is no IPv4 prefix; only IPv4 is supported", p)
		}
	}
	return nil
}
