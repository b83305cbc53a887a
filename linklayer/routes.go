package linklayer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// RoutesMax limits a Routes, whose look-up is a scan.
const RoutesMax = 1024

// Route says how a prefix is reached: through Gateway, or, when that is the
// zero Addr, on the link itself.
type Route struct {
	Prefix  netip.Prefix
	Gateway netip.Addr
}

// Routes is an immutable routing table: the longest matching prefix wins, and
// of equals the first given. Any goroutine may use it.
type Routes struct {
	routes []route // longest prefix first
}

type route struct {
	high, low         uint64 // the prefix, IPv4 mapped
	maskHigh, maskLow uint64
	gateway           [16]byte
	onLink            bool
}

// NewRoutes makes a table. A prefix and its gateway must be valid, of one
// family, and the gateway a unicast address.
func NewRoutes(routes []Route) (*Routes, error) {
	if len(routes) > RoutesMax {
		return nil, fmt.Errorf("linklayer: new routes: %d routes exceed the limit of %d", len(routes), RoutesMax)
	}
	sorted := slices.Clone(routes)
	slices.SortStableFunc(sorted, func(a, b Route) int { return mappedBits(b.Prefix) - mappedBits(a.Prefix) })
	t := &Routes{routes: make([]route, 0, len(sorted))}
	for _, r := range sorted {
		if err := r.validate(); err != nil {
			return nil, fmt.Errorf("linklayer: new routes: %w", err)
		}
		t.routes = append(t.routes, makeRoute(r))
	}
	return t, nil
}

func (r Route) validate() error {
	switch {
	case !r.Prefix.IsValid():
		return fmt.Errorf("Route.Prefix %v is not valid", r.Prefix)
	case r.Prefix.Addr().Is4In6():
		return fmt.Errorf("Route.Prefix %v is an IPv4 prefix in IPv6 form: unmap it", r.Prefix)
	case !r.Gateway.IsValid():
		return nil
	case r.Gateway.Unmap().Is4() != r.Prefix.Addr().Is4():
		return fmt.Errorf("Route.Gateway %v of prefix %v is of another family", r.Gateway, r.Prefix)
	case !IsUnicast(r.Gateway.As16()):
		return fmt.Errorf("Route.Gateway %v is a %v address: a gateway is unicast", r.Gateway, Classify(r.Gateway.As16()))
	}
	return nil
}

// mappedBits is the prefix's length in 128-bit form; -1 when it is invalid.
func mappedBits(p netip.Prefix) int {
	if p.IsValid() && p.Addr().Is4() {
		return p.Bits() + 96
	}
	return p.Bits()
}

func makeRoute(r Route) route {
	address, bits := r.Prefix.Masked().Addr().As16(), mappedBits(r.Prefix)
	out := route{
		high:   binary.BigEndian.Uint64(address[:8]),
		low:    binary.BigEndian.Uint64(address[8:]),
		onLink: !r.Gateway.IsValid(),
	}
	// A shift by 64 or more gives 0 in Go.
	out.maskHigh = ^uint64(0) << max(64-bits, 0)
	out.maskLow = ^uint64(0) << (128 - max(bits, 64))
	if !out.onLink {
		out.gateway = r.Gateway.As16()
	}
	return out
}

// NextHop returns the address whose hardware address a packet to destination
// must be sent to: a gateway's, or destination itself on the link. ok is false
// when there is no route.
func (t *Routes) NextHop(destination [16]byte) (hop [16]byte, ok bool) {
	high := binary.BigEndian.Uint64(destination[:8])
	low := binary.BigEndian.Uint64(destination[8:])
	for i := range t.routes {
		r := &t.routes[i]
		if (high^r.high)&r.maskHigh|(low^r.low)&r.maskLow == 0 {
			if r.onLink {
				return destination, true
			}
			return r.gateway, true
		}
	}
	return hop, false
}
