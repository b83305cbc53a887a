// Package linklayer turns bytes into segments and segments into bytes:
// Ethernet, ARP, IPv4, TCP, UDP and ICMP. It also answers the two questions
// that stand between an address and a frame: which hop comes next (Routes),
// and what is its hardware address (Neighbors).
//
// # Terms
//
// A frame begins at the Ethernet header and is one contiguous piece of
// memory. Addresses are 16 bytes; IPv4 stands in its mapped form
// (::ffff:a.b.c.d). A Drop says why a frame went no further; each reason has a
// name that a counter can carry. A Path is what is constant for all packets to
// one next hop.
//
// # Parsing
//
// Parse fills a Packet that the caller uses again for each frame. Its slices
// point into the frame and end with it. Every length is checked before it is
// used; bytes after the datagram's total length are padding and never looked
// at. Fields are read with gVisor's header package.
//
// Parse does not know which addresses are ours: the caller compares
// Packet.Destination (and EthDestination, on a device that hears more than its
// own frames) and counts DropAddress and DropEthAddress.
//
// A TTL of zero or one is accepted (RFC 1122 §3.2.1.7: the limit is for
// routers). IPv4 options are skipped; source routes are not followed.
//
// # Emitting
//
// EmitTCP, EmitUDP, EmitARP and EmitICMPEchoReply write a whole frame into the
// caller's memory and return its length, or 0 when it does not fit. Frames are
// not padded to Ethernet's 60 bytes: drivers do that. Every IPv4 packet has DF
// set; its identification may be anything (RFC 6864 §4.1). IDs supplies
// unpredictable ones, because there are devices that clear DF and fragment.
// Transport checksums are complete, unless Path.WithPartialChecksum leaves them
// to a device that said it would (iobackend.Info.TransmitChecksum).
//
// # Concurrency and memory
//
// Parse and the Emit functions keep no state and may run anywhere. A
// Reassembler and an IDs belong to one goroutine. Routes is immutable.
// Neighbors is for all workers of an interface: Lookup takes no lock.
// Nothing on a packet's way allocates; a Reassembler allocates when a first
// fragment arrives (at most ReassemblyBytesMax all told) and Neighbors when an
// address is learned.
//
// # Limits
//
// IPv6 and VLAN tags are dropped by name. A frame in several pieces (jumbo
// frames) must be made contiguous first. Fragments are kept for
// ReassemblyTimeout.
package linklayer
