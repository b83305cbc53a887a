// Package iobackend moves link-layer frames in batches between a device and
// one worker per queue. It knows nothing of what the frames hold.
//
// # Terms
//
// A Device is one network interface (or a simulated one) with one or more
// queues. A Queue receives and transmits; it belongs to one goroutine, which
// alone may call its methods, but for Wake.
//
// # Who owns a frame
//
//	Receive ──► borrowed ──► Release          the device's again
//	                    └──► HandOver         another queue's
//	Reserve ──► ours     ──► Transmit         the device's again
//
// Receive frames and send frames come from disjoint pools, so a flood of
// received frames never keeps us from sending. Bytes of a frame must not be
// touched after it was given away.
//
// # Clock
//
// Instants are durations since an epoch of the device's own choosing; they
// never go back (CLOCK_MONOTONIC, or simlink's virtual clock).
package iobackend

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Errors that backends return, wrapped with the operation and the device.
var (
	// ErrNotSupported: this machine, kernel or build cannot do it.
	ErrNotSupported = errors.New("not supported")
	// ErrClosed: the device was closed by us.
	ErrClosed = errors.New("device closed")
	// ErrDeviceGone: the interface was removed, or its namespace ended.
	ErrDeviceGone = errors.New("device is gone")
	// ErrDisplaced: somebody has put another XDP program in our filter's place.
	// It is his now; frames for us do not come any more.
	ErrDisplaced = errors.New("another XDP program has taken our place")
	// ErrStuck: the device keeps the frames that it was given to send.
	ErrStuck = errors.New("the device does not give back what it was to send")
	// ErrReconfigured: the device has got more receive queues than it was
	// opened with, and frames for us arrive on those, too.
	ErrReconfigured = errors.New("the device's queues have changed")
)

// Frame is a piece of memory with a frame, or part of one, in it.
type Frame struct {
	// Data begins at the Ethernet header. For a reserved frame its length is
	// what fits; the caller cuts it to what shall be sent.
	Data []byte
	// Handle is the backend's own name of the memory.
	Handle uint64
	// More: the packet goes on in the next Frame of the same batch (a jumbo
	// frame in several buffers). Backends never split a packet over two
	// batches.
	More bool
	// ChecksumOK: the backend vouches for the transport checksum (the sender
	// is on this machine and left it partial, or the device verified it).
	ChecksumOK bool
	// ChecksumPartial, of a frame to be sent by a device that has
	// Info.TransmitChecksum: the checksum field of TCP or UDP over IPv4 holds
	// the pseudo-header's sum, not complemented, and the device completes it.
	ChecksumPartial bool
}

// Queue is one receive and transmit queue of a device, for one goroutine.
type Queue interface {
	// Receive borrows up to len(frames) received frames, without blocking,
	// handed-over ones included. at is when the batch was taken: the device's
	// own timestamp of the newest frame where it gives one, the clock
	// otherwise; with no frame it is the clock. The error is ErrDeviceGone
	// or ErrClosed, wrapped.
	Receive(frames []Frame) (count int, at time.Duration, err error)
	// Release gives borrowed frames back. Frames whose Data is nil are passed
	// over: they were handed over before.
	Release(frames []Frame)
	// HandOver passes the borrowed frame (the first of its pieces first) to
	// queue to of the same device, which will Receive it, at the latest after
	// this queue's next Release (of no frame, too), Receive or Wait. It reports
	// false, and the frame stays the caller's, when that queue has no room.
	HandOver(frame Frame, to int) bool
	// Reserve takes up to len(frames) empty frames to be filled. Reserved
	// frames may be kept as long as the caller likes.
	Reserve(frames []Frame) (count int)
	// Transmit sends reserved frames in order; all of them are taken. It does
	// not wait for the wire. Frames that the device refuses are counted.
	Transmit(frames []Frame) error
	// Wait blocks until there is something to receive, Wake is called, or the
	// clock reaches until. It may return early.
	Wait(until time.Duration) error
	// Wake ends the current or the next Wait. Any goroutine may call it.
	Wake()
	// Now reads the clock.
	Now() time.Duration
	// Counters reads what the queue counted so far. Any goroutine may call
	// it.
	Counters() Counters
}

// Sharer is a Queue that one goroutine can use while another waits, when they
// share a lock.
type Sharer interface {
	// WaitUnlocked is Wait for the holder of lock, who is without it while the
	// goroutine is parked. Without Config.Park it never gives the lock up.
	WaitUnlocked(until time.Duration, lock sync.Locker) error
}

