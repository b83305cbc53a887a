package linklayer

import "encoding/binary"

// PeekPort returns the protocol, TCP or UDP, and the destination port of a frame
// that has not been parsed. Nothing of what Parse checks is checked: it is enough
// to choose who parses the frame. ok is false where there is no port to see: other
// protocols, fragments, frames cut short.
func PeekPort(frame []byte) (protocol uint8, port uint16, ok bool) {
	const fixed = ethernetBytes + ipv4Bytes
	if len(frame) < fixed+4 || binary.BigEndian.Uint16(frame[12:]) != etherTypeIPv4 {
		return 0, 0, false
	}
	ip := frame[ethernetBytes:]
	protocol = ip[9]
	header := int(ip[0]&0xf) << 2
	if protocol != ProtocolTCP && protocol != ProtocolUDP ||
		binary.BigEndian.Uint16(ip[6:])&fragmentFields != 0 || header < ipv4Bytes || len(ip) < header+4 {
		return 0, 0, false
	}
	return protocol, binary.BigEndian.Uint16(ip[header+2:]), true
}
