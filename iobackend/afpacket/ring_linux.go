package afpacket

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// headroom is where a frame begins in a slot, rounded up: header, address,
	// alignment.
	headroom = 96
	// vlanBytes are what a tag adds to a frame.
	vlanBytes = 4
	// blockBytes is how much ring memory the kernel takes in one piece.
	blockBytes = 1 << 16
	// statusHeld is our own bit in a slot's status word: the frame is out. The
	// kernel leaves the slot alone until the word is zero.
	statusHeld = 1 << 16
)

// Bits of a slot's status word (linux/if_packet.h).
const (
	statusUser        = 1 << 0
	statusCopy        = 1 << 1
	statusCsumPending = 1 << 3 // TP_STATUS_CSUMNOTREADY
	statusVLAN        = 1 << 4
	statusCsumValid   = 1 << 7
)

// ring is a mapped TPACKET_V2 receive ring.
//
//	status 0            the kernel's: it fills the slot next to the last filled
//	status USER         ours to receive
//	status USER | HELD  out, until somebody releases it: status 0
type ring struct {
	memory    []byte
	slotBytes int
	slots     int
	next      int // the slot to be received next
}

// slotBytesFor is the power of two that holds a frame of the MTU.
func slotBytesFor(mtu int) int {
	size := 2048
	for size < mtu+14+vlanBytes+headroom {
		size *= 2
	}
	return size
}

// mapRing makes the socket's ring and maps it.
func mapRing(fd, mtu, slots int) (ring, error) {
	r := ring{slotBytes: slotBytesFor(mtu), slots: slots}
	block := max(blockBytes, r.slotBytes, os.Getpagesize())
	block = min(block, r.slotBytes*slots)
	request := unix.TpacketReq{
		Block_size: uint32(block), Block_nr: uint32(r.slotBytes * slots / block),
		Frame_size: uint32(r.slotBytes), Frame_nr: uint32(slots),
	}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &request); err != nil {
		if errors.Is(err, unix.ENOMEM) {
			return ring{}, fmt.Errorf("Config.ReceiveFrames %d of %d bytes: the kernel has no %d bytes for the ring: ask for fewer frames or queues", slots, r.slotBytes, slots*r.slotBytes)
		}
		return ring{}, fmt.Errorf("make a receive ring of %d slots of %d bytes: %w", slots, r.slotBytes, err)
	}
	memory, err := unix.Mmap(fd, 0, slots*r.slotBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return ring{}, fmt.Errorf("map the receive ring, %d bytes: %w", slots*r.slotBytes, err)
	}
	r.memory = memory
	return r, nil
}

func (r *ring) header(slot int) *unix.Tpacket2Hdr {
	return (*unix.Tpacket2Hdr)(unsafe.Pointer(&r.memory[slot*r.slotBytes]))
}

func (r *ring) status(slot int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&r.memory[slot*r.slotBytes]))
}

// ready tells whether the next slot has a frame to be received.
func (r *ring) ready() bool {
	return r.status(r.next).Load()&(statusUser|statusHeld) == statusUser
}

// data is the frame in a slot. What the kernel says of it is checked, so that
// a wrong word never reaches over the slot's end.
func (r *ring) data(slot int, h *unix.Tpacket2Hdr) []byte {
	begin, size := int(h.Mac), int(h.Snaplen)
	if begin > r.slotBytes || size > r.slotBytes-begin {
		return nil
	}
	begin += slot * r.slotBytes
	return r.memory[begin : begin+size : begin+size]
}

// advance goes on to the next slot.
func (r *ring) advance() {
	if r.next++; r.next == r.slots {
		r.next = 0
	}
}
