package afpacket

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// Device is an opened interface.
type Device struct {
	name   string
	link   link
	queues []*Queue
	state  atomic.Uint32 // of type deviceState
	down   atomic.Bool   // the interface was seen down
	watch  *netinfo.LinkWatch
	noLink atomic.Bool // it is down, or without a carrier
	mtu    atomic.Int32
	closed sync.Once
}

type deviceState = uint32

const (
	stateOpen deviceState = iota
	stateGone
	stateClosed
)

var _ iobackend.Device = (*Device)(nil)

// Info describes the device. Received super-frames may be longer than MTU and
// FrameBytes.
func (d *Device) Info() iobackend.Info {
	q := d.queues[0]
	return iobackend.Info{
		Name: d.name, Method: "afpacket", HardwareAddr: d.link.address,
		MTU: d.link.mtu, Queues: len(d.queues), FrameBytes: q.send.frameBytes,
		BatchMax: min(batchMax, q.ring.slots, len(q.send.free)),
	}
}

// watchEvery is how often the link is looked at, so that what happens to it is
// noticed within a second.
const watchEvery = 250 * time.Millisecond

// startWatch begins to watch the link, in the interface's namespace.
func (d *Device) startWatch() (err error) {
	d.mtu.Store(int32(d.link.mtu))
	d.watch, err = netinfo.WatchLink(d.link.index, watchEvery, func(l netinfo.Link) {
		d.noLink.Store(!l.Up)
		d.mtu.Store(int32(l.MTU))
	})
	return err
}

// Link says how the link is now.
func (d *Device) Link() iobackend.LinkState {
	return iobackend.LinkState{Up: !d.noLink.Load(), MTU: int(d.mtu.Load())}
}

// Queue returns the queue with the given index.
func (d *Device) Queue(index int) iobackend.Queue { return d.queues[index] }

// Close closes the sockets and unmaps the rings. It may be called twice.
func (d *Device) Close() error {
	d.closed.Do(func() {
		d.watch.Close()
		d.state.Store(stateClosed)
		for _, q := range d.queues {
			q.close()
		}
	})
	return nil
}

// failed returns the error that ends everything, if there is one.
func (d *Device) failed(operation string) error {
	switch d.state.Load() {
	case stateOpen:
		return nil
	case stateGone:
		return fmt.Errorf("afpacket: %s: %s: %w", operation, d.name, iobackend.ErrDeviceGone)
	}
	return fmt.Errorf("afpacket: %s: %s: %w", operation, d.name, iobackend.ErrClosed)
}

// checkLink finds out, after an error that may have come from it, whether the
// interface is down or gone.
func (d *Device) checkLink(fd int) {
	exists, up := linkState(fd, d.link.index)
	if !exists {
		d.state.CompareAndSwap(stateOpen, stateGone)
	}
	d.down.Store(!up)
}

// join binds the sockets to the interface, as a fan-out group if there are
// several. Until they all belong to it they drop everything, so that no frame
// is received twice.
func (d *Device) join(accept []unix.SockFilter) error {
	for _, q := range d.queues {
		address := unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: d.link.index}
		if err := unix.Bind(q.fd, &address); err != nil {
			return fmt.Errorf("bind a packet socket: %w", err)
		}
	}
	if len(d.queues) > 1 {
		if err := d.fanOut(); err != nil {
			return err
		}
	}
	for _, q := range d.queues {
		if err := setFilter(q.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, accept); err != nil {
			return fmt.Errorf("attach the socket filter: %w", err)
		}
	}
	return nil
}

// fanOut makes the group, under a number the kernel chooses.
func (d *Device) fanOut() error {
	const mode = unix.PACKET_FANOUT_CBPF | unix.PACKET_FANOUT_FLAG_IGNORE_OUTGOING
	first := d.queues[0].fd
	if err := unix.SetsockoptInt(first, unix.SOL_PACKET, unix.PACKET_FANOUT, (mode|unix.PACKET_FANOUT_FLAG_UNIQUEID)<<16); err != nil {
		return fmt.Errorf("make a fan-out group: %w", err)
	}
	group, err := unix.GetsockoptInt(first, unix.SOL_PACKET, unix.PACKET_FANOUT)
	if err != nil {
		return fmt.Errorf("read the fan-out group's number: %w", err)
	}
	for _, q := range d.queues[1:] {
		if err := unix.SetsockoptInt(q.fd, unix.SOL_PACKET, unix.PACKET_FANOUT, group&0xFFFF|mode<<16); err != nil {
			return fmt.Errorf("join the fan-out group: %w", err)
		}
	}
	if err := setFilter(first, unix.SOL_PACKET, unix.PACKET_FANOUT_DATA, steerProgram()); err != nil {
		return fmt.Errorf("set the fan-out program: %w", err)
	}
	return nil
}

func setFilter(fd, level, option int, code []unix.SockFilter) error {
	return unix.SetsockoptSockFprog(fd, level, option, &unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]})
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }
