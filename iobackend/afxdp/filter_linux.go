package afxdp

//go:generate ./generate.sh

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"myriad/iobackend"
)

// prefixesInline is the number of prefixes that are constants of the program
// (PREFIXES_MAX in filter.c); more go into the trie.
const prefixesInline = 8

// filterPrefix is struct prefix of filter.c, in network order.
type filterPrefix struct{ Net, Mask [4]byte }

// trieKey is struct trie_key of filter.c.
type trieKey struct {
	Bits uint32
	Addr [4]byte
}

// filter is the XDP program, loaded and perhaps attached.
type filter struct {
	program *ebpf.Program
	// stamped is the program that asks for timestamps, bound to the device;
	// nil where that cannot be had.
	stamped *ebpf.Program
	sockets *ebpf.Map
	// live are the maps of live.h by name; empty without.
	live map[string]*ebpf.Map
	link link.Link
}

// filterConfig is what the program depends on.
type filterConfig struct {
	name      string
	ifindex   int
	addresses []netip.Prefix
	sockets   int
	pieces    bool
	stamps    bool
	shared    *iobackend.Shared
	live      *plan // nil: nothing is sent by live frames
}

// loadFilter loads the program.
func loadFilter(c filterConfig) (*filter, error) {
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(filterObject))
	if err != nil {
		return nil, fmt.Errorf("afxdp: read the embedded XDP program: %w", err)
	}
	if err := chooseEntries(spec, c); err != nil {
		return nil, fmt.Errorf("afxdp: prepare the XDP program: %w", err)
	}
	spec.Maps["sockets"].MaxEntries = uint32(c.sockets)
	keys, err := setAddresses(spec, c.addresses)
	if err == nil {
		err = setShared(spec, c.shared)
	}
	if err != nil {
		return nil, fmt.Errorf("afxdp: prepare the XDP program: %w", err)
	}
	all, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, explainLoad(c.name, err)
	}
	defer all.Close()
	for _, k := range keys {
		if err := all.Maps["trie"].Put(k, uint32(1)); err != nil {
			return nil, fmt.Errorf("afxdp: give the XDP program %d addresses: %w", len(keys), err)
		}
	}
	f := &filter{
		program: all.DetachProgram(plainEntry),
		stamped: all.DetachProgram(stampedEntry),
		sockets: all.DetachMap("sockets"),
	}
	if c.live != nil {
		f.program = all.DetachProgram(liveEntry)
		f.live = make(map[string]*ebpf.Map, len(liveMaps))
		for _, name := range liveMaps {
			f.live[name] = all.DetachMap(name)
		}
	}
	return f, nil
}

// The programs of filter.c.
const plainEntry, stampedEntry, liveEntry = "filter", "filter_timestamp", "filter_live"

// chooseEntries prepares the programs that shall be loaded.
func chooseEntries(spec *ebpf.CollectionSpec, c filterConfig) error {
	if c.live != nil {
		delete(spec.Programs, plainEntry)
		if err := setLive(spec, c.live); err != nil {
			return err
		}
	} else {
		delete(spec.Programs, liveEntry)
		for _, name := range liveMaps {
			delete(spec.Maps, name)
		}
	}
	if c.stamps {
		spec.Programs[stampedEntry].Ifindex = uint32(c.ifindex)
		spec.Programs[stampedEntry].Flags |= unix.BPF_F_XDP_DEV_BOUND_ONLY
	} else {
		delete(spec.Programs, stampedEntry)
	}
	if c.pieces {
		for _, p := range spec.Programs {
			p.Flags |= unix.BPF_F_XDP_HAS_FRAGS
		}
	}
	return nil
}

// setAddresses writes few prefixes into the program; it returns the keys of
// the trie for many.
func setAddresses(spec *ebpf.CollectionSpec, addresses []netip.Prefix) ([]trieKey, error) {
	if len(addresses) <= prefixesInline {
		var inline [prefixesInline]filterPrefix
		for i, p := range addresses {
			inline[i].Net = p.Masked().Addr().As4()
			for bit := range p.Bits() {
				inline[i].Mask[bit/8] |= 0x80 >> (bit % 8)
			}
		}
		if err := spec.Variables["prefixes"].Set(inline); err != nil {
			return nil, err
		}
		return nil, spec.Variables["prefix_count"].Set(uint32(len(addresses)))
	}
	keys := make([]trieKey, len(addresses))
	for i, p := range addresses {
		keys[i] = trieKey{uint32(p.Bits()), p.Masked().Addr().As4()}
	}
	spec.Maps["trie"].MaxEntries = uint32(len(keys))
	return keys, spec.Variables["use_trie"].Set(uint32(1))
}

