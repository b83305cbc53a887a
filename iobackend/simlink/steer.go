package simlink

// SteerFirst puts every frame on queue 0, as a device without RSS does.
func SteerFirst([]byte, int) int { return 0 }

// SteerHash spreads frames over the queues by the addresses and ports of IPv4
// TCP and UDP without IP options; anything else arrives on queue 0.
func SteerHash(frame []byte, queues int) int {
	const addresses, ports, end = 26, 34, 38
	if len(frame) < end || frame[12] != 0x08 || frame[13] != 0x00 || frame[14] != 0x45 {
		return 0
	}
	if protocol := frame[23]; protocol != 6 && protocol != 17 {
		return 0
	}
	hash := uint32(2166136261) // FNV-1a
	for _, b := range frame[addresses:end] {
		hash = (hash ^ uint32(b)) * 16777619
	}
	return int((hash ^ hash>>16) % uint32(queues))
}
