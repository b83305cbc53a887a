package linklayer

import (
	"encoding/binary"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// ARPFrameBytes is the length of an ARP frame.
const ARPFrameBytes = ethernetBytes + arpBytes

var broadcastMAC = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// EmitARP writes an ARP frame to the station ethDestination and returns its
// length; 0 when dst is too small. The frame's source is msg.Sender.
func EmitARP(dst []byte, ethDestination [6]byte, msg *ARP) int {
	if len(dst) < ARPFrameBytes {
		return 0
	}
	copy(dst[0:], ethDestination[:])
	copy(dst[6:], msg.Sender[:])
	binary.BigEndian.PutUint16(dst[12:], etherTypeARP)
	arp := header.ARP(dst[ethernetBytes:ARPFrameBytes])
	arp.SetIPv4OverEthernet()
	arp.SetOp(header.ARPOp(msg.Op))
	copy(arp.HardwareAddressSender(), msg.Sender[:])
	copy(arp.ProtocolAddressSender(), msg.SenderIP[12:])
	copy(arp.HardwareAddressTarget(), msg.Target[:])
	copy(arp.ProtocolAddressTarget(), msg.TargetIP[12:])
	return ARPFrameBytes
}

// EmitARPRequest asks for the hardware address of target, on behalf of our own
// source: everybody, or only the station known, when it is not zero.
func EmitARPRequest(dst []byte, ourMAC [6]byte, source, target [16]byte, known [6]byte) int {
	to := known
	if to == ([6]byte{}) {
		to = broadcastMAC
	}
	return EmitARP(dst, to, &ARP{Op: ARPRequest, Sender: ourMAC, SenderIP: source, TargetIP: target})
}

// EmitARPReply answers a request for one of our addresses (RFC 826). The
// caller has checked that request.TargetIP is ours.
func EmitARPReply(dst []byte, ourMAC [6]byte, request *ARP) int {
	return EmitARP(dst, request.Sender, &ARP{
		Op:     ARPReply,
		Sender: ourMAC, SenderIP: request.TargetIP,
		Target: request.Sender, TargetIP: request.SenderIP,
	})
}
