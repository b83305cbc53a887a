// Package irlstack drives a network interface on Windows through a protocol
// driver of the kind that the IRLstack paper describes (Smith and Loguinov,
// "Enabling High-Performance Internet-Wide Measurements on Windows", PAM
// 2010).
//
// That driver is not public. What the paper tells is followed; what it does
// not tell is assumed, in one place (see Assumptions), and tried against a
// stand-in for the driver. Whoever has the driver changes codec.go, control.go
// and names_windows.go, and nothing else.
//
// # Terms
//
// A request is one ReadFile or WriteFile on the driver's handle, with one
// contiguous request buffer: a series of records, each a header and a complete
// link-layer frame. The format is the same for sending and for receiving. Many
// requests are outstanding at once, on one completion port.
//
// # The batch format, version 1
//
// Little-endian; the first header is at the buffer's beginning.
//
//	offset  bytes
//	     0      1  version, 1
//	     1      1  flags; received: bit 0, the NIC has verified the transport
//	               checksum; sent: bit 1, the checksum field of TCP or UDP
//	               over IPv4 holds the pseudo-header's sum (not complemented,
//	               as NDIS has it), and the NIC completes it
//	     2      2  length of this header, 16
//	     4      4  length of the frame that follows the header, 14 to MTU + 14
//	     8      4  distance from this header to the next, or to the end of the
//	               data: a multiple of 8, at least 16 + the frame's length;
//	               bytes between frame and next header mean nothing
//	    12      4  not used, 0
//
// The free distance is what lets both directions go without a copy: a received
// frame is used where the driver put it, and Reserve hands out slots of a
// request buffer that are as long as the longest frame; what a short frame
// leaves of its slot is passed over.
//
// # Assumptions
//
//	what the paper leaves open             what is assumed here
//	-------------------------------------  ------------------------------------
//	name of the device                     \\.\IRLstack
//	which adapter                          its interface index, when registering
//	layout of the header                   the above
//	may there be gaps between frames       yes, as the above says
//	several readers of one adapter         no: one handle, hence one queue
//	exclusive use                          a second CreateFile fails: "busy"
//	length of a request                    the driver's hello tells the longest
//	when a read ends                       when the driver has frames, not only
//	                                       when the buffer is full
//	order of requests                      as they were given
//	IOCTLs                                 one, IRP code 0x800 of device type
//	                                       network, METHOD_BUFFERED, with the
//	                                       messages of control.go
//	version, MAC, MTU, offloads            in the answer to hello
//	addresses                              prefixes, registered before the first
//	                                       request; gone when the handle closes
//	who answers ARP for them               we do: the driver redirects it too
//	checksums sent                         flag bit 1, where hello offers it;
//	                                       else complete in every frame
//	checksums received                     flag bit 0, where hello offers it
//
// # Who owns which memory
//
// As package iobackend says. A received Frame lies in the driver's read
// buffer, which goes back to the driver when the last of its frames was
// released, so do not keep frames. A reserved Frame is a slot of the send
// memory; Transmit writes headers before the frames and gives each run of
// adjoining slots to the driver as one request. Slots are free again when
// their request has ended.
//
// # Concurrency
//
// As package iobackend says; besides Wake and Counters, any goroutine may call
// Faults.
//
// # Limits
//
// One queue. IPv4 and IPv6 prefixes can be registered, up to 4,096. No shared
// address (Config.Shared). Windows wakes a sleeping thread with about a
// millisecond's grain, and so does Wait.
//
// # Errors
//
// Open says in one sentence what is wrong and what to do: the device is
// missing, busy, of another version, or refuses an address. A driver that
// disappears gives iobackend.ErrDeviceGone from the next call. What is wrong
// with a buffer that the driver filled is counted by name (Faults), and in
// Counters.DropInvalid; nothing is read outside of what it filled.
package irlstack
