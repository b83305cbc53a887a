// Package netinfo reads what the kernel knows about a network interface: its
// addresses, routes, neighbours and queues, in the network namespace of the
// calling thread.
//
// Lookup takes a snapshot; nothing here listens for changes. The results are
// plain values that belong to the caller. Functions may be called from any
// goroutine. Linux and Windows have it (Windows without the numbers of queues,
// which are told as 1); elsewhere Lookup returns ErrNotSupported.
package netinfo
