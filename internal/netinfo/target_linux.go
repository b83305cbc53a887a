package netinfo

import (
	"encoding/binary"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Numbers of linux/netdev.h, Linux 6.3.
const (
	netdevFamily, netdevVersion = "netdev", 1

	deviceGet      = 1 // NETDEV_CMD_DEV_GET
	deviceIndex    = 1 // NETDEV_A_DEV_IFINDEX
	deviceFeatures = 3 // NETDEV_A_DEV_XDP_FEATURES, 64 bits
	takesXDPFrames = 4 // NETDEV_XDP_ACT_NDO_XMIT
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
	r := nl.NewNetlinkRequest(int(t.family), 0)
	r.Sockets = t.sockets
	r.AddRawData([]byte{deviceGet, netdevVersion, 0, 0}) // struct genlmsghdr
	r.AddRawData(nl.NewRtAttr(deviceIndex, nl.Uint32Attr(uint32(index))).Serialize())
	answers, err := r.Execute(unix.NETLINK_GENERIC, 0)
	if err != nil {
		return false, fmt.Errorf("netinfo: ask for XDP features: %w", err)
	}
	for _, a := range answers {
		if len(a) < genericHeader {
			continue
		}
		attributes, err := nl.ParseRouteAttr(a[genericHeader:])
		if err != nil {
			return false, fmt.Errorf("netinfo: read XDP features: %w", err)
		}
		for _, x := range attributes {
			if x.Attr.Type == deviceFeatures && len(x.Value) == 8 {
				return binary.NativeEndian.Uint64(x.Value)&takesXDPFrames != 0, nil
			}
		}
	}
	return false, nil
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
