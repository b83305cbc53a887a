// Package flags has the values that the commands' flags share.
package flags

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Prefixes is the value of -source: addresses and CIDRs with commas between.
type Prefixes []netip.Prefix

// String is empty: there is no default.
func (p *Prefixes) String() string { return "" }

// Set adds what text lists.
func (p *Prefixes) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		prefix, err := netip.ParsePrefix(part)
		if addr, ok := netip.ParseAddr(part); ok == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil || !prefix.Addr().Is4() {
			return fmt.Errorf("%q is no IPv4 address or CIDR such as 192.0.2.128/25", part)
		}
		for _, other := range *p {
			if other.Overlaps(prefix) {
				return fmt.Errorf("%v and %v overlap: give each address once", other, prefix)
			}
		}
		*p = append(*p, prefix.Masked())
	}
	return nil
}

// Addresses is a list of addresses with commas between.
type Addresses []netip.Addr

// String is empty: there is no default.
func (a *Addresses) String() string { return "" }

// Set adds what text lists.
func (a *Addresses) Set(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		addr, err := netip.ParseAddr(part)
		if err != nil || !addr.Is4() {
			return fmt.Errorf("%q is no IPv4 address such as 192.0.2.1", part)
		}
		*a = append(*a, addr)
	}
	return nil
}

// Address is the value of -gateway.
type Address struct{ netip.Addr }

// String is empty: there is no default.
func (a *Address) String() string { return "" }

// Set reads an address.
func (a *Address) Set(text string) (err error) {
	if a.Addr, err = netip.ParseAddr(text); err != nil || !a.Is4() {
		return fmt.Errorf("%q is no IPv4 address such as 192.0.2.1", text)
	}
	return nil
}

// MAC is the value of -gateway-mac.
type MAC net.HardwareAddr

// String is empty: there is no default.
func (m *MAC) String() string { return "" }

// Set reads an Ethernet address.
func (m *MAC) Set(text string) error {
	addr, err := net.ParseMAC(text)
	if err != nil || len(addr) != 6 {
		return fmt.Errorf("%s is no Ethernet address such as 02:00:00:00:00:01", strconv.Quote(text))
	}
	*m = MAC(addr)
	return nil
}

// Strings is a flag that may be repeated.
type Strings []string

// String is empty: there is no default.
func (s *Strings) String() string { return "" }

// Set adds one.
func (s *Strings) Set(text string) error {
	*s = append(*s, text)
	return nil
}
