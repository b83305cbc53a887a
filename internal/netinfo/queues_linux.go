package netinfo

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// channels is struct ethtool_channels of linux/ethtool.h.
type channels struct {
	command                                          uint32
	maxReceive, maxTransmit, maxOther, maxCombined   uint32
	receive, transmit, otherCount, combined, _, _, _ uint32
}

// request is struct ifreq with a pointer in it.
type request struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// queues returns the queues in use. The numbers that netlink gives are those
// allocated, of which a driver may use fewer, so the driver is asked first.
func queues(name string, allocatedReceive, allocatedTransmit int) (receive, transmit int) {
	if s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err == nil {
		defer unix.Close(s)
		if receive, transmit, ok := channelsInUse(s, name); ok {
			return receive, transmit
		}
	}
	return max(allocatedReceive, 1), max(allocatedTransmit, 1)
}

// channelsInUse asks the driver, through a socket of the interface's
// namespace.
func channelsInUse(socket int, name string) (receive, transmit int, ok bool) {
	c := &channels{command: unix.ETHTOOL_GCHANNELS}
	if !ethtool(socket, name, unsafe.Pointer(c)) || c.combined+c.receive == 0 || c.combined+c.transmit == 0 {
		return 0, 0, false
	}
	return int(c.combined + c.receive), int(c.combined + c.transmit), true
}

func ethtool(socket int, name string, data unsafe.Pointer) bool {
	r := &request{data: data}
	copy(r.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(r)))
	runtime.KeepAlive(data)
	return errno == 0
}
