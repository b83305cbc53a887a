package scannet

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Prefix are the hosts.
var Prefix = netip.MustParsePrefix("10.64.0.0/14")

// Kind is what a host is.
type Kind uint8

// The kinds.
const (
	Plain       Kind = iota // has ports that are open, closed or silent
	Silent                  // answers nothing
	Everything              // answers everything, as a SYN proxy
	Unreachable             // its router says that it is not there
)

// State is what a port of a plain host is.
type State uint8

// The states.
const (
	Closed State = iota
	Open
	Quiet
)

// Hosts are all hosts; Seed names them.
type Hosts struct{ Seed uint64 }

// Kind is what a host is.
func (h Hosts) Kind(address uint32) Kind {
	switch x := hash(uint64(address), h.Seed); {
	case x&1 == 0:
		return Silent
	case x>>1&31 == 0:
		return Everything
	case x>>1&31 == 1:
		return Unreachable
	}
	return Plain
}

// State is what a port of a plain host is; port 0 stands for answering pings.
func (h Hosts) State(address uint32, port uint16) State {
	switch hash(uint64(address)<<16|uint64(port), ^h.Seed) & 3 {
	case 0:
		return Open
	case 1:
		return Quiet
	}
	return Closed
}

// Greeting is what a TCP port says first.
func Greeting(dst []byte, address uint32, port uint16) []byte {
	return fmt.Appendf(dst, "220 %v port %d ready\r\n", addr(address), port)
}

func addr(address uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, address)))
}

func hash(x, key uint64) uint64 {
	x = (x ^ key) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
