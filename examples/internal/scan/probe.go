package scan

import (
	"encoding/binary"

	"myriad/linklayer"
)

// Protocol is what is probed with.
type Protocol uint8

// The protocols; the values are IP's.
const (
	ICMP Protocol = linklayer.ProtocolICMP
	TCP  Protocol = linklayer.ProtocolTCP
	UDP  Protocol = linklayer.ProtocolUDP
)

// ParseProtocol reads a name.
func ParseProtocol(name string) (p Protocol, ok bool) {
	p, ok = map[string]Protocol{"tcp": TCP, "udp": UDP, "icmp": ICMP}[name]
	return p, ok
}

// String is the name.
func (p Protocol) String() string {
	return map[Protocol]string{TCP: "tcp", UDP: "udp", ICMP: "icmp"}[p]
}

// Offsets into a frame.
const (
	ethAt       = 0
	ipAt        = 14
	transportAt = 34
	numberAt    = transportAt + 4 // TCP's sequence number, an echo's identifier and sequence number
)

// shape is a probe's frame but for what depends on the target, as linklayer
// wrote it with zeros in these places, and the sums of all the rest: writing one
// is a copy and a few additions.
type shape struct {
	protocol   Protocol
	frame      []byte
	checksumAt int
	ipSum, sum uint64
}

// synWindow is what common systems say in a SYN; a tiny one is filtered in
// places.
const synWindow = 64240

// newShape makes the shape of a protocol's probes; payload is that of UDP and of
// an echo request.
func newShape(protocol Protocol, payload []byte, mss, ttl int) *shape {
	path := linklayer.NewPath([6]byte{}, [6]byte{}, uint8(ttl), 0)
	zero := linklayer.Mapped(0)
	s := &shape{protocol: protocol, frame: make([]byte, 2048)}
	var n int
	switch protocol {
	case TCP: // the options of Windows, which most hosts answer
		n = linklayer.EmitTCP(s.frame, &path, zero, zero, 0, 0, 0, &linklayer.Segment{
			Flags: linklayer.SYN, Window: synWindow, Options: linklayer.Options{
				Has: linklayer.HasMSS | linklayer.HasWindowScale | linklayer.HasSACKPermitted, MSS: uint16(mss), WindowScale: 8,
			},
		}, 0)
		s.checksumAt = transportAt + 16
	case UDP:
		n = linklayer.EmitUDP(s.frame, &path, zero, zero, 0, 0, 0, payload, 0)
		s.checksumAt = transportAt + 6
	case ICMP:
		n = linklayer.EmitICMPEcho(s.frame, &path, zero, zero, 0, 0, payload)
		s.checksumAt = transportAt + 2
	}
	s.frame = s.frame[:n:n]
	s.ipSum = uint64(^binary.BigEndian.Uint16(s.frame[ipAt+10:]))
	s.sum = uint64(^binary.BigEndian.Uint16(s.frame[s.checksumAt:]))
	return s
}

// write puts a probe into dst, which has room, and returns its length. The
// number is not UDP's.
func (s *shape) write(dst []byte, ethernet *[12]byte, source, target uint32, sport, dport uint16, number uint32) int {
	n := copy(dst, s.frame)
	dst = dst[:n]
	copy(dst[ethAt:], ethernet[:])
	_ = dst[numberAt+3]
	id := number ^ number>>16
	addresses := uint64(source) + uint64(target)
	binary.BigEndian.PutUint16(dst[ipAt+4:], uint16(id))
	binary.BigEndian.PutUint16(dst[ipAt+10:], ^fold(s.ipSum+addresses+uint64(uint16(id))))
	binary.BigEndian.PutUint32(dst[ipAt+12:], source)
	binary.BigEndian.PutUint32(dst[ipAt+16:], target)
	sum := s.sum
	if s.protocol != ICMP {
		ports := uint32(sport)<<16 | uint32(dport)
		binary.BigEndian.PutUint32(dst[transportAt:], ports)
		sum += addresses + uint64(ports)
	}
	if s.protocol != UDP {
		binary.BigEndian.PutUint32(dst[numberAt:], number)
		sum += uint64(number)
	}
	checksum := ^fold(sum)
	if checksum == 0 && s.protocol == UDP { // zero would say that there is none
		checksum = 0xffff
	}
	binary.BigEndian.PutUint16(dst[s.checksumAt:], checksum)
	return n
}

// fold reduces a sum of words of 16 or 32 bits to 16 with end-around carry.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum)
}
