package linklayer

import "myriad/internal/seq"

// Kind says what a packet is, and so which of its members were filled.
type Kind uint8

const (
	KindNone      Kind = iota // nothing was parsed, or the frame was dropped
	KindTCP                   // Segment
	KindUDP                   // UDPPayload
	KindARP                   // ARP
	KindICMPError             // ICMP, with what it quotes
	KindICMPEcho              // a request to be answered with EmitICMPEchoReply
	KindOther                 // ICMP echo reply: ICMP.Type, Code, Echo
)

var kindNames = [...]string{"none", "tcp", "udp", "arp", "icmp_error", "icmp_echo", "other"}

// String returns the kind's name.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return "unknown"
	}
	return kindNames[k]
}

// Packet is a parsed frame. Parse fills the members that Kind tells and leaves
// the others as they were. Slices point into the frame.
type Packet struct {
	Kind     Kind
	TTL, TOS uint8
	Protocol uint8 // IPv4's protocol number

	EthSource, EthDestination   [6]byte
	Source, Destination         [16]byte // IPv4 mapped
	SourcePort, DestinationPort uint16   // TCP and UDP

	Segment    Segment
	UDPPayload []byte
	ARP        ARP
	ICMP       ICMP
}

// ARPOp tells a request from a reply.
type ARPOp uint16

const (
	ARPRequest ARPOp = 1
	ARPReply   ARPOp = 2
)

// ARP is an ARP message for IPv4 over Ethernet (RFC 826).
type ARP struct {
	Op       ARPOp
	Sender   [6]byte
	SenderIP [16]byte // unspecified (::ffff:0.0.0.0) in a probe (RFC 5227)
	Target   [6]byte
	TargetIP [16]byte
}

// Types of ICMP messages that come in a Packet.
const (
	ICMPEchoReply        = 0
	ICMPUnreachable      = 3
	ICMPSourceQuench     = 4
	ICMPRedirect         = 5
	ICMPEcho             = 8
	ICMPTimeExceeded     = 11
	ICMPParameterProblem = 12
)

// ICMPPortUnreachable is the code of ICMPUnreachable that says that nobody is
// at the port.
const ICMPPortUnreachable = 3

// ICMPFragmentationNeeded is the code of ICMPUnreachable that tells a path's
// MTU (RFC 1191).
const ICMPFragmentationNeeded = 4

// ICMP is an ICMP message (RFC 792). MTU and Quoted are filled for errors.
type ICMP struct {
	Type, Code uint8
	// MTU of the next hop; only with ICMPFragmentationNeeded, and 0 from
	// routers older than RFC 1191.
	MTU    uint16
	Quoted Quoted
	// Echo is an echo reply's identifier and sequence number, as one number.
	Echo uint32
}

// Quoted is what an ICMP error tells of the packet that caused it: ours, so
// Source is our end. Whoever can send us an ICMP error can make it up: check
// that Seq is in flight (RFC 5927 §4).
type Quoted struct {
	Protocol                    uint8
	Source, Destination         [16]byte
	SourcePort, DestinationPort uint16
	Seq                         seq.Number // TCP's; of an ICMP echo its identifier and sequence number
}

// IP protocol numbers.
const (
	ProtocolICMP = 1
	ProtocolTCP  = 6
	ProtocolUDP  = 17
)
