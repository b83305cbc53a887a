package linklayer

import "encoding/binary"

// Path is what is constant for all packets to one next hop: a template of the
// Ethernet and IPv4 headers, and the sum of its constant words. It holds no
// pointers and may be copied. Make it with NewPath; the zero Path is unusable.
type Path struct {
	template [ethernetBytes + ipv4Bytes]byte
	sum      uint64 // of the IPv4 header's words that do not change
	partial  bool   // transport checksums are left to the device
}

const (
	ipv4VersionLength = 0x4500 // version 4, five words, TOS 0
	ipv4DontFragment  = 0x4000
)

// NewPath makes a path from our hardware address to the next hop's. TTL and
// TOS (the DSCP's six bits and ECN's two) stand in every packet.
func NewPath(source, nextHop [6]byte, ttl, tos uint8) Path {
	var p Path
	t := p.template[:]
	copy(t[0:], nextHop[:])
	copy(t[6:], source[:])
	binary.BigEndian.PutUint16(t[12:], etherTypeIPv4)
	ip := t[ethernetBytes:]
	binary.BigEndian.PutUint16(ip[0:], ipv4VersionLength|uint16(tos))
	binary.BigEndian.PutUint16(ip[6:], ipv4DontFragment)
	ip[8] = ttl
	p.sum = sumShort(ip)
	return p
}

// WithPartialChecksum returns the path with the transport checksums of its
// packets left to the device: the field holds the sum of the pseudo-header, not
// complemented, which is what NICs and NDIS expect.
func (p Path) WithPartialChecksum() Path {
	p.partial = true
	return p
}

// NextHop returns the hardware address that packets on the path are sent to.
func (p *Path) NextHop() [6]byte { return [6]byte(p.template[0:6]) }

// emitIPv4 writes the headers of a packet of total bytes after Ethernet's
// header. dst has room for them.
func (p *Path) emitIPv4(dst []byte, source, destination uint32, protocol uint8, id uint16, total int) {
	const ip = ethernetBytes
	h := (*[ip + ipv4Bytes]byte)(dst)
	*(*[ip + 2]byte)(h[:]) = *(*[ip + 2]byte)(p.template[:])
	binary.BigEndian.PutUint32(h[ip+2:], uint32(total)<<16|uint32(id))
	binary.BigEndian.PutUint32(h[ip+6:], binary.BigEndian.Uint32(p.template[ip+6:])|uint32(protocol))
	sum := p.sum + uint64(total) + uint64(id) + uint64(protocol) + uint64(source) + uint64(destination)
	binary.BigEndian.PutUint16(h[ip+10:], ^fold(sum))
	binary.BigEndian.PutUint64(h[ip+12:], uint64(source)<<32|uint64(destination))
}

// ipv4Max is the largest IPv4 packet.
const ipv4Max = 65535
