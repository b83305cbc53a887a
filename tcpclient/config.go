package tcpclient

import (
	"net"
	"net/netip"
	"time"

	"myriad/iobackend"
)

// Config says what a Client works on and what it may use. The zero value of
// every field means the default that its comment names. New refuses what it
// cannot do; nothing is clamped in silence.
type Config struct {
	// Interfaces are the devices to work on; at least one.
	Interfaces []Interface

	// ConnectionsMax is the number of connections that can be open at once,
	// over all workers: 65,536. About 120 bytes each, taken at the start.
	ConnectionsMax int
	// Batch is the number of frames a worker moves in one turn: 256.
	Batch int
	// Rate limits new connections per second, over all workers; 0 is without
	// limit.
	Rate float64
	// PortMin and PortMax bound the local ports: 1,024 to 65,535. Both are
	// used. See Interface.Sources for addresses shared with the kernel.
	PortMin, PortMax uint16

	// Timeout and Idle are the defaults for Open; 0 is without limit.
	Timeout, Idle time.Duration
	// SYNRetries is the number of times a SYN is sent again (after 1 s, 2 s, 4
	// s …): 3. Negative means never.
	SYNRetries int
	// DataRetries is the number of times in a row that a segment is sent again
	// before the connection fails with TimedOut (RFC 9293's R2): 10.
	DataRetries int
	// RTOMin is what the retransmission timeout is beyond the round trip at
	// least: 200 ms as in Linux, where RFC 6298 has 1 s for the timeout as a whole.
	RTOMin time.Duration
	// CongestionControl is "cubic" (RFC 9438), the default, or "newreno" (RFC
	// 5681).
	CongestionControl string
	// TimeWait is how long a connection that we closed first waits for the
	// peer's last FIN again: 60 s. When the table is full the oldest of them
	// make room.
	TimeWait time.Duration
	// Rest is how long the 4-tuple of a connection that has ended, by RST or
	// otherwise, stays unused: 1 s.
	Rest time.Duration

	// ReceiveBuffer is the receive window a connection starts with, in bytes:
	// 65,535. It grows by itself, with what the path carries, to
	// ReceiveBufferMax: 1 MiB.
	ReceiveBuffer, ReceiveBufferMax int
	// SendBuffer is how many bytes one connection may have unsent or
	// unacknowledged: 256 KiB.
	SendBuffer int
	// BufferMemory bounds, over all connections, the bytes held in send
	// buffers, out of order, or held back by Pause: 64 MiB. It is taken from the
	// system only as it is used. What the connections of a Dialer have unread is
	// bounded by as much again (see Dialer.ReadBuffer).
	BufferMemory int
	// SideRecords bounds the connections that can be more than plain at one
	// time: with data of their own to send, with holes, paused, or with
	// timestamps, of which one that finds none left fails as NoMemory: the
	// smaller of 65,536 and ConnectionsMax.
	SideRecords int
	// HolesMax is the number of out-of-order ranges kept per connection: 512.
	HolesMax int
	// Calls bounds the calls from other goroutines that wait for a worker:
	// 4,096 per worker.
	Calls int

	// QueriesMax is the number of UDP queries that can be under way at once,
	// over all workers (see Query): none. About 130 bytes each and QueryBytes,
	// 512, for the payload.
	QueriesMax, QueryBytes int

	// MSS caps the segment size that we announce; the interface's MTU less 40
	// by default.
	MSS int
	// Timestamps turns on RFC 7323 timestamps.
	Timestamps bool
	// TTL of our packets: 64.
	TTL uint8
	// Unpinned leaves the worker threads free to move between processors.
	// Otherwise worker k runs on the k-th processor the process may use,
	// where there are at least as many as workers.
	Unpinned bool
	// KeepGOMAXPROCS leaves runtime.GOMAXPROCS alone. Otherwise Start raises it
	// by the number of workers with threads of their own (see Interface.Park), and
	// Close lowers it again, so that a worker that wakes need not wait for a
	// goroutine to give its P up. With more Ps than processors a pause of the
	// collector may last a time slice of the system's, some milliseconds, until
	// each thread that has a P has run: a program whose work is all in the handlers
	// does better to keep it.
	KeepGOMAXPROCS bool
	// BusyPoll is how long a worker that finds nothing to do goes on looking
	// before it sleeps: two turns. It saves a frame that comes in that time the
	// wake-up, some tens of microseconds or, on a busy machine, a time slice,
	// at the price of the worker's processor. Whatever it says, a worker stays
	// awake for two round trips while bulk data waits for its ACK over a path of
	// at most 200 µs, where there are more processors than workers and no Seed is
	// given: a simulation's clock may stand still meanwhile.
	BusyPoll time.Duration
	// Manual starts no goroutines: the owner calls Client.Step.
	Manual bool
	// Seed makes ISNs, ports and hash keys repeatable, for simulations only; 0
	// takes them from the system's random source.
	Seed uint64
}

