package answerer

import (
	"net/netip"

	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
)

// frames per queue and direction.
const frames = 8192

// Open opens an interface to answer for a prefix: over "afpacket", and over
// AF_XDP otherwise.
func Open(name, backend string, prefix netip.Prefix) (iobackend.Device, error) {
	config := iobackend.Config{
		Interface: name, Addresses: []netip.Prefix{prefix}, ReceiveFrames: frames, SendFrames: frames,
	}
	if backend == "afpacket" {
		return afpacket.Open(config)
	}
	return afxdp.OpenWith(config, afxdp.Options{NoTimestamps: true})
}