// setShared writes the address that is shared with the kernel into the
// program.
func setShared(spec *ebpf.CollectionSpec, s *iobackend.Shared) error {
	if s == nil {
		return nil
	}
	return errors.Join(
		spec.Variables["shared_addr"].Set(s.Address.As4()),
		spec.Variables["shared_min"].Set(s.PortMin),
		spec.Variables["shared_max"].Set(s.PortMax),
	)
}

// attach attaches the program by a link. It reports whether that is in native
// mode.
func (f *filter) attach(c filterConfig, generic bool) (native bool, err error) {
	if !generic {
		program := f.program
		if f.stamped != nil {
			program = f.stamped
		}
		f.link, err = link.AttachXDP(link.XDPOptions{
			Program: program, Interface: c.ifindex, Flags: link.XDPDriverMode,
		})
		if err == nil {
			return true, nil
		}
		if attachIsFinal(err) {
			return false, explainAttach(c.name, err)
		}
		return false, errNoNative
	}
	f.link, err = link.AttachXDP(link.XDPOptions{
		Program: f.program, Interface: c.ifindex, Flags: link.XDPGenericMode,
	})
	if err != nil {
		return false, explainAttach(c.name, err)
	}
	return false, nil
}

// attached reports whether the link still holds the program to the interface:
// root can detach any.
func (f *filter) attached() (bool, error) {
	info, err := f.link.Info()
	if err != nil {
		return false, err
	}
	x := info.XDP()
	return x == nil || x.Ifindex != 0, nil
}

// attachAgain puts a new link in the place of one that was detached. It fails
// where another program is attached.
func (f *filter) attachAgain(ifindex int, native bool) error {
	o := link.XDPOptions{Program: f.program, Interface: ifindex, Flags: link.XDPGenericMode}
	if native {
		o.Flags = link.XDPDriverMode
		if f.stamped != nil {
			o.Program = f.stamped
		}
	}
	l, err := link.AttachXDP(o)
	if err != nil {
		return err
	}
	_ = f.link.Close() // holds nothing any more
	f.link = l
	return nil
}

// attachIsFinal: generic mode would fail in the same way. Everything else is
// the driver's "not in native mode", for which drivers have many errors: veth
// says ERANGE when its peer's MTU is too large and ENOSPC when it has too few
// queues, others ENOMEM, EINVAL, EOPNOTSUPP or the kernel's own ENOTSUPP.
func attachIsFinal(err error) bool {
	for _, e := range []error{unix.EPERM, unix.EACCES, unix.EBUSY, unix.EEXIST, unix.ENODEV} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// dropStamps puts the plain program in the place of the one that asks for
// timestamps.
func (f *filter) dropStamps() error {
	if f.link == nil || f.stamped == nil {
		return nil
	}
	if err := f.link.Update(f.program); err != nil {
		return err
	}
	err := f.stamped.Close()
	f.stamped = nil
	return err
}

// errNoNative: the driver cannot run this program in native mode.
var errNoNative = errors.New("afxdp: no native mode")

// insert has the program deliver to the socket.
func (f *filter) insert(s *socket) error {
	if err := f.sockets.Put(uint32(s.index), uint32(s.fd)); err != nil {
		return fmt.Errorf("afxdp: give queue %d to the XDP program: %w", s.index, err)
	}
	return nil
}

// close detaches the program and unloads it.
func (f *filter) close() error {
	if f == nil {
		return nil
	}
	var errs []error
	if f.link != nil {
		errs = append(errs, f.link.Close())
		f.link = nil
	}
	if f.stamped != nil {
		errs = append(errs, f.stamped.Close())
	}
	for _, m := range f.live {
		errs = append(errs, m.Close())
	}
	return errors.Join(append(errs, f.program.Close(), f.sockets.Close())...)
}
