package linklayer

import (
	"encoding/binary"

	"myriad/internal/seq"
)

// parseTCP handles a segment (RFC 9293 §3.1). Reserved bits are not looked at.
func parseTCP(b []byte, pseudo uint64, checksumOK bool, p *Packet) Drop {
	if len(b) < tcpBytes {
		return DropTCPTruncated
	}
	h := (*[tcpBytes]byte)(b)
	offset := int(h[12]>>4) * 4
	if offset < tcpBytes || offset > len(b) {
		return DropTCPOffset
	}
	if !checksumOK && fold(pseudo+sumHeader(h)+sumBytes(b[tcpBytes:])) != 0xffff {
		return DropTCPChecksum
	}
	p.SourcePort = binary.BigEndian.Uint16(h[0:])
	p.DestinationPort = binary.BigEndian.Uint16(h[2:])
	s := &p.Segment
	s.Seq = seq.Number(binary.BigEndian.Uint32(h[4:]))
	s.Ack = seq.Number(binary.BigEndian.Uint32(h[8:]))
	s.Flags = Flags(h[13])
	s.Window = binary.BigEndian.Uint16(h[14:])
	s.Urgent = binary.BigEndian.Uint16(h[18:])
	s.Payload = b[offset:len(b):len(b)]
	s.Payload2 = nil
	s.Options.Has = 0
	s.Options.SACKCount = 0
	if offset > tcpBytes {
		parseOptions(b[tcpBytes:offset], s.Flags&SYN != 0, &s.Options)
	}
	p.Kind = KindTCP
	return DropNone
}
