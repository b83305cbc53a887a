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

// headMax is what is copied of each frame: all of a SYN, and the head of a longer
// one.
const headMax = 80

// shape is a probe's frame but for what depends on the target, as linklayer
// wrote it with zeros in these places, and the sums of all the rest: writing one
// is a copy and a few additions.
type shape struct {
	protocol   Protocol
	frame      []byte
	head       [headMax]byte // its beginning, with zeros behind a shorter one
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
	var n, checksumAt int
	switch protocol {
	case TCP: // the options of Windows, which most hosts answer
		n = linklayer.EmitTCP(s.frame, &path, zero, zero, 0, 0, 0, &linklayer.Segment{
			Flags: linklayer.SYN, Window: synWindow, Options: linklayer.Options{
				Has: linklayer.HasMSS | linklayer.HasWindowScale | linklayer.HasSACKPermitted, MSS: uint16(mss), WindowScale: 8,
			},
		}, 0)
		checksumAt = transportAt + 16
	case UDP:
		n = linklayer.EmitUDP(s.frame, &path, zero, zero, 0, 0, 0, payload, 0)
		checksumAt = transportAt + 6
	case ICMP:
		n = linklayer.EmitICMPEcho(s.frame, &path, zero, zero, 0, 0, payload)
		checksumAt = transportAt + 2
	}
	s.frame = s.frame[:n:n]
	copy(s.head[:], s.frame)
	s.ipSum = uint64(^binary.BigEndian.Uint16(s.frame[ipAt+10:]))
	s.sum = uint64(^binary.BigEndian.Uint16(s.frame[checksumAt:]))
	return s
}

// write puts a probe into dst, which has room for headMax and for the frame, and
// returns its length. ports are the source's, shifted by 16, and the target's; the
// number is not UDP's.
func (s *shape) write(dst []byte, ethernet *[12]byte, source, target, ports, number uint32) int {
	d := (*[headMax]byte)(dst)
	*d = s.head // of a size that is known: a few stores, and no call
	copy(d[ethAt:], ethernet[:])
	id := uint16(number ^ number>>16)
	addresses := uint64(source) + uint64(target)
	binary.BigEndian.PutUint16(d[ipAt+4:], id)
	binary.BigEndian.PutUint16(d[ipAt+10:], ^fold(s.ipSum+addresses+uint64(id)))
	binary.BigEndian.PutUint64(d[ipAt+12:], uint64(source)<<32|uint64(target))
	sum := s.sum
	switch s.protocol {
	case TCP:
		binary.BigEndian.PutUint64(d[transportAt:], uint64(ports)<<32|uint64(number))
		binary.BigEndian.PutUint16(d[transportAt+16:], ^fold(sum+addresses+uint64(ports)+uint64(number)))
	case UDP:
		binary.BigEndian.PutUint32(d[transportAt:], ports)
		checksum := ^fold(sum + addresses + uint64(ports))
		if checksum == 0 { // which would say that there is none
			checksum = 0xffff
		}
		binary.BigEndian.PutUint16(d[transportAt+6:], checksum)
	case ICMP:
		binary.BigEndian.PutUint32(d[numberAt:], number)
		binary.BigEndian.PutUint16(d[transportAt+2:], ^fold(sum+uint64(number)))
	}
	if len(s.frame) > headMax {
		copy(dst[headMax:], s.frame[headMax:])
	}
	return len(s.frame)
}

// fold reduces a sum of words of 16 or 32 bits to 16 with end-around carry.
func fold(sum uint64) uint16 {
	sum = sum>>32 + sum&0xffffffff
	sum = sum>>16 + sum&0xffff
	sum = sum>>16 + sum&0xffff
	return uint16(sum>>16 + sum)
}
