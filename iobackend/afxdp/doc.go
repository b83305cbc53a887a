// Package afxdp drives a Linux network interface through AF_XDP sockets.
//
// # Terms
//
// A socket is the kernel's AF_XDP socket of one receive queue of the device. The
// UMEM is the memory that all frames lie in. A descriptor is a frame's offset
// in the UMEM, and its length. The fill ring tells the kernel where to put
// frames, the completion ring tells us what was sent; a kick is the system
// call that makes the kernel look at the transmit ring.
//
// # Queues and sockets
//
// Every receive queue of the device has a socket, since a frame for us can
// arrive on each. Queue i owns socket i, sends through it, and where
// Config.Queues is smaller than the device's number it receives from sockets
// i+Queues, i+2·Queues … too.
//
// # Who owns a frame
//
// Each socket has receive frames of its own, each queue send frames of its
// own:
//
//	        ┌────────────── Release ◄─────────────┐
//	        ▼                                     │
//	fill ring ─► kernel ─► receive ring ─► Receive ─► HandOver ─► other queue
//	        ▲                                                        │
//	        └────── return ring ◄────────── Release ◄────────────────┘
//
//	free list ─► Reserve ─► Transmit ─► kernel ─► completion ring ─► free list
//
// All sockets of a device share one UMEM, so a handed-over frame changes hands
// by its descriptor and goes home through a ring. Where the kernel cannot
// share it each socket registers the same memory as a UMEM of its own, and
// frames are handed over just as before.
//
// # Live frames
//
// Where the kernel has to copy what AF_XDP sends, it makes a socket buffer of
// each frame. Options.Live sends by live frames instead: the filter (live.h) is
// run by BPF_PROG_TEST_RUN once for each frame of a batch, on a page of the
// kernel's that it copies the frame into and redirects to the device. The UMEM
// is then the memory of a BPF map, so that one reserved frame can go either
// way:
//
//	Transmit ─┬─ fewer than 16 frames ──► transmit ring ─► kick
//	          └─ more ──► descriptors ─► BPF_PROG_TEST_RUN, on this thread
//
// A run ends when its frames have left, so they are free again at once, nothing
// polls, and nothing has to be started or stopped. It is cheap because the
// program is the very one that is attached: running any other makes the kernel
// change its XDP dispatcher and wait for all processors, about 24 ms a run.
//
// Each run takes its pages anew, and a page that is not back when the run ends
// is the kernel's for a second more. A veth with an XDP program behind it gives
// all back in time. What its peer's kernel holds for its sockets comes late:
// 4 KiB × frames a second, 120 MiB at 30,000 a second. A network card would have
// most of its frames under way still, some GiB of them, so Live is for veths;
// cards have zero copy.
//
// What cannot leave so, for its length or its place in the memory, and all while
// the link is down or its device takes no redirected frames, is sent by AF_XDP.
// What a driver drops of what it took is not told to us, as with AF_XDP on a
// veth; up to the watch's next look that includes what a veth drops whose peer
// has just lost its XDP program.
//
// # Checksums of what is sent
//
// A driver may complete the TCP and UDP checksums of frames that it sends from
// the UMEM (its xsk-features, as `ynl --family netdev --do dev-get` shows them,
// hold tx-checksum). Config.TransmitChecksum leaves them to it then
// (Info.TransmitChecksum): 24 bytes before each send frame, which Info.FrameBytes
// is short of, say where the sum begins and goes, and the descriptor that they
// are there:
//
//	frame's memory  ┬ struct xsk_tx_metadata  24 bytes
//	                └ Ethernet, IPv4, TCP or UDP, payload
//
// A received frame has none, so one that is handed over needs none either. With
// OffloadOn it is done wherever the kernel copies, too, which completes what the
// device cannot; a veth passes a sum on unfinished: its peer's kernel takes it
// as right, a capture or an XDP program there sees the pseudo-header's sum. It is
// refused on a zero-copy driver without tx-checksum, with live frames, which no
// metadata goes with, and by kernels before 6.11. A frame with ChecksumPartial
// that is not TCP or UDP over IPv4, or on a device without Info.TransmitChecksum,
// is counted as DropTransmit. Segments (TransmitSegments) are not concerned.
//
// # The kernel beside us
//
// The XDP program (filter.c) takes IPv4 TCP, UDP and ICMP for
// Config.Addresses and ARP about them; everything else stays the kernel's. It
// is attached by a BPF link, so it goes when the process does, in native mode
// or else in generic mode. A program that is there already is never displaced.
// Sockets are bound for zero copy where the driver can, for copying
// otherwise.
//
// # Time
//
// Instants count from the opening of the device, on CLOCK_MONOTONIC. Where the
// driver can be asked for a frame's receive time (XDP metadata, Linux 6.3), a
// batch has that of its newest frame; the device's clock is related to ours by
// the smallest delay seen. A driver that has no time to give is soon no longer
// asked.
//
// # Concurrency
//
// A Queue belongs to one goroutine; Wake and Counters may be called from any.
// Open must run in the interface's network namespace, on one thread; the
// queues may be used from any.
//
// # Polling and pages
//
// With Config.BusyPoll a Receive that finds nothing runs the driver's poll in the
// caller (SO_PREFER_BUSY_POLL), so that a frame need not wait for an interrupt;
// set the device's napi_defer_hard_irqs and gro_flush_timeout for it to keep
// interrupts away altogether. The UMEM is asked for on large pages; what the
// system has of them it gives.
//
// # What may happen to the device
//
// The link is looked at four times a second; what that finds is told by Link,
// or by an error of every queue.
//
//	no carrier, set down      Link; frames wait in the ring
//	MTU changed               Link; a frame too large is dropped and counted
//	program detached          attached again, if the hook is free (Reattached)
//	another's program there   left to him: iobackend.ErrDisplaced
//	more receive queues       iobackend.ErrReconfigured
//	completions do not come   counted after 5 s (CompletionsLate), the frames not
//	                          used again; iobackend.ErrStuck at half of them
//	interface or namespace    iobackend.ErrDeviceGone
//	gone
//
// # Limits and errors
//
// IPv4 only. A frame holds 2 KiB, or 4 KiB where the MTU needs that; larger
// packets arrive in several pieces. Nobody verifies checksums on receive, so
// Frame.ChecksumOK is never set. Errors of Open name the interface, the value
// and the remedy, and wrap iobackend.ErrNotSupported where the system cannot.
// In a 32-bit process the BPF library finds no functions of the kernel, so there
// are no timestamps of the device's; everything else is as elsewhere.
// Receive, Transmit and Wait return iobackend.ErrDeviceGone within a second of
// the interface's end.
//
// Rights: CAP_NET_RAW (sockets), CAP_NET_ADMIN (attach) and CAP_BPF (load);
// root has them all. Kernel 5.10 or later.
package afxdp
