package farend

import "net/netip"

const (
	// ReplyMax is the longest reply in bytes: one segment of a 1,500-byte MTU.
	ReplyMax = 1460
	// GrowMax is by how many bytes an answer's frame may exceed its question's
	// for certain.
	GrowMax = 208
)

// Config says where a far end answers and with what.
type Config struct {
	// Interface is the device's name in the calling thread's namespace.
	Interface string
	// Target are the addresses that it answers for; IPv4.
	Target netip.Prefix
	// Reply is the answer to each request, at most ReplyMax bytes; none when
	// empty: the request is acknowledged only.
	Reply []byte
	// Verify drops and counts segments with a wrong checksum. It is slow, and
	// not for clients that leave their checksums to the device, as the kernel
	// does on a veth.
	Verify bool
	// Silent counts SYNs and answers none, as a network in which nobody is.
	Silent bool
}

// Counters are the frames that a far end received since it was attached, by
// what they were; each counts once in those up to NoRoom.
type Counters struct {
	SYN         uint64 // answered with a SYN-ACK, but for Silent
	Data        uint64 // the last piece of a request: answered with the reply
	Part        uint64 // another piece of a request: acknowledged
	ACK         uint64 // bare: not answered
	FIN         uint64 // answered with a FIN-ACK
	RST         uint64 // not answered
	ARP         uint64 // answered
	Malformed   uint64 // dropped: lengths that do not fit, fragments, not TCP
	BadChecksum uint64 // dropped: only with Config.Verify
	NoRoom      uint64 // dropped: the answer did not fit into the frame
	Bytes       uint64 // payload bytes received

	Sent uint64 // answers
	// WireIn and WireOut are the bytes that the frames received and the answers
	// take on a wire: padding, check sequence, preamble and gap with them, 84 at
	// least each.
	WireIn, WireOut uint64
}

// Received is the number of frames for the target.
func (c Counters) Received() uint64 {
	return c.SYN + c.Data + c.Part + c.ACK + c.FIN + c.RST + c.ARP +
		c.Malformed + c.BadChecksum + c.NoRoom
}

// Dropped is the number of frames that should have been answered and were not.
func (c Counters) Dropped() uint64 {
	return c.Malformed + c.BadChecksum + c.NoRoom
}
