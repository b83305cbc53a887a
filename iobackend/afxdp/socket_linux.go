package afxdp

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// socket is the AF_XDP socket of one receive queue of the device.
type socket struct {
	fd         int
	index      int // the device's queue
	owner      *queue
	rx, tx     *ring[unix.XDPDesc] // tx is nil where no queue sends
	fill       *ring[uint64]
	completion *ring[uint64]
	zeroCopy   bool
	filled     bool               // put into fill, not yet produced
	last       unix.XDPStatistics // when it was closed
}

// plan is what all sockets of a device have in common.
type plan struct {
	name           string
	ifindex        uint32
	sockets        int // the device's receive queues
	queues         int // those that send and own
	receive, send  int // frames per socket, per queue
	frameBytes     int
	frameShift     uint
	receiveShift   uint // log2(receive)
	pieces, shared bool
	busyPoll, park bool
	flags          uint16 // of bind
	metadata       int    // bytes before each send frame: metadataBytes, or none
	announced      bool   // the driver completes checksums of AF_XDP's frames
	kernelSums     bool   // the kernel completes them, as it copies
}

func (p *plan) frames() int { return p.sockets*p.receive + p.queues*p.send }

// openSocket makes the socket of queue index with its rings, not bound yet.
func openSocket(p *plan, index int) (s *socket, err error) {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, explainSocket(p, err)
	}
	s = &socket{fd: fd, index: index}
	defer func() {
		if err != nil {
			s.close()
			err = fmt.Errorf("afxdp: queue %d of %q: %w", index, p.name, err)
		}
	}()
	sends := index < p.queues
	sizes := []struct{ option, size int }{
		{unix.XDP_UMEM_FILL_RING, p.receive},
		{unix.XDP_UMEM_COMPLETION_RING, p.send},
		{unix.XDP_RX_RING, p.receive},
		{unix.XDP_TX_RING, p.send},
	}
	for _, z := range sizes {
		if z.option == unix.XDP_TX_RING && !sends {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_XDP, z.option, z.size); err != nil {
			return nil, fmt.Errorf("make a ring of %d entries: %w", z.size, err)
		}
	}
	if err := s.mapRings(p, sends); err != nil {
		return nil, err
	}
	if p.busyPoll {
		if err := s.prefersPolling(p); err != nil {
			return nil, err
		}
	}
	s.tune(p, sends)
	return s, nil
}

func (s *socket) mapRings(p *plan, sends bool) (err error) {
	var o unix.XDPMmapOffsets
	if err := getsockopt(s.fd, unix.XDP_MMAP_OFFSETS, unsafe.Pointer(&o), unsafe.Sizeof(o)); err != nil {
		return fmt.Errorf("read the rings' layout: %w", err)
	}
	if s.fill, err = mapRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_FILL_RING, p.receive, o.Fr); err != nil {
		return err
	}
	if s.completion, err = mapRing[uint64](s.fd, unix.XDP_UMEM_PGOFF_COMPLETION_RING, p.send, o.Cr); err != nil {
		return err
	}
	if s.rx, err = mapRing[unix.XDPDesc](s.fd, unix.XDP_PGOFF_RX_RING, p.receive, o.Rx); err != nil {
		return err
	}
	if sends {
		s.tx, err = mapRing[unix.XDPDesc](s.fd, unix.XDP_PGOFF_TX_RING, p.send, o.Tx)
	}
	return err
}

// skbBytes is what the kernel charges for a frame in flight in copy mode, its
// own book-keeping included.
const skbBytes = 1024

// tune raises limits that only cost speed where they cannot be raised.
func (s *socket) tune(p *plan, sends bool) {
	if !sends {
		return
	}
	// In copy mode one call sends at most 32 frames unless this raises it
	// (Linux 6.17).
	_ = unix.SetsockoptInt(s.fd, unix.SOL_XDP, unix.XDP_MAX_TX_SKB_BUDGET, p.send)
	// In copy mode frames in flight are charged to the socket's send buffer.
	bytes := p.send * (p.frameBytes + skbBytes)
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, bytes) != nil {
		_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, bytes)
	}
}

// Busy polling, as Linux 5.11 has it for AF_XDP: budgetMax is the most frames
// that the kernel lets a poll take, pollMicroseconds only has to be above 0, since
// each poll is one that does not wait.
const (
	budgetMax        = 1 << 16 >> 1
	pollMicroseconds = 20
)

