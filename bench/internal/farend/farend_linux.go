package farend

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// The include path is Debian's, where clang does not look for asm/ by itself
// when it compiles for BPF.
//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -tags linux -type counters farend farend.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu

// FarEnd is an attached program.
type FarEnd struct {
	objects farendObjects
	link    link.Link
}

// Attach loads the program and attaches it in native mode to a device of the
// calling thread's network namespace. The attachment is a BPF link: it ends
// with the process at the latest.
func Attach(c Config) (f *FarEnd, err error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	device, err := net.InterfaceByName(c.Interface)
	if err != nil {
		return nil, fmt.Errorf("farend: interface %q: %w", c.Interface, err)
	}
	spec, err := c.spec(device)
	if err != nil {
		return nil, err
	}
	f = &FarEnd{}
	if err := spec.LoadAndAssign(&f.objects, nil); err != nil {
		return nil, fmt.Errorf("farend: loading the program: %w", err)
	}
	f.link, err = link.AttachXDP(link.XDPOptions{
		Program:   f.objects.Farend,
		Interface: device.Index,
		Flags:     link.XDPDriverMode,
	})
	if err != nil {
		f.objects.Close()
		return nil, fmt.Errorf("farend: attaching to %s: %w", c.Interface, err)
	}
	return f, nil
}

// validate refuses what the program cannot do.
func (c Config) validate() error {
	switch {
	case !c.Target.IsValid() || !c.Target.Addr().Is4():
		return fmt.Errorf("farend: Target %v is not an IPv4 prefix", c.Target)
	case len(c.Reply) > ReplyMax:
		return fmt.Errorf("farend: Reply of %d bytes exceeds one segment of %d", len(c.Reply), ReplyMax)
	}
	return nil
}

// spec is the program with its constants filled in.
func (c Config) spec(device *net.Interface) (*ebpf.CollectionSpec, error) {
	spec, err := loadFarend()
	if err != nil {
		return nil, fmt.Errorf("farend: reading the program: %w", err)
	}
	var mac [6]byte
	copy(mac[:], device.HardwareAddr)
	var reply [ReplyMax]byte
	copy(reply[:], c.Reply)
	flag := map[bool]uint8{true: 1}
	network := c.Target.Masked().Addr().As4()
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], uint32(uint64(0xffffffff)<<(32-c.Target.Bits())))

	for name, value := range map[string]any{
		"target_net":   binary.NativeEndian.Uint32(network[:]),
		"target_mask":  binary.NativeEndian.Uint32(mask[:]),
		"mac":          mac,
		"reply":        reply,
		"reply_length": uint32(len(c.Reply)),
		"reply_sum":    sum(c.Reply),
		"seed":         rand.Uint32(),
		"verify":       flag[c.Verify],
		"silent":       flag[c.Silent],
	} {
		if err := spec.Variables[name].Set(value); err != nil {
			return nil, fmt.Errorf("farend: setting %s: %w", name, err)
		}
	}
	return spec, nil
}

// sum adds up the 16-bit words of b as they lie in memory, the last one padded
// with zero; for up to ReplyMax bytes it cannot overflow.
func sum(b []byte) (total uint32) {
	for ; len(b) > 1; b = b[2:] {
		total += uint32(binary.NativeEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(binary.NativeEndian.Uint16([]byte{b[0], 0}))
	}
	return total
}

// Counters sums up what the program counted on all processors.
func (f *FarEnd) Counters() (total Counters, err error) {
	var each []farendCounters
	if err := f.objects.Counts.Lookup(uint32(0), &each); err != nil {
		return total, fmt.Errorf("farend: reading the counters: %w", err)
	}
	for _, c := range each {
		total.SYN += c.Syn
		total.Data += c.Data
		total.Part += c.Part
		total.ACK += c.Ack
		total.FIN += c.Fin
		total.RST += c.Rst
		total.ARP += c.Arp
		total.Malformed += c.Malformed
		total.BadChecksum += c.BadChecksum
		total.NoRoom += c.NoRoom
		total.Bytes += c.Bytes
		total.Sent += c.Sent
		total.WireIn += c.WireIn
		total.WireOut += c.WireOut
	}
	return total, nil
}

// CountTime has the kernel count the time that XDP programs run, until the
// closer is closed; it costs each run two reads of the clock.
func CountTime() (io.Closer, error) {
	c, err := ebpf.EnableStats(uint32(unix.BPF_STATS_RUN_TIME))
	if err != nil {
		return nil, fmt.Errorf("farend: counting programs' time: %w", err)
	}
	return c, nil
}

// Took is how long the program has run while CountTime was in force.
func (f *FarEnd) Took() (time.Duration, error) {
	s, err := f.objects.Farend.Stats()
	if err != nil {
		return 0, fmt.Errorf("farend: reading the program's time: %w", err)
	}
	return s.Runtime, nil
}

// Close detaches the program. Afterwards nothing is answered any more.
func (f *FarEnd) Close() error {
	return errors.Join(f.link.Close(), f.objects.Close())
}
