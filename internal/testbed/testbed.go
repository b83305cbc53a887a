package testbed

import (
	"errors"
	"net"
	"net/netip"
)

// ErrNotSupported: this system has no network namespaces.
var ErrNotSupported = errors.New("testbed: not supported on this system")

// VethConfig describes a veth pair. Zero values are left out or take the
// kernel's default, but for the names, which must be given.
type VethConfig struct {
	// NearName and FarName are the interfaces' names in their namespaces.
	NearName, FarName string
	// Queues is the number of receive and of transmit queues of each end; 1
	// when 0.
	Queues int
	// MTU of both ends; 1500 when 0.
	MTU int
	// NearAddr and FarAddr are the kernel's own addresses, with the length of
	// the subnet: 10.77.0.1/24.
	NearAddr, FarAddr netip.Prefix
	// Sources are addresses that a stack of ours answers for at the near end:
	// the far end gets an on-link route to each.
	Sources []netip.Prefix
	// Targets are addresses that the far kernel answers for, without having
	// to be added one by one; the near kernel reaches them through FarAddr.
	Targets []netip.Prefix
	// XDPPassNear and XDPPassFar attach a program that passes everything.
	// What one end sends by XDP_TX or a redirect is only taken by the other
	// when that has a program.
	XDPPassNear, XDPPassFar bool
	// DisableOffloads turns off checksum and segmentation offloads and GRO on
	// both ends: without that the far kernel's frames reach an AF_XDP socket
	// with half a checksum, and larger than the MTU.
	DisableOffloads bool
}

// Pair describes a veth pair that was made.
type Pair struct {
	NearName, FarName   string
	NearIndex, FarIndex int
	NearMAC, FarMAC     net.HardwareAddr
}

// PathConfig describes near ─ middle ─ far, where the middle forwards.
//
// The middle's own addresses are the last usable ones of NearAddr's and
// FarAddr's subnets.
type PathConfig struct {
	// NearName and FarName are the ends' interfaces; the middle's are called
	// "tonear" and "tofar".
	NearName, FarName string
	// Queues and MTU are as in VethConfig.
	Queues, MTU int
	// NoXDP leaves the programs that pass everything away: a veth takes none
	// when its MTU is above about 3,500. AF_XDP cannot work at the near end
	// then.
	NoXDP bool
	// NearAddr and FarAddr are the ends' kernel addresses, in two different
	// subnets: 10.76.0.1/24, 10.77.0.1/24.
	NearAddr, FarAddr netip.Prefix
	// Sources and Targets are as in VethConfig.
	Sources, Targets []netip.Prefix
	// TowardNear and TowardFar are nftables statements for frames on their
	// way to that end, run at the middle's ingress: DropTCP(20), or
	// "tcp option maxseg size set 536".
	TowardNear, TowardFar []string
}

// Path is a path that was made.
type Path struct {
	// ToNear and ToFar are the two veth pairs; their near end is the end of
	// the path, their far end the middle's.
	ToNear, ToFar *Pair
	// Gateway is the middle's address on the near side.
	Gateway netip.Addr
}
