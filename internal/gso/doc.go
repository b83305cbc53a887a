// Package gso sends TCP segments that are longer than a frame and has them cut
// into frames below: by the network card where it can (TSO), by the kernel just
// before its driver otherwise (generic segmentation offload). A stretch of data
// costs one system call, one buffer and one pass through the kernel so, and not
// one for each frame.
//
// It does so on a packet socket with PACKET_VNET_HDR: what is sent begins with a
// struct virtio_net_hdr that tells the segments' size (linux/virtio_net.h,
// Documentation/networking/packet_mmap.rst).
//
// A Socket belongs to one goroutine. It is an addition to a backend's own way to
// send and never receives.
package gso
