// Package network is the crawler's way to the network: Myriad's Dialer with a
// limit on new connections, a resolver that asks over it, and an account of
// what it cost. Nothing goes through the kernel's network.
//
// A Network may be used by any number of goroutines. Close ends it.
package network
