package afpacket

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Offsets into an Ethernet frame with IPv4 or ARP.
const (
	atEtherType   = 12
	atProtocol    = 14 + 9
	atDestination = 14 + 16
	atARPSender   = 14 + 14
	atARPTarget   = 14 + 24
)

const (
	acceptAll   = 0x7FFFFFFF // as many bytes as the frame has
	prefixesMax = 500        // 4,096 instructions, up to 8 for each
)

func statement(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

// skipUnless compares with k and jumps over the next skip instructions when it
// is not equal.
func skipUnless(k uint32, skip uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: skip, K: k}
}

func load(size uint16, at uint32) unix.SockFilter {
	return statement(unix.BPF_LD|unix.BPF_ABS|size, at)
}

// nothingFilter drops every frame.
func nothingFilter() []unix.SockFilter {
	return []unix.SockFilter{statement(unix.BPF_RET|unix.BPF_K, 0)}
}

// ownFilter takes IPv4 TCP, UDP and ICMP to the addresses, and ARP from or
// about them. Loads beyond the frame's end drop it.
func ownFilter(addresses []netip.Prefix) ([]unix.SockFilter, error) {
	merged := mergePrefixes(addresses)
	if len(merged) > prefixesMax {
		return nil, fmt.Errorf("Config.Addresses has %d prefixes that do not adjoin, more than the %d that a socket filter holds", len(merged), prefixesMax)
	}
	match := matchPrefixes(merged)
	drop := statement(unix.BPF_RET|unix.BPF_K, 0)
	either := func(k uint32, skip uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: skip, K: k}
	}
	// ARP: the sender is matched here, the target as a destination below.
	arp := append([]unix.SockFilter{load(unix.BPF_W, atARPSender)}, match...)
	arp = append(arp, load(unix.BPF_W, atARPTarget))

	code := []unix.SockFilter{
		0:  load(unix.BPF_H, atEtherType),
		1:  either(unix.ETH_P_ARP, 8), // to 10
		2:  skipUnless(unix.ETH_P_IP, 4),
		3:  load(unix.BPF_B, atProtocol),
		4:  either(unix.IPPROTO_TCP, 3), // to 8
		5:  either(unix.IPPROTO_UDP, 2),
		6:  either(unix.IPPROTO_ICMP, 1),
		7:  drop,
		8:  load(unix.BPF_W, atDestination),
		9:  statement(unix.BPF_JMP|unix.BPF_JA, uint32(len(arp))), // further than a comparison reaches
		10: {},
	}
	code = append(append(code[:10], arp...), match...)
	return append(code, drop), nil
}

// matchPrefixes returns from the filter with acceptance when the address in the
// accumulator lies in a prefix, and falls through otherwise.
func matchPrefixes(prefixes []netip.Prefix) (code []unix.SockFilter) {
	accept := statement(unix.BPF_RET|unix.BPF_K, acceptAll)
	code = append(code, statement(unix.BPF_ST, 0)) // M[0] = A
	for _, p := range prefixes {
		network := binary.BigEndian.Uint32(p.Addr().AsSlice())
		if p.Bits() == 32 {
			code = append(code, skipUnless(network, 1), accept)
			continue
		}
		mask := uint32(uint64(0xFFFFFFFF) << (32 - p.Bits()))
		code = append(code,
			statement(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, mask),
			skipUnless(network, 1), accept,
			statement(unix.BPF_LD|unix.BPF_MEM, 0))
	}
	return code
}

// mergePrefixes leaves out prefixes that lie in others, and joins neighbours.
func mergePrefixes(prefixes []netip.Prefix) []netip.Prefix {
	sorted := slices.Clone(prefixes)
	slices.SortFunc(sorted, func(a, b netip.Prefix) int {
		if c := a.Addr().Compare(b.Addr()); c != 0 {
			return c
		}
		return a.Bits() - b.Bits()
	})
	var merged []netip.Prefix
	for _, p := range sorted {
		if n := len(merged); n > 0 && merged[n-1].Overlaps(p) {
			continue // sorted: the one before is the larger
		}
		merged = append(merged, p)
		for n := len(merged); n > 1; n = len(merged) {
			a, b := merged[n-2], merged[n-1]
			parent := netip.PrefixFrom(a.Addr(), a.Bits()-1)
			if a.Bits() != b.Bits() || a.Bits() == 0 || parent != parent.Masked() || !parent.Contains(b.Addr()) {
				break
			}
			merged = append(merged[:n-2], parent)
		}
	}
	return merged
}

// steerProgram chooses the queue of a fan-out group: local port mod queues. It
// sees the packet from the IP header on. What has no port, or is the later part
// of a fragmented packet, goes to queue 0.
func steerProgram() []unix.SockFilter {
	const toMSH = unix.BPF_LDX | unix.BPF_B | unix.BPF_MSH // X = IP header's length
	jumpEqual := func(k uint32, yes uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, K: k}
	}
	return []unix.SockFilter{
		// The kernel keeps the protocol beside the packet; ARP has no ports.
		0: statement(unix.BPF_LD|unix.BPF_H|unix.BPF_ABS, uint32(0xFFFFF000)), // SKF_AD_OFF + SKF_AD_PROTOCOL
		1: skipUnless(unix.ETH_P_IP, 12),                                      // to 14
		2: load(unix.BPF_H, 6),                                                // fragment offset
		3: {Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jt: 10, K: 0x1FFF},
		4: statement(toMSH, 0),
		5: load(unix.BPF_B, 9),
		6: jumpEqual(unix.IPPROTO_TCP, 5), // to 12
		7: jumpEqual(unix.IPPROTO_UDP, 4), // to 12
		8: skipUnless(unix.IPPROTO_ICMP, 5),
		// The packet an ICMP error is about lies 8 bytes on, and was ours: its
		// first port is the local one. Its header is without options, since we
		// send none. An echo has something else there: no matter, any queue
		// will do.
		9:  statement(unix.BPF_LD|unix.BPF_H|unix.BPF_IND, 8+20),
		10: statement(unix.BPF_RET|unix.BPF_A, 0),
		11: statement(unix.BPF_RET|unix.BPF_K, 0),
		12: statement(unix.BPF_LD|unix.BPF_H|unix.BPF_IND, 2),
		13: statement(unix.BPF_RET|unix.BPF_A, 0),
		14: statement(unix.BPF_RET|unix.BPF_K, 0),
	}
}
