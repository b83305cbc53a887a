package netinfo

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What linux/ethtool.h has of receive side scaling.
const (
	hashToeplitz  = 1    // ETH_RSS_HASH_TOP
	hashTCP4      = 1    // TCP_V4_FLOW
	hashAllFields = 0xf0 // RXH_IP_SRC, RXH_IP_DST, RXH_L4_B_0_1, RXH_L4_B_2_3

	rxfhBytes  = 24  // struct ethtool_rxfh, before table and key
	rxnfcBytes = 512 // more than struct ethtool_rxnfc; the answer is its third field
)

// receiveScaling asks the driver; nil where it has nothing that we can compute.
func receiveScaling(name string) *RSS {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(s)
	fields := make([]byte, rxnfcBytes)
	binary.NativeEndian.PutUint32(fields, unix.ETHTOOL_GRXFH)
	binary.NativeEndian.PutUint32(fields[4:], hashTCP4)
	if !ethtool(s, name, unsafe.Pointer(unsafe.SliceData(fields))) || binary.NativeEndian.Uint64(fields[8:]) != hashAllFields {
		return nil
	}
	sizes := make([]byte, rxfhBytes)
	binary.NativeEndian.PutUint32(sizes, unix.ETHTOOL_GRSSH)
	if !ethtool(s, name, unsafe.Pointer(unsafe.SliceData(sizes))) {
		return nil
	}
	entries, keyBytes := binary.NativeEndian.Uint32(sizes[8:]), binary.NativeEndian.Uint32(sizes[12:])
	if entries == 0 || keyBytes == 0 || entries > 1<<16 || keyBytes > 1<<10 {
		return nil
	}
	all := make([]byte, rxfhBytes+4*entries+keyBytes)
	copy(all, sizes[:16])
	if !ethtool(s, name, unsafe.Pointer(unsafe.SliceData(all))) {
		return nil
	}
	return parseRSS(all)
}

// parseRSS reads struct ethtool_rxfh: command, context, the sizes of table and
// key, the function, what is done to its input, and then table and key.
func parseRSS(b []byte) *RSS {
	if len(b) < rxfhBytes {
		return nil
	}
	function, transformed := b[16], b[17]
	said, saidKey := binary.NativeEndian.Uint32(b[8:]), binary.NativeEndian.Uint32(b[12:])
	if function != hashToeplitz || transformed != 0 || said < 1 || rxfhBytes+4*uint64(said)+uint64(saidKey) > uint64(len(b)) {
		return nil
	}
	entries, keyBytes := int(said), int(saidKey)
	r := &RSS{Key: append([]byte(nil), b[rxfhBytes+4*entries:][:keyBytes]...)}
	for k := range entries {
		r.Indirection = append(r.Indirection, binary.NativeEndian.Uint32(b[rxfhBytes+4*k:]))
	}
	return r
}
