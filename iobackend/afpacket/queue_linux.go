package afpacket

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"myriad/internal/gso"
	"myriad/internal/park"
	"myriad/iobackend"
)

// Queue is one packet socket with its ring.
type Queue struct {
	device *Device
	index  int
	fd     int
	ring   ring
	super  superPool
	send   sendPool
	out    sender
	long   *gso.Socket // sends long segments; nil: there is none
	inbox  []*mailbox  // by the queue they come from; nil where that is this one
	wait   waiter
	counts counts

	closing sync.Mutex // Counters and Wake against Close
	closed  bool
}

var (
	_ iobackend.Queue  = (*Queue)(nil)
	_ iobackend.Sharer = (*Queue)(nil)
)

// started is the epoch of the clock.
var started = time.Now()

// newQueue makes a socket that receives nothing yet. With an error, what was
// made is returned too, to be closed.
func newQueue(d *Device, index int, c iobackend.Config) (q *Queue, err error) {
	q = &Queue{device: d, index: index, fd: -1, wait: waiter{wakeFD: -1}}
	q.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return q, fmt.Errorf("packet sockets need CAP_NET_RAW: run as root, or setcap cap_net_raw+ep, or in a user namespace of one's own (unshare -Urn): %w", err)
	}
	if err != nil {
		return q, fmt.Errorf("make a packet socket: %w", err)
	}
	if err := q.configure(c); err != nil {
		return q, err
	}
	if q.ring, err = mapRing(q.fd, d.link.mtu, c.ReceiveFrames); err != nil {
		return q, err
	}
	if q.super.memory, err = anonymous("super-frames", superBytes*superCount); err != nil {
		return q, err
	}
	frameBytes := 2048
	for frameBytes < d.link.mtu+14+vlanBytes {
		frameBytes *= 2
	}
	if q.send, err = newSendPool(frameBytes, c.SendFrames); err != nil {
		return q, err
	}
	for from := range c.Queues {
		var m *mailbox
		if from != index {
			m = new(mailbox)
		}
		q.inbox = append(q.inbox, m)
	}
	q.out.init(min(batchMax, c.SendFrames))
	if !c.SegmentationOff {
		if q.long, err = gso.Open(d.link.index); err != nil {
			return q, err
		}
	}
	if err := q.wait.init(q.fd); err != nil || !c.Park {
		return q, err
	}
	q.wait.parker, err = park.New([]int{q.fd}, func() bool { return q.wait.woken.Load() || q.pending() })
	return q, err
}

// configure sets the socket's options; it is bound afterwards.
func (q *Queue) configure(c iobackend.Config) error {
	if err := setFilter(q.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, nothingFilter()); err != nil {
		return fmt.Errorf("attach a socket filter: %w", err)
	}
	for _, o := range []struct {
		name   string
		option int
		value  int
	}{
		{"PACKET_VERSION", unix.PACKET_VERSION, unix.TPACKET_V2},
		{"PACKET_IGNORE_OUTGOING", unix.PACKET_IGNORE_OUTGOING, 1},
		{"PACKET_QDISC_BYPASS", unix.PACKET_QDISC_BYPASS, 1},
		{"PACKET_COPY_THRESH", unix.PACKET_COPY_THRESH, 1},
	} {
		if err := unix.SetsockoptInt(q.fd, unix.SOL_PACKET, o.option, o.value); err != nil {
			return fmt.Errorf("set %s (Linux 4.20 or later): %w", o.name, err)
		}
	}
	// The receive buffer holds super-frames only, the send buffer what the
	// device has not sent yet, at the kernel's own reckoning of its size.
	setBuffer(q.fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, 4<<20)
	setBuffer(q.fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, min(c.SendFrames*4096, 1<<30))
	return nil
}

// setBuffer sets a buffer's size, where the system's limit may be passed beyond
// it. A smaller buffer shows in the counters and harms nothing else.
func setBuffer(fd, force, option, bytes int) {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, bytes) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, option, bytes)
	}
}

// close gives everything back to the system.
func (q *Queue) close() {
	q.closing.Lock()
	defer q.closing.Unlock()
	q.closed = true
	if q.fd >= 0 {
		q.counts.readKernel(q.fd)
		_ = unix.Close(q.fd)
	}
	q.wait.close()
	if q.long != nil {
		_ = q.long.Close()
	}
	for _, m := range [][]byte{q.ring.memory, q.super.memory, q.send.memory} {
		if m != nil {
			_ = unix.Munmap(m)
		}
	}
	q.ring.memory, q.super.memory, q.send.memory = nil, nil, nil
}

// Now reads the clock: CLOCK_MONOTONIC, from the start of the process.
func (q *Queue) Now() time.Duration { return time.Since(started) }

// Counters reads the totals, the kernel's drops among them.
func (q *Queue) Counters() iobackend.Counters {
	q.closing.Lock()
	defer q.closing.Unlock()
	if !q.closed {
		q.counts.readKernel(q.fd)
	}
	return q.counts.read()
}

// Drops are the frames in Counters.DropInvalid, by reason.
type Drops struct {
	VLAN      uint64 // the kernel had taken a VLAN tag off
	Truncated uint64 // larger than a slot, and no room beside the ring
	Malformed uint64 // a slot that cannot be
	Misuse    uint64 // given back twice, or never taken
}

// Drops reads why frames were dropped. Any goroutine may call it.
func (q *Queue) Drops() Drops {
	return Drops{q.counts.vlan.Load(), q.counts.truncated.Load(), q.counts.malformed.Load(), q.counts.misuse.Load()}
}

// counts are written by the queue's goroutine, once per batch, and read by any.
type counts struct {
	framesReceived, bytesReceived    atomic.Uint64
	framesSent, bytesSent            atomic.Uint64
	handedOver, handOverFull         atomic.Uint64
	vlan, truncated, malformed       atomic.Uint64
	misuse                           atomic.Uint64
	dropTransmit, kicks, waits, full atomic.Uint64
}

// readKernel adds what the kernel dropped since it was last read: reading
// resets it. Queue.closing is held.
func (c *counts) readKernel(fd int) {
	if s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS); err == nil {
		c.full.Add(uint64(s.Drops))
	}
}

func (c *counts) read() iobackend.Counters {
	return iobackend.Counters{
		FramesReceived: c.framesReceived.Load(), BytesReceived: c.bytesReceived.Load(),
		FramesSent: c.framesSent.Load(), BytesSent: c.bytesSent.Load(),
		HandedOver: c.handedOver.Load(), HandOverFull: c.handOverFull.Load(),
		DropRingFull: c.full.Load(),
		DropInvalid:  c.vlan.Load() + c.truncated.Load() + c.malformed.Load() + c.misuse.Load(),
		DropTransmit: c.dropTransmit.Load(),
		Kicks:        c.kicks.Load(), Waits: c.waits.Load(),
	}
}
