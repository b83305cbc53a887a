package targets

import "net/netip"

// Block is a range of addresses with a reason to leave it alone.
type Block struct {
	Prefix netip.Prefix
	Name   string // what the registry calls it, or the file and line
	Source string // where that is laid down; empty for a file's
}

// Special are the blocks excluded by default: all of IANA's IPv4
// Special-Purpose Address Registry, those that are globally reachable too, and
// multicast. The more special lies within the less.
var Special = []Block{
	special("0.0.0.0/8", "This network", "RFC 791"),
	special("10.0.0.0/8", "Private-Use", "RFC 1918"),
	special("100.64.0.0/10", "Shared Address Space", "RFC 6598"),
	special("127.0.0.0/8", "Loopback", "RFC 1122"),
	special("169.254.0.0/16", "Link Local", "RFC 3927"),
	special("172.16.0.0/12", "Private-Use", "RFC 1918"),
	special("192.0.0.0/24", "IETF Protocol Assignments", "RFC 6890"),
	special("192.0.2.0/24", "Documentation (TEST-NET-1)", "RFC 5737"),
	special("192.31.196.0/24", "AS112-v4", "RFC 7535"),
	special("192.52.193.0/24", "AMT", "RFC 7450"),
	special("192.88.99.0/24", "Deprecated (6to4 Relay Anycast)", "RFC 7526"),
	special("192.168.0.0/16", "Private-Use", "RFC 1918"),
	special("192.175.48.0/24", "Direct Delegation AS112 Service", "RFC 7534"),
	special("198.18.0.0/15", "Benchmarking", "RFC 2544"),
	special("198.51.100.0/24", "Documentation (TEST-NET-2)", "RFC 5737"),
	special("203.0.113.0/24", "Documentation (TEST-NET-3)", "RFC 5737"),
	special("224.0.0.0/4", "Multicast", "RFC 1112"),
	special("240.0.0.0/4", "Reserved", "RFC 1112"),
	special("255.255.255.255/32", "Limited Broadcast", "RFC 8190"),
}

func special(prefix, name, source string) Block {
	return Block{Prefix: netip.MustParsePrefix(prefix), Name: name, Source: source}
}

// String names the block as a refusal does.
func (b Block) String() string {
	if b.Source == "" {
		return b.Prefix.String() + " (" + b.Name + ")"
	}
	return b.Prefix.String() + " (" + b.Name + ", " + b.Source + ")"
}