// prefersPolling has the driver's poll run from our calls, and its interrupts be
// put off while we go on calling (with napi_defer_hard_irqs and gro_flush_timeout
// of the device set).
func (s *socket) prefersPolling(p *plan) error {
	for _, o := range []struct {
		name          string
		option, value int
	}{
		{"SO_PREFER_BUSY_POLL", unix.SO_PREFER_BUSY_POLL, 1},
		{"SO_BUSY_POLL", unix.SO_BUSY_POLL, pollMicroseconds},
		{"SO_BUSY_POLL_BUDGET", unix.SO_BUSY_POLL_BUDGET, min(p.receive, budgetMax)},
	} {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, o.option, o.value); err != nil {
			return fmt.Errorf("%s: %w: busy polling needs Linux 5.11 and CAP_NET_ADMIN; leave BusyPoll out", o.name, err)
		}
	}
	return nil
}

// register makes memory the socket's UMEM.
func (s *socket) register(p *plan, memory []byte) error {
	r := unix.XDPUmemReg{
		Addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(memory)))),
		Len:  uint64(len(memory)),
		Size: uint32(p.frameBytes),
	}
	if p.metadata > 0 {
		r.Flags, r.Tx_metadata_len = unix.XDP_UMEM_TX_METADATA_LEN, uint32(p.metadata)
	}
	if p.kernelSums {
		r.Flags |= unix.XDP_UMEM_TX_SW_CSUM
	}
	if err := setsockopt(s.fd, unix.XDP_UMEM_REG, unsafe.Pointer(&r), unsafe.Sizeof(r)); err != nil {
		if p.metadata > 0 && errors.Is(err, unix.EINVAL) {
			return errNoMetadata
		}
		return explainUMEM(p, len(memory), err)
	}
	return nil
}

// bind binds the socket to its queue, with first's UMEM unless that is nil.
func (s *socket) bind(p *plan, first *socket) error {
	a := &unix.SockaddrXDP{Flags: p.flags, Ifindex: p.ifindex, QueueID: uint32(s.index)}
	if first != nil {
		// All further flags come from the first socket.
		a.Flags, a.SharedUmemFD = unix.XDP_SHARED_UMEM, uint32(first.fd)
	}
	return unix.Bind(s.fd, a)
}

// readMode asks whether the kernel chose zero copy.
func (s *socket) readMode() error {
	var o struct{ flags uint32 }
	if err := getsockopt(s.fd, unix.XDP_OPTIONS, unsafe.Pointer(&o), unsafe.Sizeof(o)); err != nil {
		return fmt.Errorf("afxdp: read the mode of queue %d: %w", s.index, err)
	}
	s.zeroCopy = o.flags&unix.XDP_OPTIONS_ZEROCOPY != 0
	return nil
}

// statistics reads what the kernel counted.
func (s *socket) statistics() (st unix.XDPStatistics) {
	_ = getsockopt(s.fd, unix.XDP_STATISTICS, unsafe.Pointer(&st), unsafe.Sizeof(st))
	return st
}

func (s *socket) close() {
	if s.fd < 0 {
		return
	}
	s.last = s.statistics()
	_ = unix.Close(s.fd)
	s.fd = -1
	s.rx.unmap()
	s.tx.unmap()
	s.fill.unmap()
	s.completion.unmap()
}

func setsockopt(fd, option int, value unsafe.Pointer, size uintptr) error {
	_, _, e := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option), uintptr(value), size, 0)
	if e != 0 {
		return e
	}
	return nil
}

func getsockopt(fd, option int, value unsafe.Pointer, size uintptr) error {
	length := uint32(size)
	_, _, e := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_XDP, uintptr(option),
		uintptr(value), uintptr(unsafe.Pointer(&length)), 0)
	if e != 0 {
		return e
	}
	return nil
}

// push makes the kernel look at the rings without waiting.
func (s *socket) push() unix.Errno {
	// Raw: in copy mode this is where the frames are sent, some hundred
	// microseconds at most; telling the scheduler of it would cost a worker
	// its processor.
	_, _, e := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return e
}

// pull makes a zero-copy driver look at the fill ring, and with busy polling runs
// the driver's poll.
func (s *socket) pull() unix.Errno {
	_, _, e := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(s.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	return e
}

// unregistered reports whether the kernel has taken the device away.
func (s *socket) unregistered() bool {
	value, err := unix.GetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	return err == nil && value != 0
}
