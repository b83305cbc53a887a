package afpacket

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// link is what we need to know of an interface.
type link struct {
	index   int
	mtu     int
	address net.HardwareAddr
	queues  int
}

// findLink looks an interface up and refuses one that cannot serve.
func findLink(name string) (link, error) {
	l, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return link{}, fmt.Errorf("Config.Interface %q: no such interface in this network namespace (see: ip link)", name)
	}
	if err != nil {
		return link{}, fmt.Errorf("Config.Interface %q: look up: %w", name, err)
	}
	a := l.Attrs()
	if a.EncapType != "ether" || len(a.HardwareAddr) != 6 {
		return link{}, fmt.Errorf("Config.Interface %q is of type %s: only Ethernet is supported", name, a.EncapType)
	}
	if a.Flags&net.FlagUp == 0 {
		return link{}, fmt.Errorf("Config.Interface %q is down: ip link set %s up", name, name)
	}
	if err := refuseForwarding(name); err != nil {
		return link{}, err
	}
	return link{index: a.Index, mtu: a.MTU, address: a.HardwareAddr, queues: channels(name)}, nil
}

// refuseForwarding refuses an interface whose frames the kernel routes on: it
// would answer ours with ICMP, or send them out elsewhere.
func refuseForwarding(name string) error {
	// A dot in a name is a slash in a sysctl's name, and a dot in its path.
	value, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + name + "/forwarding")
	if err != nil {
		return fmt.Errorf("Config.Interface %q: find out whether it forwards: %w", name, err)
	}
	if strings.TrimSpace(string(value)) != "0" {
		return fmt.Errorf("Config.Interface %q: the kernel forwards what arrives there, and would forward or answer our frames too: sysctl -w net.ipv4.conf.%s.forwarding=0, or use the afxdp backend",
			name, strings.ReplaceAll(name, ".", "/"))
	}
	return nil
}

// localPrefixes are the addresses the kernel takes for its own.
func localPrefixes() ([]netip.Prefix, error) {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4,
		&netlink.Route{Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL},
		netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	if err != nil {
		return nil, fmt.Errorf("list the kernel's own addresses: %w", err)
	}
	var all []netip.Prefix
	for _, r := range routes {
		if r.Dst == nil {
			all = append(all, netip.PrefixFrom(netip.IPv4Unspecified(), 0))
			continue
		}
		addr, ok := netip.AddrFromSlice(r.Dst.IP)
		ones, _ := r.Dst.Mask.Size()
		if ok {
			all = append(all, netip.PrefixFrom(addr.Unmap(), ones))
		}
	}
	return all, nil
}

// ethtoolChannels is the kernel's struct ethtool_channels.
type ethtoolChannels struct {
	command                                        uint32
	maxReceive, maxTransmit, maxOther, maxCombined uint32
	receive, transmit, other, combined             uint32
}

// channels is the number of receive queues; 1 when the driver does not tell.
func channels(name string) int {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 1
	}
	defer unix.Close(fd)
	c := ethtoolChannels{command: unix.ETHTOOL_GCHANNELS}
	var request struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24]byte // the kernel copies a whole ifreq
	}
	copy(request.name[:unix.IFNAMSIZ-1], name)
	request.data = unsafe.Pointer(&c)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request)))
	if errno != 0 {
		return 1
	}
	return max(int(c.combined+c.receive), 1)
}

// linkState asks, through a socket of the device's namespace, whether the
// interface is still there and up.
func linkState(fd, index int) (exists, up bool) {
	var request struct {
		name  [unix.IFNAMSIZ]byte
		value int32
		_     [20]byte
	}
	request.value = int32(index)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFNAME, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return false, false
	}
	request.value = 0
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCGIFFLAGS, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return false, false
	}
	flags := *(*uint16)(unsafe.Pointer(&request.value))
	return true, flags&unix.IFF_UP != 0
}
