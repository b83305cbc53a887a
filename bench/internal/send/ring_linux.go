package send

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a slot of a TPACKET_V2 transmit ring looks like.
const (
	slotBytes  = 2048
	slotHeader = 32 // the header, aligned: where the frame begins
	lengthAt   = 4
	blockBytes = 1 << 16
)

// ringSender sends by a memory-mapped ring.
type ringSender struct {
	fd     int
	memory []byte
	slots  int
	next   int
	frames frames
}

func newRingSender(c *Config, f frames) (s *ringSender, err error) {
	fd, err := packetSocket(c.Interface.Index, true)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unix.Close(fd))
		}
	}()
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V2); err != nil {
		return nil, fmt.Errorf("setting the ring's version: %w", err)
	}
	blocks := max(2*c.Batch*slotBytes/blockBytes, 8)
	request := unix.TpacketReq{
		Block_size: blockBytes, Block_nr: uint32(blocks),
		Frame_size: slotBytes, Frame_nr: uint32(blocks * blockBytes / slotBytes),
	}
	if err := unix.SetsockoptTpacketReq(fd, unix.SOL_PACKET, unix.PACKET_TX_RING, &request); err != nil {
		return nil, fmt.Errorf("making a ring of %d slots: %w", request.Frame_nr, err)
	}
	memory, err := unix.Mmap(fd, 0, blocks*blockBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping the ring: %w", err)
	}
	return &ringSender{fd: fd, memory: memory, slots: int(request.Frame_nr), frames: f}, nil
}

// status is a slot's, which kernel and we hand back and forth.
func (s *ringSender) status(slot []byte) *uint32 {
	return (*uint32)(unsafe.Pointer(&slot[0]))
}

func (s *ringSender) send(count int) (sent, refused int, err error) {
	for range count {
		slot := s.memory[s.next*slotBytes : (s.next+1)*slotBytes]
		switch state := atomic.LoadUint32(s.status(slot)); {
		case state&(unix.TP_STATUS_SEND_REQUEST|unix.TP_STATUS_SENDING) != 0:
			return sent, refused, s.push() // full
		case state&unix.TP_STATUS_WRONG_FORMAT != 0:
			refused++
		}
		length := s.frames.fill(slot[slotHeader:])
		*(*uint32)(unsafe.Pointer(&slot[lengthAt])) = uint32(length)
		atomic.StoreUint32(s.status(slot), unix.TP_STATUS_SEND_REQUEST)
		s.next = (s.next + 1) % s.slots
		sent++
	}
	return sent, refused, s.push()
}

// push has the kernel send what is in the ring, and waits until it has.
func (s *ringSender) push() error {
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, 0, 0, 0)
	if errno != 0 && !isRefusal(errno) {
		return errno
	}
	return nil
}

func (s *ringSender) close() error {
	return errors.Join(unix.Munmap(s.memory), unix.Close(s.fd))
}
