package linklayer

// Drop says why a frame went no further. The zero value means that it was not
// dropped.
type Drop uint8

const (
	DropNone Drop = iota
	// DropFragment is no loss: the frame is a valid IPv4 fragment, to be given
	// to a Reassembler.
	DropFragment

	DropFrameTruncated // shorter than an Ethernet header
	DropEthSource      // Ethernet source is a group address
	DropEthGroup       // IPv4 that came to an Ethernet group address (RFC 1122 §3.3.6)
	DropEthAddress     // for the caller: another station's Ethernet address
	DropEtherType      // neither IP nor ARP
	DropVLAN           // VLAN tag, not supported
	DropIPv6           // IPv6, not supported

	DropARPTruncated
	DropARPFormat // not IPv4 over Ethernet, or neither request nor reply
	DropARPSender // sender's hardware or protocol address is no unicast address

	DropIPTruncated    // shorter than an IPv4 header
	DropIPVersion      // EtherType says IPv4, the header does not
	DropIPHeaderLength // below 20, or past the frame
	DropIPTotalLength  // below the header's length, or past the frame
	DropIPChecksum
	DropIPSource      // source is no unicast address
	DropIPDestination // destination is no unicast address
	DropIPLand        // source and destination are the same
	DropIPProtocol    // neither TCP nor UDP nor ICMP
	DropAddress       // for the caller: a destination that is not ours

	DropFragmentLength    // empty, no multiple of 8, or past 65,535
	DropFragmentOverlap   // overlaps another; the whole datagram is lost
	DropFragmentEnd       // disagrees about where the datagram ends; all of it is lost
	DropFragmentCount     // more fragments than we keep; the whole datagram is lost
	DropFragmentDuplicate // the same fragment again
	DropFragmentPoisoned  // of a datagram that was lost before

	DropTCPTruncated
	DropTCPOffset // data offset below 5, or past the datagram
	DropTCPChecksum

	DropUDPTruncated
	DropUDPLength // below 8, or past the datagram
	DropUDPChecksum

	DropICMPTruncated
	DropICMPChecksum
	DropICMPType         // a message we have no use for
	DropICMPRedirect     // ignored on purpose
	DropICMPSourceQuench // ignored (RFC 6633)
	DropICMPQuote        // an error that does not quote enough of an IPv4 datagram

	// DropCount is the number of values above, for arrays of counters.
	DropCount
)

var dropNames = [DropCount]string{
	DropNone:              "none",
	DropFragment:          "fragment",
	DropFrameTruncated:    "frame_truncated",
	DropEthSource:         "eth_source",
	DropEthGroup:          "eth_group",
	DropEthAddress:        "eth_address",
	DropEtherType:         "ether_type",
	DropVLAN:              "vlan",
	DropIPv6:              "ipv6",
	DropARPTruncated:      "arp_truncated",
	DropARPFormat:         "arp_format",
	DropARPSender:         "arp_sender",
	DropIPTruncated:       "ip_truncated",
	DropIPVersion:         "ip_version",
	DropIPHeaderLength:    "ip_header_length",
	DropIPTotalLength:     "ip_total_length",
	DropIPChecksum:        "ip_checksum",
	DropIPSource:          "ip_source",
	DropIPDestination:     "ip_destination",
	DropIPLand:            "ip_land",
	DropIPProtocol:        "ip_protocol",
	DropAddress:           "address",
	DropFragmentLength:    "fragment_length",
	DropFragmentOverlap:   "fragment_overlap",
	DropFragmentEnd:       "fragment_end",
	DropFragmentCount:     "fragment_count",
	DropFragmentDuplicate: "fragment_duplicate",
	DropFragmentPoisoned:  "fragment_poisoned",
	DropTCPTruncated:      "tcp_truncated",
	DropTCPOffset:         "tcp_offset",
	DropTCPChecksum:       "tcp_checksum",
	DropUDPTruncated:      "udp_truncated",
	DropUDPLength:         "udp_length",
	DropUDPChecksum:       "udp_checksum",
	DropICMPTruncated:     "icmp_truncated",
	DropICMPChecksum:      "icmp_checksum",
	DropICMPType:          "icmp_type",
	DropICMPRedirect:      "icmp_redirect",
	DropICMPSourceQuench:  "icmp_source_quench",
	DropICMPQuote:         "icmp_quote",
}

// String is the name of the drop's counter.
func (d Drop) String() string {
	if d >= DropCount {
		return "unknown"
	}
	return dropNames[d]
}