// Segmenter is a Queue whose device, or the kernel before it, cuts long TCP
// segments into frames.
type Segmenter interface {
	// SegmentMax is the longest IP packet that may be cut, in bytes; 0 when
	// the device does not do it after all.
	SegmentMax() int
	// TransmitSegments sends one TCP segment, given in pieces of which the
	// first is its headers from Ethernet's on; the TCP checksum's place holds
	// the sum of the pseudo-header, not complemented. It leaves as frames with
	// size bytes of payload each, the last with what is left, after all that
	// was transmitted before. The pieces are the caller's again at once. What
	// the device refuses is counted as that many frames.
	TransmitSegments(pieces [][]byte, size int) error
}

// Device is an opened interface.
type Device interface {
	Info() Info
	// Queue returns queue index, 0 ≤ index < Info().Queues.
	Queue(index int) Queue
	// Close detaches from the interface and frees everything. Call it when no
	// goroutine uses a queue any more. It may be called twice.
	Close() error
}

// Watched is a Device that notices changes of its link. Any goroutine may call
// Link; it is cheap. Of other devices the link is taken to be as it was.
type Watched interface {
	Link() LinkState
}

// LinkState is what may change of a device's link.
type LinkState struct {
	Up  bool // it is set up, and has a carrier
	MTU int  // the largest IP packet in bytes
}

// Info describes an opened device.
type Info struct {
	Name string
	// Method says how the device is driven, for people: "afxdp native copy",
	// "afpacket", "simlink".
	Method       string
	HardwareAddr net.HardwareAddr
	// MTU is the largest IP packet in bytes.
	MTU    int
	Queues int
	// FrameBytes is the largest frame that Reserve's memory holds.
	FrameBytes int
	// ReceiveHash is how the device spreads TCP over IPv4 over its queues, where
	// it says so; nil otherwise.
	ReceiveHash *ReceiveHash
	// TransmitChecksum: the device takes frames with ChecksumPartial.
	TransmitChecksum bool
	// BatchMax is the largest number of frames that one Receive or Transmit
	// can move.
	BatchMax int
}

// ReceiveHash describes receive side scaling: the Toeplitz hash over addresses
// and ports, source first, under Key; its lowest bits choose from Indirection,
// whose length is a power of two. A queue with index i of a device with n Queues
// is given what arrives for i, i+n, i+2n …
type ReceiveHash struct {
	Key         []byte
	Indirection []uint32
}

// Config is what every backend that drives a real interface is opened with.
type Config struct {
	// Interface is the device's name, as "eth0".
	Interface string
	// Addresses are ours: TCP, UDP and ICMP sent to them, and ARP about them,
	// come to us; everything else stays the kernel's.
	Addresses []netip.Prefix
	// Shared is an address of the kernel's on which some ports are ours;
	// only AF_XDP can keep them from the kernel.
	Shared *Shared
	// Queues limits the number of queues used for sending and ownership; the
	// device's own number when 0. Every receive queue of the device is bound
	// in any case, since a frame for us may arrive on each.
	Queues int
	// TransmitChecksum says whether transport checksums of what is sent are left
	// to the device (Info.TransmitChecksum, Frame.ChecksumPartial).
	TransmitChecksum Offload
	// SegmentationOff has every frame made here: long TCP segments are not left
	// to the device or the kernel to be cut (see Segmenter).
	SegmentationOff bool
	// ReceiveFrames and SendFrames are the frames per queue, powers of two; 0
	// means 4096 each.
	ReceiveFrames, SendFrames int
	// BusyPoll has a Receive that finds nothing run the driver's own poll there
	// and then, for frames that have come and whose interrupt has not, where the
	// backend can; for a worker that goes on looking instead of sleeping.
	BusyPoll bool
	// Park has Wait park its goroutine, where the backend can, instead of blocking
	// its thread: the thread runs another goroutine meanwhile.
	Park bool
}

// Offload says whether some work is left to the device.
type Offload uint8

// OffloadAuto leaves it to a device that says that it can. OffloadOff does it
// here. OffloadOn leaves it to the device, and Open fails with ErrNotSupported
// where it would not be done.
const (
	OffloadAuto Offload = iota
	OffloadOff
	OffloadOn
)

// Shared is an address that we share with the kernel: TCP to the ports PortMin
// to PortMax is ours. ARP, ICMP and everything else stay the kernel's.
type Shared struct {
	Address          netip.Addr
	PortMin, PortMax uint16
}

// Counters are totals since the device was opened.
type Counters struct {
	FramesReceived, BytesReceived uint64
	FramesSent, BytesSent         uint64
	HandedOver                    uint64 // frames passed to another queue
	HandOverFull                  uint64 // refused: the other queue had no room
	DropRingFull                  uint64 // by the kernel: receive ring full
	DropFillEmpty                 uint64 // by the kernel: no receive buffer
	DropInvalid                   uint64 // descriptors the kernel refused
	DropTransmit                  uint64 // frames the device refused to send
	Kicks, Waits                  uint64 // system calls to send; sleeps
	CompletionsLate               uint64 // sent frames, at present, that the device has kept for long
	Reattached                    uint64 // times that the filter was detached by somebody, and attached again
}
