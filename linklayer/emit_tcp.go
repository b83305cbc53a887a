package linklayer

import "encoding/binary"

// TCPHeadersBytes is the length of a TCP frame without options and payload.
const TCPHeadersBytes = ethernetBytes + ipv4Bytes + tcpBytes

// EmitTCP writes the frame of a segment into dst and returns its length; 0,
// with dst untouched, when dst is too small or the packet would exceed 65,535
// bytes. Addresses are IPv4 mapped. The payload is Payload followed by
// Payload2; payloadSum is the sum of both together, or 0 to have it computed.
// id is the IPv4 identification (see IDs). DF is set. The checksum is complete,
// unless the path is WithPartialChecksum. No allocation.
func EmitTCP(dst []byte, path *Path, source, destination [16]byte, sourcePort, destinationPort, id uint16, seg *Segment, payloadSum Sum) int {
	return EmitTCP4(dst, path, Number(&source), Number(&destination), sourcePort, destinationPort, id, seg, payloadSum)
}

// EmitTCP4 is EmitTCP with IPv4 addresses as numbers: where an address was just
// written in pieces, copying it whole makes the processor wait.
func EmitTCP4(dst []byte, path *Path, source, destination uint32, sourcePort, destinationPort, id uint16, seg *Segment, payloadSum Sum) int {
	syn := seg.Flags&SYN != 0
	options := OptionsLen(&seg.Options, syn)
	header := tcpBytes + options
	segment := header + len(seg.Payload) + len(seg.Payload2)
	length := ethernetBytes + ipv4Bytes + segment
	if length > len(dst) || ipv4Bytes+segment > ipv4Max {
		return 0
	}
	dst = dst[:length]
	path.emitIPv4(dst, source, destination, ProtocolTCP, id, ipv4Bytes+segment)

	ports := uint32(sourcePort)<<16 | uint32(destinationPort)
	control := uint32(header)<<26 | uint32(seg.Flags)<<16 | uint32(seg.Window)
	tcp := dst[ethernetBytes+ipv4Bytes:]
	_ = tcp[tcpBytes-1]
	binary.BigEndian.PutUint32(tcp[0:], ports)
	binary.BigEndian.PutUint64(tcp[4:], uint64(seg.Seq)<<32|uint64(seg.Ack))
	binary.BigEndian.PutUint32(tcp[12:], control)
	sum := uint64(ports) + uint64(seg.Seq) + uint64(seg.Ack) + uint64(control) + uint64(seg.Urgent)
	if options > 0 {
		sum += emitOptions(tcp[tcpBytes:header], &seg.Options, syn)
	}
	if segment > header {
		copy(tcp[header:], seg.Payload)
		copy(tcp[header+len(seg.Payload):], seg.Payload2)
	}
	pseudo := pseudoSum(source, destination, ProtocolTCP, segment)
	if path.partial {
		binary.BigEndian.PutUint32(tcp[16:], uint32(fold(pseudo))<<16|uint32(seg.Urgent))
		return length
	}
	if segment > header {
		sum += sumPayload(tcp[header:], payloadSum)
	}
	binary.BigEndian.PutUint32(tcp[16:], uint32(^fold(sum+pseudo))<<16|uint32(seg.Urgent))
	return length
}

// EmitTCPHeaders writes the headers of a segment with so many bytes of payload,
// which is elsewhere and longer than one frame, for somebody below to cut into
// frames; it returns their length, 0 where EmitTCP4 would. The TCP checksum's
// place holds the sum of the pseudo-header, not complemented. No allocation.
func EmitTCPHeaders(dst []byte, path *Path, source, destination uint32, sourcePort, destinationPort, id uint16, seg *Segment, payload int) int {
	headers := *seg
	headers.Payload, headers.Payload2 = nil, nil
	partial := path.WithPartialChecksum()
	n := EmitTCP4(dst, &partial, source, destination, sourcePort, destinationPort, id, &headers, 0)
	if n == 0 || n-ethernetBytes+payload > ipv4Max {
		return 0
	}
	ip, tcp := dst[ethernetBytes:], dst[ethernetBytes+ipv4Bytes:]
	grow := func(at []byte, complemented uint16) {
		sum := uint64(binary.BigEndian.Uint16(at)^complemented) + uint64(payload)
		binary.BigEndian.PutUint16(at, fold(sum)^complemented)
	}
	binary.BigEndian.PutUint16(ip[2:], uint16(n-ethernetBytes+payload))
	grow(ip[10:], 0xffff)
	grow(tcp[16:], 0)
	return n
}

// sumPayload returns the sum of what was just written, so lies in the nearest
// cache, unless it is known.
func sumPayload(dst []byte, known Sum) uint64 {
	if known&sumKnown != 0 {
		return uint64(uint16(known))
	}
	return sumBytes(dst)
}
