package linklayer

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

// snapshot is an immutable index of the hardware addresses that are known: an
// open-addressed table at most half full. Workers read it without a lock.
type snapshot struct {
	shift uint
	slots []snapshotSlot // a power of two of them
}

type snapshotSlot struct {
	ip   [16]byte
	mac  [6]byte
	used *atomic.Bool // nil: the slot is empty
}

// newSnapshot indexes the entries that have a hardware address.
func newSnapshot(entries map[[16]byte]*neighbor) *snapshot {
	count := 0
	for _, e := range entries {
		if e.hasMAC() {
			count++
		}
	}
	log := bits.Len(uint(2 * count)) // 2^log > 2 count: always an empty slot
	s := &snapshot{shift: uint(64 - log), slots: make([]snapshotSlot, 1<<log)}
	for ip, e := range entries {
		if e.hasMAC() {
			i := s.home(&ip)
			for s.slots[i].used != nil {
				i = (i + 1) & (len(s.slots) - 1)
			}
			s.slots[i] = snapshotSlot{ip: ip, mac: e.mac, used: &e.used}
		}
	}
	return s
}

// home is the slot where the search for ip begins. The multiplier is 2⁶⁴
// divided by the golden ratio; whoever could choose addresses to collide here
// would have to be 1,024 neighbours.
func (s *snapshot) home(ip *[16]byte) int {
	h := binary.LittleEndian.Uint64(ip[:8]) ^ bits.RotateLeft64(binary.LittleEndian.Uint64(ip[8:]), 29)
	return int(h * 0x9e3779b97f4a7c15 >> s.shift)
}

// find returns the slot of ip, nil when it is not known.
func (s *snapshot) find(ip *[16]byte) *snapshotSlot {
	for i := s.home(ip); ; i = (i + 1) & (len(s.slots) - 1) {
		slot := &s.slots[i]
		if slot.used == nil {
			return nil
		}
		if slot.ip == *ip {
			return slot
		}
	}
}