// Interface is one device with our addresses on it.
type Interface struct {
	// Name is the kernel's name of the device.
	Name string
	// Backend is "afxdp", "live" (AF_XDP that sends batches by live frames: see
	// afxdp.Options), "afpacket" or, on Windows, "irlstack"; "" is the latter
	// there, and elsewhere AF_XDP, or AF_PACKET where the kernel or the device
	// has no AF_XDP; for want of rights it is not changed in silence.
	Backend string
	// Device, when not nil, is used instead of opening Name: a simulated link,
	// a device opened by hand, or one wrapped by pcapfile. The Client that New
	// returns closes it.
	Device iobackend.Device
	// Sources are our addresses on it: each address of each prefix. They must
	// not be the kernel's, and not overlap. With none, the interface's own
	// address is shared with the kernel: Config.PortMin to PortMax are ours
	// then (61,000 to 65,535 by default), ICMP stays the kernel's, and only
	// AF_XDP will do.
	Sources []netip.Prefix
	// Gateway is where everything goes that no route names; the kernel's
	// default route of the device when zero.
	Gateway netip.Addr
	// GatewayMAC skips the resolution of Gateway, and sends everything there.
	GatewayMAC net.HardwareAddr
	// OnLink are the prefixes whose hosts we reach directly; the kernel's
	// routes of the device when nil and Gateway is zero too.
	OnLink []netip.Prefix
	// Queues limits the workers on the device; one per queue when 0. With 1 one
	// worker takes all queues: on a veth, which puts replies on any of them,
	// that costs less processor time as long as one processor is enough.
	Queues int
	// TransmitChecksum says who computes the TCP and UDP checksums of what is
	// sent: by default the device where it says that it can, over AF_XDP (Linux
	// 6.11) or irlstack, and otherwise we; iobackend.OffloadOff has it done here,
	// OffloadOn by the device or the kernel, and New fails where neither does it.
	TransmitChecksum iobackend.Offload
	// SegmentationOff has every frame made here. Otherwise two or more full
	// segments of one connection that are due at once leave as a single long
	// one, and the kernel, or the network card where it can, cuts that into
	// frames: where AF_XDP copies, and on AF_PACKET.
	SegmentationOff bool
	// BusyPoll has a worker that finds nothing run the driver's own poll, over
	// AF_XDP (iobackend.Config.BusyPoll). It is for network cards whose interrupts
	// are put off, together with Config.BusyPoll: an empty turn costs a system
	// call.
	BusyPoll bool
	// Park has the interface's workers be goroutines like others, without a thread
	// and a processor of their own, which also wait like others
	// (iobackend.Config.Park; irlstack blocks a thread). To hand over to one and
	// back then takes no switch of threads. But as many goroutines as processors,
	// or more, that compute without a pause keep them waiting, as they keep all
	// other goroutines: for tens of milliseconds, part of which peers take for loss
	// (figures in bench/README.md, "Dialer"). A Dialer sets it, unless
	// Dialer.Threads says otherwise.
	Park bool
	// ReceiveFrames and SendFrames are the frames per queue, powers of two:
	// 4,096 each. A frame is 2 KiB, or 4 KiB for an MTU above 1,800. All are
	// used in turns, so for few connections at a time as many as they can have
	// under way are faster: those stay in the processor's cache.
	ReceiveFrames, SendFrames int
}
