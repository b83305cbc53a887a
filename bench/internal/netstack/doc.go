// Package netstack opens connections with gVisor's complete netstack, as fast as
// it can over AF_PACKET: what a Go program would embed instead of Myriad.
//
// # Terms
//
// The job is package kernel's, and is done by a process of its own, as its
// clients are. The link is gVisor's fdbased endpoint with one AF_PACKET socket
// for each processor, its flows spread by PACKET_FANOUT, received with recvmmsg:
// what gVisor itself runs containers on. Packets are of one segment, without
// offloads. Each connection under way has a goroutine that blocks.
//
// # Limits
//
// Source addresses are taken in turn and netstack chooses the ports. The kernel
// must not own the addresses: it would answer too, with RST.
package netstack

// Command is the argument with which this program is this client, to be passed
// on to Run with those that follow it.
const Command = "netstack"
