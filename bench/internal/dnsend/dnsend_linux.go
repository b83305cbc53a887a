package dnsend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/cilium/ebpf/link"
)

// The include path is Debian's, where clang does not look for asm/ by itself
// when it compiles for BPF.
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -tags linux -type counters dnsend dnsend.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu

// FarEnd is an attached program.
type FarEnd struct {
	objects dnsendObjects
	link    link.Link
}

// Attach loads the program and attaches it in native mode to a device of the
// calling thread's network namespace. The attachment is a BPF link: it ends with
// the process at the latest.
func Attach(c Config) (f *FarEnd, err error) {
	if !c.Target.IsValid() || !c.Target.Addr().Is4() || !c.Target.Contains(c.Root) {
		return nil, fmt.Errorf("dnsend: Target %v is no IPv4 prefix with Root %v in it", c.Target, c.Root)
	}
	device, err := net.InterfaceByName(c.Interface)
	if err != nil {
		return nil, fmt.Errorf("dnsend: interface %q: %w", c.Interface, err)
	}
	spec, err := loadDnsend()
	if err != nil {
		return nil, fmt.Errorf("dnsend: reading the program: %w", err)
	}
	network, root := c.Target.Masked().Addr().As4(), c.Root.As4()
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], uint32(uint64(0xffffffff)<<(32-c.Target.Bits())))
	for name, value := range map[string]any{
		"target_net": binary.NativeEndian.Uint32(network[:]), "target_mask": binary.NativeEndian.Uint32(mask[:]),
		"root": binary.NativeEndian.Uint32(root[:]), "mac": [6]byte(device.HardwareAddr),
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("dnsend: setting %s: %w", name, err)
		}
	}
	f = &FarEnd{}
	if err := spec.LoadAndAssign(&f.objects, nil); err != nil {
		return nil, fmt.Errorf("dnsend: loading the program: %w", err)
	}
	f.link, err = link.AttachXDP(link.XDPOptions{Program: f.objects.Dnsend, Interface: device.Index, Flags: link.XDPDriverMode})
	if err != nil {
		f.objects.Close()
		return nil, fmt.Errorf("dnsend: attaching to %s: %w", c.Interface, err)
	}
	return f, nil
}

// Counters sums up what the program counted on all processors.
func (f *FarEnd) Counters() (total Counters, err error) {
	var each []dnsendCounters
	if err := f.objects.Counts.Lookup(uint32(0), &each); err != nil {
		return total, fmt.Errorf("dnsend: reading the counters: %w", err)
	}
	for _, c := range each {
		total.Referrals += c.Referrals
		total.Answers += c.Answers
		total.Malformed += c.Malformed
		total.NoRoom += c.NoRoom
		total.ARP += c.Arp
	}
	return total, nil
}

// Close detaches the program.
func (f *FarEnd) Close() error { return errors.Join(f.link.Close(), f.objects.Close()) }
