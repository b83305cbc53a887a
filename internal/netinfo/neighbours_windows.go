package netinfo

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"unsafe"

	"golang.org/x/sys/windows"
)

// neighbourRow is MIB_IPNET_ROW2 of netioapi.h, which x/sys does not have.
type neighbourRow struct {
	address        windows.RawSockaddrInet
	interfaceIndex uint32
	interfaceLUID  uint64
	hardware       [32]byte
	hardwareBytes  uint32
	state          uint32
	flags          uint8
	reachability   uint32
}

// neighbourTable is MIB_IPNET_TABLE2.
type neighbourTable struct {
	count uint32
	_     uint32
	first [1]neighbourRow
}

// The layouts are the system's.
var (
	_ [88]byte = [unsafe.Sizeof(neighbourRow{})]byte{}
	_ [8]byte  = [unsafe.Offsetof(neighbourTable{}.first)]byte{}
)

var neighboursProc = windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetIpNetTable2")

// stateProbe is the first NL_NEIGHBOR_STATE whose hardware address may be
// used: before it come unreachable and incomplete.
const stateProbe = 2

// Neighbour returns the hardware address of a neighbour on the interface, and
// false when Windows has not resolved it.
func (in *Info) Neighbour(addr netip.Addr) (net.HardwareAddr, bool, error) {
	if err := neighboursProc.Find(); err != nil {
		return nil, false, fmt.Errorf("netinfo: list neighbours: %w: %w", ErrNotSupported, err)
	}
	var table *neighbourTable
	family := uintptr(windows.AF_INET)
	if addr.Is6() {
		family = windows.AF_INET6
	}
	code, _, _ := neighboursProc.Call(family, uintptr(unsafe.Pointer(&table)))
	if err := windows.Errno(code); err == windows.ERROR_NOT_FOUND {
		return nil, false, nil // there are none at all
	} else if err != 0 {
		return nil, false, fmt.Errorf("netinfo: list neighbours: %w", err)
	}
	defer windows.FreeMibTable(unsafe.Pointer(table))
	rows := unsafe.Slice(&table.first[0], table.count)
	for k := range rows {
		r := &rows[k]
		a, ok := address(&r.address)
		if !ok || a != addr || int(r.interfaceIndex) != in.Index {
			continue
		}
		if r.state >= stateProbe && r.hardwareBytes > 0 && int(r.hardwareBytes) <= len(r.hardware) {
			return slices.Clone(net.HardwareAddr(r.hardware[:r.hardwareBytes])), true, nil
		}
	}
	return nil, false, nil
}
