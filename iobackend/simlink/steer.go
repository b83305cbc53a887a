package simlink

import (
	"encoding/binary"

	"myriad/internal/rss"
	"myriad/iobackend"
)

// Where the addresses begin and the ports end.
const addressesAt, portsAt, portsEnd = 26, 34, 38

// hasPorts tells IPv4 TCP and UDP without IP options.
func hasPorts(frame []byte) bool {
	return len(frame) >= portsEnd && frame[12] == 0x08 && frame[13] == 0x00 && frame[14] == 0x45 && (frame[23] == 6 || frame[23] == 17)
}

// SteerFirst puts every frame on queue 0, as a device without RSS does.
func SteerFirst([]byte, int) int { return 0 }

// SteerHash spreads frames over the queues by the addresses and ports of IPv4
// TCP and UDP without IP options; anything else arrives on queue 0.
func SteerHash(frame []byte, queues int) int {
	if !hasPorts(frame) {
		return 0
	}
	hash := uint32(2166136261) // FNV-1a
	for _, b := range frame[addressesAt:portsEnd] {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return int((hash ^ hash>>16) % uint32(queues))
}

// steerBy spreads frames as a network card with such a hash does; anything but
// IPv4 TCP and UDP arrives on queue 0.
func steerBy(c *iobackend.ReceiveHash) (func(frame []byte, queues int) int, error) {
	h, err := rss.New(rss.Config{Key: c.Key, Indirection: c.Indirection})
	if err != nil {
		return nil, err
	}
	return func(frame []byte, queues int) int {
		if !hasPorts(frame) {
			return 0
		}
		remote := h.Remote(binary.BigEndian.Uint32(frame[addressesAt:]), binary.BigEndian.Uint16(frame[portsAt:]))
		local := h.Local(binary.BigEndian.Uint32(frame[addressesAt+4:])) ^ h.Port(binary.BigEndian.Uint16(frame[portsAt+2:]))
		return int(h.Queue(remote^local) % uint32(queues))
	}, nil
}
