package netinfo

import (
	"errors"
	"net"
	"net/netip"
)

// Errors that Lookup wraps.
var (
	// ErrNoInterface: the namespace has no interface of that name.
	ErrNoInterface = errors.New("no such network interface")
	// ErrDown: the interface is there but is not up.
	ErrDown = errors.New("network interface is down")
	// ErrNotSupported: this system cannot be asked.
	ErrNotSupported = errors.New("not supported on this system")
)

// Info is what the kernel knows about an interface.
type Info struct {
	Name  string
	Index int
	// Kind is what the kernel calls a virtual interface, as "veth"; "device" of a
	// real one, and empty where it does not tell.
	Kind string
	// HardwareAddr is empty for interfaces without one.
	HardwareAddr net.HardwareAddr
	// MTU is the largest IP packet in bytes.
	MTU int
	// ReceiveQueues and TransmitQueues are the numbers in use now.
	ReceiveQueues, TransmitQueues int
	// RSS is how the device spreads TCP over IPv4 over its receive queues; nil
	// where the driver does not tell, or does it in another way.
	RSS *RSS
	// XDPProgram is the id of a program that is attached already, or 0.
	XDPProgram uint32
	// Addresses are the kernel's own on any interface of the namespace.
	Addresses []Address
	// LocalRoutes are all prefixes that the kernel answers for: those of
	// Addresses, and local routes beyond them.
	LocalRoutes []netip.Prefix
	// Routes are those through this interface, the longest prefix first and
	// the lowest metric first within it.
	Routes []Route
}

// RSS is receive side scaling by the Toeplitz hash over addresses and ports.
type RSS struct {
	Key         []byte
	Indirection []uint32
}

// Address is an address of the kernel's.
type Address struct {
	// Prefix is the address, not masked, with its subnet's length.
	Prefix netip.Prefix
	// InterfaceIndex is whose it is.
	InterfaceIndex int
}

// Route is a route through the interface.
type Route struct {
	// Destination is 0.0.0.0/0 or ::/0 for the default route.
	Destination netip.Prefix
	// Gateway is the zero Addr when the destination is on the link.
	Gateway netip.Addr
	// Metric is the route's priority; less is better.
	Metric int
}

// KernelOwns returns the kernel's address or prefix that overlaps p, if there
// is one: a stack of ours cannot use such an address.
func (in *Info) KernelOwns(p netip.Prefix) (netip.Prefix, bool) {
	for _, a := range in.Addresses {
		if p.Contains(a.Prefix.Addr()) {
			return netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()), true
		}
	}
	for _, r := range in.LocalRoutes {
		if r.Overlaps(p) {
			return r, true
		}
	}
	return netip.Prefix{}, false
}

// NextHop returns who takes frames for dst: dst itself where it is on the
// link, a gateway otherwise; false where no route through this interface
// leads there.
func (in *Info) NextHop(dst netip.Addr) (netip.Addr, bool) {
	for _, r := range in.Routes {
		if !r.Destination.Contains(dst) {
			continue
		}
		if r.Gateway.IsValid() {
			return r.Gateway, true
		}
		return dst, true
	}
	return netip.Addr{}, false
}
