package linklayer

import (
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"myriad/internal/seq"
)

// parseTCP handles a segment (RFC 9293 §3.1). Reserved bits are not looked at.
func parseTCP(b []byte, pseudo uint64, checksumOK bool, p *Packet) Drop {
	if len(b) < tcpBytes {
		return DropTCPTruncated
	}
	tcp := header.TCP(b)
	offset := int(tcp.DataOffset())
	if offset < tcpBytes || offset > len(b) {
		return DropTCPOffset
	}
	if !checksumOK && fold(pseudo+sumBytes(b)) != 0xffff {
		return DropTCPChecksum
	}
	p.SourcePort = tcp.SourcePort()
	p.DestinationPort = tcp.DestinationPort()
	s := &p.Segment
	s.Seq = seq.Number(tcp.SequenceNumber())
	s.Ack = seq.Number(tcp.AckNumber())
	s.Flags = Flags(tcp.Flags())
	s.Window = tcp.WindowSize()
	s.Urgent = tcp.UrgentPointer()
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
