package testbed

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ethtoolValue is struct ethtool_value of linux/ethtool.h.
type ethtoolValue struct{ command, data uint32 }

// ethtoolRequest is struct ifreq with a pointer in it.
type ethtoolRequest struct {
	name [unix.IFNAMSIZ]byte
	data unsafe.Pointer
	_    [16]byte
}

// offloads are the ethtool commands that switch an offload, in an order in
// which none needs one that is off already.
var offloads = []struct {
	name    string
	command uint32
}{
	{"TSO", unix.ETHTOOL_STSO},
	{"GSO", unix.ETHTOOL_SGSO},
	{"GRO", unix.ETHTOOL_SGRO},
	{"transmit checksum", unix.ETHTOOL_STXCSUM},
}

// DisableOffloads turns off segmentation and checksum offloads and GRO, so
// that frames leave as they would be on a wire.
func (ns *Namespace) DisableOffloads(name string) error {
	return ns.Do(func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("testbed: ethtool socket: %w", err)
		}
		defer unix.Close(s)
		for _, o := range offloads {
			if err := setOffload(s, name, o.command, 0); err != nil {
				return fmt.Errorf("testbed: turn %s off on %s: %w", o.name, name, err)
			}
		}
		return nil
	})
}

func setOffload(socket int, name string, command, value uint32) error {
	v := &ethtoolValue{command, value}
	r := &ethtoolRequest{data: unsafe.Pointer(v)}
	copy(r.name[:unix.IFNAMSIZ-1], name)
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(socket), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(r)))
	runtime.KeepAlive(v)
	if errno != 0 {
		return errno
	}
	return nil
}
