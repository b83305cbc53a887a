package irlstack

import (
	"encoding/binary"

	"myriad/iobackend"
)

// Version is the version of the batch format and of the control messages.
const Version = 1

// HeaderBytes is the length of the header before each frame.
const HeaderBytes = 16

// alignment of headers in a request buffer, in bytes.
const alignment = 8

// FrameMin is the shortest frame that is let through, in bytes: an Ethernet
// header.
const FrameMin = 14

// Flags of a header.
const (
	// FlagChecksumOK, of a received frame: the NIC has verified the transport
	// checksum.
	FlagChecksumOK = 1 << 0
	// FlagChecksumPartial, of a frame that is sent: the checksum field of TCP
	// or UDP over IPv4 holds the pseudo-header's sum, not complemented, and
	// the NIC completes it.
	FlagChecksumPartial = 1 << 1
)

// The header's first eight bytes as one little-endian word.
const (
	fixedMask  = 0xffff_00ff // version and header length, without the flags
	fixedWant  = HeaderBytes<<16 | Version
	flagsShift = 8
	sizeShift  = 32
)

// Stride is the distance in bytes from the header of a frame of frameBytes to
// the next header, where frames lie as densely as they may.
func Stride(frameBytes int) int {
	return (HeaderBytes + frameBytes + alignment - 1) &^ (alignment - 1)
}

// PutHeader writes the header of a frame of frameBytes to the beginning of
// record. stride is the distance in bytes to the next header, at least
// Stride(frameBytes) and a multiple of 8; the bytes between are no one's.
func PutHeader(record []byte, frameBytes, stride int, flags uint8) {
	_ = record[HeaderBytes-1]
	binary.LittleEndian.PutUint64(record, uint64(frameBytes)<<sizeShift|uint64(flags)<<flagsShift|fixedWant)
	binary.LittleEndian.PutUint64(record[8:], uint64(uint32(stride)))
}

// setStride changes the distance to the next header.
func setStride(record []byte, stride int) { binary.LittleEndian.PutUint32(record[8:], uint32(stride)) }

// Append adds a frame to a request buffer and returns the longer buffer; the
// buffer as it was, and false, where its capacity does not suffice. The
// buffer must begin at a header.
func Append(buffer, frame []byte, flags uint8) ([]byte, bool) {
	stride, at := Stride(len(frame)), len(buffer)
	if stride > cap(buffer)-at {
		return buffer, false
	}
	buffer = buffer[:at+stride]
	PutHeader(buffer[at:], len(frame), stride, flags)
	n := copy(buffer[at+HeaderBytes:], frame)
	clear(buffer[at+HeaderBytes+n:])
	return buffer, true
}

// Carver takes a request buffer apart into frames that lie in it. The zero
// value has nothing to carve; Reset gives it a buffer.
type Carver struct {
	// FrameMax is the longest frame that is let through, in bytes.
	FrameMax int
	// Trust are the flags that are believed; others mean nothing.
	Trust uint8
	// Faults counts what was refused.
	Faults Faults

	rest []byte // from the next header on
	base int    // offset of rest in the buffer
}

// Reset begins a buffer, of which the driver filled all.
func (c *Carver) Reset(buffer []byte) { c.rest, c.base = buffer, 0 }

// Done reports whether nothing is left to carve.
func (c *Carver) Done() bool { return len(c.rest) == 0 }

// Carve fills frames with the next frames of the buffer, and returns how many
// those are and their length in bytes together. A Handle is tag plus the
// frame's offset in the buffer. A frame that is too short or too long is
// passed over; with a header that cannot be right, the rest of the buffer is,
// since nothing tells where the next header is.
func (c *Carver) Carve(frames []iobackend.Frame, tag uint64) (count, bytes int) {
	rest, base, trust := c.rest, c.base, uint64(c.Trust)
	for count < len(frames) && len(rest) > 0 {
		if len(rest) < HeaderBytes {
			c.Faults.Torn++
			rest = nil
			break
		}
		first := binary.LittleEndian.Uint64(rest)
		stride := int(binary.LittleEndian.Uint32(rest[8:]))
		told := first >> sizeShift // 64 bits: a header more must not wrap it
		if first&fixedMask != fixedWant || uint(stride) > uint(len(rest)) ||
			stride%alignment != 0 || told+HeaderBytes > uint64(stride) {
			c.fault(first, stride, len(rest))
			rest = nil
			break
		}
		size := int(told)
		if size >= FrameMin && size <= c.FrameMax {
			f := &frames[count]
			f.Data = rest[HeaderBytes : HeaderBytes+size : HeaderBytes+size]
			f.Handle, f.More = tag+uint64(base+HeaderBytes), false
			flags := first >> flagsShift & trust
			f.ChecksumOK, f.ChecksumPartial = flags&FlagChecksumOK != 0, flags&FlagChecksumPartial != 0
			count++
			bytes += size
		} else if size < FrameMin {
			c.Faults.TooShort++
		} else {
			c.Faults.TooLong++
		}
		rest = rest[stride:]
		base += stride
	}
	c.rest, c.base = rest, base
	return count, bytes
}

// fault names what is wrong with a header.
func (c *Carver) fault(first uint64, stride, rest int) {
	switch {
	case first&0xff != Version:
		c.Faults.Version++
	case first&fixedMask != fixedWant:
		c.Faults.Header++
	case first>>sizeShift+HeaderBytes > uint64(rest):
		c.Faults.Torn++
	case uint(stride) > uint(rest):
		c.Faults.PastEnd++
	default: // the next header inside this frame, or not aligned
		c.Faults.Stride++
	}
}
