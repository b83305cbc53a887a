package hostile

import (
	"encoding/binary"
	"net/netip"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// icmpFrame is an ICMP message with a body, from a stranger to an address of
// ours.
func icmpFrame(to netip.Addr, kind, code uint8, body []byte) []byte {
	b := ipFrame(to, linklayer.ProtocolICMP, 0, 4+len(body))
	m := b[34:]
	m[0], m[1] = kind, code
	copy(m[4:], body)
	binary.BigEndian.PutUint16(m[2:], checksum(m))
	return b
}

// aboutSegment is an ICMP error about a segment that the client sent to p.
func aboutSegment(p *peer, kind, code uint8, mtu uint16, quoted seq.Number) []byte {
	return quoteSegment(netip.AddrFrom16(p.local).Unmap(), p.remote, p.port, kind, code, mtu, quoted)
}

func quoteSegment(local netip.Addr, remote netip.AddrPort, port uint16, kind, code uint8, mtu uint16, quoted seq.Number) []byte {
	var body [4 + 28]byte
	binary.BigEndian.PutUint16(body[2:], mtu)
	q := body[4:]
	putIPv4(q, local, remote.Addr(), linklayer.ProtocolTCP, 0x4000, 40)
	binary.BigEndian.PutUint16(q[20:], port)
	binary.BigEndian.PutUint16(q[22:], remote.Port())
	binary.BigEndian.PutUint32(q[24:], uint32(quoted))
	return icmpFrame(local, kind, code, body[:])
}

// ipFrame is a frame with room for size bytes after its headers.
func ipFrame(to netip.Addr, protocol uint8, fragment uint16, size int) []byte {
	b := make([]byte, 34+size)
	copy(b, ourMAC[:])
	copy(b[6:], theirMAC[:])
	b[12] = 8
	putIPv4(b[14:], stranger, to, protocol, fragment, 20+size)
	return b
}

func putIPv4(ip []byte, from, to netip.Addr, protocol uint8, fragment uint16, total int) {
	ip[0], ip[8], ip[9] = 0x45, 64, protocol
	binary.BigEndian.PutUint16(ip[2:], uint16(total))
	binary.BigEndian.PutUint16(ip[6:], fragment)
	source, destination := from.As4(), to.As4()
	copy(ip[12:], source[:])
	copy(ip[16:], destination[:])
	binary.BigEndian.PutUint16(ip[10:], checksum(ip[:20]))
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
