// Package afpacket drives a Linux interface through AF_PACKET sockets, for
// where XDP cannot be had: unprivileged user namespaces, odd drivers, old
// kernels.
//
// # How it receives
//
// Each queue is a socket with a memory-mapped TPACKET_V2 ring; the sockets of
// a device form a fan-out group. The frame for local port p arrives on queue
// p mod Queues (as does an ICMP error about such a frame), everything without a
// port on queue 0. TPACKET_V3 would hold more frames in less memory, but shows
// a frame only once its block is full or has timed out: over a veth, 870 µs
// after it was sent in the median where V2 takes 9 µs.
//
// A slot holds a frame of the interface's MTU. The kernel's own sockets, and
// devices that merge packets, give us larger ones: super-frames of up to 64
// KiB. The kernel queues those beside the ring (PACKET_COPY_THRESH), from where
// Receive copies them, so a Frame may be longer than Info().MTU. No offload has
// to be turned off.
//
// The header's status bits tell whether the kernel vouches for the checksum
// (Frame.ChecksumOK): the sender is on this machine and left it partial, or the
// device verified it.
//
// # How it sends
//
// Transmit is one sendmmsg for a batch, past the queueing discipline
// (PACKET_QDISC_BYPASS), straight from the send frames, which are free again
// when it returns. There is no TX ring: the kernel sends from a ring in the
// ring's order only, so frames reserved early and sent late would have to be
// copied into it, and measured it is no faster (720 ns a frame over a veth,
// sendmmsg 660 ns). Other packet sockets on the interface, tcpdump's too, do
// not see what is sent; pcapfile does.
//
// # What reaches us, what reaches the kernel
//
// A socket filter takes IPv4 TCP, UDP and ICMP sent to Config.Addresses, and ARP
// from or about them. The kernel sees every frame as well. It stays silent
// about ours because they are not for an address of its own: not local, hence
// no RST and no echo; not forwarded, hence no ICMP. Open makes sure of both: it
// refuses addresses in the kernel's local table, and an interface on which
// forwarding is on. Whoever changes either later gets RSTs sent in our name.
//
// # Concurrency and ownership
//
// As package iobackend says. A received Frame is a ring slot, or a copy of a
// super-frame; HandOver passes it by reference, and whoever releases it gives
// it to the kernel. The kernel fills slots in order and stops at one that is
// not released, so do not keep frames; Wait returns at once, again and again,
// while the newest frame of its queue is not released.
//
// # Limits
//
// Ethernet and IPv4 only. Frames whose VLAN tag the kernel has taken off are
// dropped and counted. At most 500 prefixes that do not adjoin each other. 16
// super-frames can be out per queue; further ones wait.
//
// # Errors
//
// An interface that is set down sends nothing (DropTransmit) and receives
// nothing until it is up again; one that is removed gives
// iobackend.ErrDeviceGone within about 100 ms of waiting, 500 ms of waiting parked
// (iobackend.Config.Park).
package afpacket
