package netinfo

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Numbers of linux/netdev.h, Linux 6.3 but where it says otherwise.
const (
	netdevFamily, netdevVersion = "netdev", 1

	deviceGet      = 1 // NETDEV_CMD_DEV_GET
	deviceIndex    = 1 // NETDEV_A_DEV_IFINDEX
	deviceFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES, 64 bits
	socketFeatures = 6 // NETDEV_A_DEV_XSK_FEATURES, 64 bits, Linux 6.8
	takesXDPFrames = 4 // NETDEV_XDP_ACT_NDO_XMIT
	completesSums  = 2 // NETDEV_XSK_FLAGS_TX_CHECKSUM
	genericHeader  = 4 // bytes of struct genlmsghdr
)

// targets asks which devices send the frames that XDP redirects to them.
type targets struct {
	family  uint16
	sockets map[int]*nl.SocketHandle
}

// openTargets opens a socket for the question in the calling thread's network
// namespace. ErrNotSupported: the kernel cannot be asked.
func openTargets() (*targets, error) {
	family, err := netlink.GenlFamilyGet(netdevFamily)
	if err != nil {
		return nil, fmt.Errorf("netinfo: ask for XDP features: %w (Linux 6.3 has them): %w", ErrNotSupported, err)
	}
	s, err := nl.Subscribe(unix.NETLINK_GENERIC)
	if err != nil {
		return nil, fmt.Errorf("netinfo: open a netlink socket: %w", err)
	}
	return &targets{family.ID, map[int]*nl.SocketHandle{unix.NETLINK_GENERIC: {Socket: s}}}, nil
}

// has reports whether the interface with an index is one.
func (t *targets) has(index int) (bool, error) {
	flags, err := t.flags(index, deviceFeatures)
	return flags&takesXDPFrames != 0, err
}

// flags reads one attribute of the interface with an index; 0 where the kernel
// does not know the attribute.
func (t *targets) flags(index int, attribute uint16) (uint64, error) {
	r := nl.NewNetlinkRequest(int(t.family), 0)
	r.Sockets = t.sockets
	r.AddRawData([]byte{deviceGet, netdevVersion, 0, 0}) // struct genlmsghdr
	r.AddRawData(nl.NewRtAttr(deviceIndex, nl.Uint32Attr(uint32(index))).Serialize())
	answers, err := r.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return 0, fmt.Errorf("netinfo: ask for XDP features: %w", err)
	}
	for _, a := range answers {
		if len(a) < genericHeader {
			continue
		}
		attributes, err := nl.ParseRouteAttr(a[genericHeader:])
		if err != nil {
			return 0, fmt.Errorf("netinfo: read XDP features: %w", err)
		}
		for _, x := range attributes {
			if x.Attr.Type == attribute && len(x.Value) == 8 {
				return binary.NativeEndian.Uint64(x.Value), nil
			}
		}
	}
	return 0, nil
}

func (t *targets) close() {
	if t != nil {
		t.sockets[unix.NETLINK_GENERIC].Close()
	}
}

// XDPTarget reports whether the interface with an index sends the frames that
// XDP redirects to it. A veth does so while there is an XDP program at its
// peer, or GRO is on there.
func XDPTarget(index int) (bool, error) {
	t, err := openTargets()
	if err != nil {
		return false, err
	}
	defer t.close()
	return t.has(index)
}

// CompletesChecksums reports whether the driver of the interface with an index
// says that it completes the checksums of frames sent through AF_XDP (xsk-features'
// tx-checksum); false where the kernel cannot be asked, too.
func CompletesChecksums(index int) bool {
	t, err := openTargets()
	if err != nil {
		return false
	}
	defer t.close()
	flags, err := t.flags(index, socketFeatures)
	return err == nil && flags&completesSums != 0
}
