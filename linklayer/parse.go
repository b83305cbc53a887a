package linklayer

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

const (
	ethernetBytes = header.EthernetMinimumSize
	ipv4Bytes     = header.IPv4MinimumSize
	tcpBytes      = header.TCPMinimumSize
	udpBytes      = header.UDPMinimumSize
	arpBytes      = header.ARPSize
	icmpBytes     = header.ICMPv4MinimumSize
)

const (
	etherTypeIPv4  = uint16(header.IPv4ProtocolNumber)
	etherTypeARP   = uint16(header.ARPProtocolNumber)
	etherTypeIPv6  = uint16(header.IPv6ProtocolNumber)
	etherTypeVLAN  = 0x8100 // IEEE 802.1Q
	etherTypeQinQ  = 0x88a8 // IEEE 802.1ad
	groupBit       = 1      // of an Ethernet address's first byte
	fragmentFields = 0x3fff // MF and the offset in the header's 7th and 8th byte
)

// Parse takes a frame apart into p. checksumOK vouches for the transport
// checksum of TCP and UDP, which is then not verified; IPv4's and ICMP's
// always are. On any result but DropNone p.Kind is KindNone; on DropFragment
// the frame is to be given to a Reassembler.
func Parse(frame []byte, checksumOK bool, p *Packet) Drop {
	p.Kind = KindNone
	if len(frame) < ethernetBytes {
		return DropFrameTruncated
	}
	h := (*[ethernetBytes]byte)(frame)
	p.EthDestination = [6]byte(h[0:6])
	p.EthSource = [6]byte(h[6:12])
	if h[6]&groupBit != 0 {
		return DropEthSource
	}
	body := frame[ethernetBytes:]
	switch binary.BigEndian.Uint16(h[12:]) {
	case etherTypeIPv4:
		if h[0]&groupBit != 0 {
			return DropEthGroup
		}
		return parseIPv4(body, checksumOK, p)
	case etherTypeARP:
		return parseARP(body, p)
	case etherTypeIPv6:
		return DropIPv6
	case etherTypeVLAN, etherTypeQinQ:
		return DropVLAN
	}
	return DropEtherType
}

// parseARP checks what header.ARP's IsValid does, by name.
func parseARP(b []byte, p *Packet) Drop {
	if len(b) < arpBytes {
		return DropARPTruncated
	}
	msg := header.ARP(b)
	op := ARPOp(msg.Op())
	if !msg.IsValid() || op != ARPRequest && op != ARPReply {
		return DropARPFormat
	}
	a := &p.ARP
	a.Op = op
	a.Sender = [6]byte(msg.HardwareAddressSender())
	a.Target = [6]byte(msg.HardwareAddressTarget())
	sender := binary.BigEndian.Uint32(msg.ProtocolAddressSender())
	a.SenderIP = Mapped(sender)
	a.TargetIP = Mapped(binary.BigEndian.Uint32(msg.ProtocolAddressTarget()))
	probe := op == ARPRequest && sender == 0
	if !isStation(&a.Sender) || !probe && !IsUnicast4(sender) {
		return DropARPSender
	}
	p.Kind = KindARP
	return DropNone
}
