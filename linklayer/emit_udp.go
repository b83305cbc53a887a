package linklayer

import "encoding/binary"

// EmitUDP writes the frame of a UDP datagram (RFC 768) into dst and returns
// its length; 0, with dst untouched, when dst is too small or the packet would
// exceed 65,535 bytes. payloadSum is the payload's sum, or 0 to have it
// computed. DF is set. The checksum is complete, unless the path is
// WithPartialChecksum.
func EmitUDP(dst []byte, path *Path, source, destination [16]byte, sourcePort, destinationPort, id uint16, payload []byte, payloadSum Sum) int {
	datagram := udpBytes + len(payload)
	length := ethernetBytes + ipv4Bytes + datagram
	if length > len(dst) || ipv4Bytes+datagram > ipv4Max {
		return 0
	}
	dst = dst[:length]
	src4, dst4 := Number(&source), Number(&destination)
	path.emitIPv4(dst, src4, dst4, ProtocolUDP, id, ipv4Bytes+datagram)

	ports := uint32(sourcePort)<<16 | uint32(destinationPort)
	udp := dst[ethernetBytes+ipv4Bytes:]
	copy(udp[udpBytes:], payload)
	sum := pseudoSum(src4, dst4, ProtocolUDP, datagram)
	checksum := fold(sum)
	if !path.partial {
		checksum = ^fold(sum + uint64(ports) + uint64(datagram) + sumPayload(udp[udpBytes:], payloadSum))
		if checksum == 0 { // zero would say that there is none
			checksum = 0xffff
		}
	}
	binary.BigEndian.PutUint32(udp[0:], ports)
	binary.BigEndian.PutUint16(udp[4:], uint16(datagram))
	binary.BigEndian.PutUint16(udp[6:], checksum)
	return length
}
