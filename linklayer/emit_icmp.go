package linklayer

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// echoTTL is what RFC 1700 recommends and most systems use.
const echoTTL = 64

// EmitICMPEchoReply answers the echo request in frame, which Parse found to be
// a KindICMPEcho, and returns the reply's length; 0 when it does not fit into
// dst or frame is no such request. The data is returned unchanged (RFC 1122
// §3.2.2.6); IPv4 options are not. dst and frame must not overlap. The caller
// limits the rate.
func EmitICMPEchoReply(dst, frame []byte) int {
	if len(frame) < ethernetBytes {
		return 0
	}
	b := frame[ethernetBytes:]
	if checkIPv4(b) != DropNone {
		return 0
	}
	ip := header.IPv4(b)
	message := b[ip.HeaderLength():ip.TotalLength()]
	if len(message) < icmpBytes || message[0] != ICMPEcho {
		return 0
	}
	length := ethernetBytes + ipv4Bytes + len(message)
	if length > len(dst) {
		return 0
	}
	path := NewPath([6]byte(frame[0:6]), [6]byte(frame[6:12]), echoTTL, b[1])
	source, destination := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[12:])
	path.emitIPv4(dst, source, destination, ProtocolICMP, ip.ID(), ipv4Bytes+len(message))
	reply := dst[ethernetBytes+ipv4Bytes : length]
	copy(reply, message)
	reply[0] = ICMPEchoReply
	binary.BigEndian.PutUint16(reply[2:], 0)
	binary.BigEndian.PutUint16(reply[2:], ^fold(sumBytes(reply)))
	return length
}

// EmitICMPEcho writes an echo request (RFC 792) into dst and returns its
// length; 0, with dst untouched, when dst is too small or the packet would
// exceed 65,535 bytes. echo is the identifier and the sequence number, as one
// number; id the IPv4 identification. DF is set.
func EmitICMPEcho(dst []byte, path *Path, source, destination [16]byte, id uint16, echo uint32, data []byte) int {
	message := icmpBytes + len(data)
	length := ethernetBytes + ipv4Bytes + message
	if length > len(dst) || ipv4Bytes+message > ipv4Max {
		return 0
	}
	path.emitIPv4(dst, Number(&source), Number(&destination), ProtocolICMP, id, ipv4Bytes+message)
	request := dst[ethernetBytes+ipv4Bytes : length]
	binary.BigEndian.PutUint32(request, ICMPEcho<<24)
	binary.BigEndian.PutUint32(request[4:], echo)
	copy(request[icmpBytes:], data)
	binary.BigEndian.PutUint16(request[2:], ^fold(sumBytes(request)))
	return length
}
