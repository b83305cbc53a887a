package dnsend

import (
	"net/netip"
	"strings"
)

// Config says where a far end answers.
type Config struct {
	// Interface is the device's name in the calling thread's namespace.
	Interface string
	// Target are the servers' addresses; IPv4. Root is that of the root's.
	Target netip.Prefix
	Root   netip.Addr
}

// Counters are the frames that a far end received, by what they were.
type Counters struct {
	Referrals, Answers uint64 // sent
	Malformed          uint64 // dropped
	NoRoom             uint64 // dropped: the reply did not fit into the frame
	ARP                uint64 // answered
}

// Answer is the A record of a name, with or without the final dot.
func Answer(name string) netip.Addr {
	h := uint32(2166136261) // FNV-1a over the name as it is on the wire
	for label := range strings.SplitSeq(strings.TrimSuffix(strings.ToLower(name), "."), ".") {
		h = (h ^ uint32(len(label))) * 16777619
		for k := range len(label) {
			h = (h ^ uint32(label[k])) * 16777619
		}
	}
	return netip.AddrFrom4([4]byte{11, byte(h >> 16), byte(h >> 8), byte(h)})
}
