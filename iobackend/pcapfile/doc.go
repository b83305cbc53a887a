// Package pcapfile writes captures that tcpdump and Wireshark read: of all that
// a device sends and receives (Wrap), or of what it is given (Writer). It also
// reads them, for tests (Reader).
//
// The format is the classic pcap of libpcap with nanosecond timestamps (magic
// 0xA1B23C4D), Ethernet, little-endian, whatever the machine is.
//
// # Wrap
//
// Each packet is written once, with all its pieces: a received one when a queue
// first receives it (not again after a hand-over), a sent one when it is given
// to the device, whether or not the device then sends it. The instant is the
// device's own, mapped to wall-clock time once, at the start: Options.Epoch.
//
// # Concurrency
//
// A Writer has a mutex, and one may serve several goroutines and devices. A
// wrapped device's queues may be used each by its own goroutine, as without the
// tap. A writer that blocks stops the traffic: give it a file, not a pipe
// nobody reads.
//
// # Errors
//
// What is written is buffered, and handed to the io.Writer at most a second
// later, at Flush, and at Close. After the first write error nothing more is
// written, since the file may end within a record: frames are counted instead,
// and Close returns the error with their number. Traffic goes on.
//
// # Limits
//
// Frames are cut to Options.Snaplen, at most 262,144 bytes. Seconds end in the
// year 2106.
package pcapfile
