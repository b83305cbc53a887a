// Package transfer measures bulk transfers of one connection, or many: down from and up
// to a kernel server behind a forwarding namespace that loses segments, by
// Myriad and by the kernel's own client; and between two Myriads in virtual
// time.
//
// Each measurement makes its own namespaces and leaves none behind. Both ends
// have an XDP program attached and no offloads, so that the frames of both
// clients are of one MTU. What counts is what the receiving application was
// given, over the time that was set.
package transfer
