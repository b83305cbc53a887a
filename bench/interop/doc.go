// Package interop holds no code, only tests: Myriad against stacks and servers
// that were not written for it (the kernel's TCP, nginx, tcpdump), in network
// namespaces of their own.
package interop
