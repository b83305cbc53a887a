package linklayer

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// parseIPv4 handles a datagram (RFC 791), with whatever padding follows it.
func parseIPv4(b []byte, checksumOK bool, p *Packet) Drop {
	if d := checkIPv4(b); d != DropNone {
		return d
	}
	h := (*[ipv4Bytes]byte)(b)
	source := binary.BigEndian.Uint32(h[12:])
	destination := binary.BigEndian.Uint32(h[16:])
	switch {
	case !IsUnicast4(source):
		return DropIPSource
	case !IsUnicast4(destination):
		return DropIPDestination
	case source == destination:
		return DropIPLand
	}
	setMapped(&p.Source, source)
	setMapped(&p.Destination, destination)
	p.TTL, p.TOS, p.Protocol = h[8], h[1], h[9]
	if binary.BigEndian.Uint16(h[6:])&fragmentFields != 0 {
		switch p.Protocol {
		case ProtocolTCP, ProtocolUDP, ProtocolICMP:
			return DropFragment
		}
		return DropIPProtocol
	}
	payload := b[headerLength(h):binary.BigEndian.Uint16(h[2:])]
	switch p.Protocol {
	case ProtocolTCP:
		return parseTCP(payload, pseudoSum(source, destination, ProtocolTCP, len(payload)), checksumOK, p)
	case ProtocolUDP:
		return parseUDP(payload, pseudoSum(source, destination, ProtocolUDP, 0), checksumOK, p)
	case ProtocolICMP:
		return parseICMP(payload, p)
	}
	return DropIPProtocol
}

// checkIPv4 makes sure that the header, its options and the datagram lie
// within b and that the header is what was sent.
func checkIPv4(b []byte) Drop {
	if len(b) < ipv4Bytes {
		return DropIPTruncated
	}
	h := (*[ipv4Bytes]byte)(b)
	if h[0]>>4 != header.IPv4Version {
		return DropIPVersion
	}
	length, total := headerLength(h), int(binary.BigEndian.Uint16(h[2:]))
	if length < ipv4Bytes || length > len(b) {
		return DropIPHeaderLength
	}
	if total < length || total > len(b) {
		return DropIPTotalLength
	}
	sum := sumHeader(h)
	if length > ipv4Bytes {
		sum += sumShort(b[ipv4Bytes:length])
	}
	if fold(sum) != 0xffff {
		return DropIPChecksum
	}
	return DropNone
}

// headerLength is the length that an IPv4 header says it has, in bytes.
func headerLength(h *[ipv4Bytes]byte) int { return int(h[0]&15) * 4 }

// pseudoSum is the sum of the pseudo header that TCP and UDP include (RFC 9293
// §3.1), not folded.
func pseudoSum(source, destination uint32, protocol uint8, length int) uint64 {
	return uint64(source) + uint64(destination) + uint64(protocol) + uint64(length)
}

// parseUDP handles a UDP datagram (RFC 768). Its own length may be shorter
// than IPv4's, never longer.
func parseUDP(b []byte, pseudo uint64, checksumOK bool, p *Packet) Drop {
	if len(b) < udpBytes {
		return DropUDPTruncated
	}
	udp := header.UDP(b)
	length := int(udp.Length())
	if length < udpBytes || length > len(b) {
		return DropUDPLength
	}
	b = b[:length]
	// A checksum of zero means that the sender made none.
	if !checksumOK && udp.Checksum() != 0 && fold(pseudo+uint64(length)+sumBytes(b)) != 0xffff {
		return DropUDPChecksum
	}
	p.SourcePort = udp.SourcePort()
	p.DestinationPort = udp.DestinationPort()
	p.UDPPayload = b[udpBytes:length:length]
	p.Kind = KindUDP
	return DropNone
}
