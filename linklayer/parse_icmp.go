package linklayer

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"

	"myriad/internal/seq"
)

// quotedBytes of the transport header are quoted by every ICMP error (RFC 792):
// TCP's ports and sequence number.
const quotedBytes = 8

// parseICMP handles an ICMP message (RFC 792). Its checksum is verified
// whatever the backend says: no device computes it.
func parseICMP(b []byte, p *Packet) Drop {
	if len(b) < icmpBytes {
		return DropICMPTruncated
	}
	if fold(sumBytes(b)) != 0xffff {
		return DropICMPChecksum
	}
	icmp := header.ICMPv4(b)
	p.ICMP.Type = uint8(icmp.Type())
	p.ICMP.Code = uint8(icmp.Code())
	p.ICMP.MTU = 0
	switch p.ICMP.Type {
	case ICMPEcho:
		p.Kind = KindICMPEcho
		return DropNone
	case ICMPEchoReply:
		p.ICMP.Echo = binary.BigEndian.Uint32(b[4:])
		p.Kind = KindOther
		return DropNone
	case ICMPUnreachable:
		if p.ICMP.Code == ICMPFragmentationNeeded {
			p.ICMP.MTU = icmp.MTU()
		}
		return parseQuote(b[icmpBytes:], p)
	case ICMPTimeExceeded, ICMPParameterProblem:
		return parseQuote(b[icmpBytes:], p)
	case ICMPRedirect:
		return DropICMPRedirect
	case ICMPSourceQuench:
		return DropICMPSourceQuench
	}
	return DropICMPType
}

// parseQuote reads the beginning of the datagram that an error is about. Its
// checksum and total length are not looked at: routers alter them, and most
// of the datagram is not there.
func parseQuote(b []byte, p *Packet) Drop {
	if len(b) < ipv4Bytes || header.IPVersion(b) != header.IPv4Version {
		return DropICMPQuote
	}
	ip := header.IPv4(b)
	length := int(ip.HeaderLength())
	if length < ipv4Bytes || len(b) < length+quotedBytes || ip.FragmentOffset() != 0 {
		return DropICMPQuote
	}
	transport := b[length:]
	q := &p.ICMP.Quoted
	q.Protocol = ip.Protocol()
	q.Source = Mapped(binary.BigEndian.Uint32(b[12:]))
	q.Destination = Mapped(binary.BigEndian.Uint32(b[16:]))
	q.SourcePort = binary.BigEndian.Uint16(transport)
	q.DestinationPort = binary.BigEndian.Uint16(transport[2:])
	q.Seq = seq.Number(binary.BigEndian.Uint32(transport[4:]))
	p.Kind = KindICMPError
	return DropNone
}
