package send

import (
	"encoding/binary"
)

// Offsets into a frame.
const (
	ipAt, udpAt = 14, 34
)

// Frames to one destination go to PortFirst, unique ones to Ports of them in turn,
// by which some receivers choose the queue.
const (
	PortFirst = 9 // discard
	Ports     = 16
)

// frames makes the frames of one queue.
type frames struct {
	template   []byte
	sum        uint32 // of the IP header without the destination
	target     uint32
	hosts      uint32
	unique     bool
	next, step uint32
}

func newFrames(c *Config, queue int) frames {
	b := make([]byte, c.FrameBytes-checkSum)
	copy(b, c.Gateway)
	copy(b[6:], c.Interface.HardwareAddr)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	b[ipAt] = 0x45
	binary.BigEndian.PutUint16(b[ipAt+2:], uint16(len(b)-ipAt))
	binary.BigEndian.PutUint16(b[ipAt+6:], 0x4000)
	b[ipAt+8], b[ipAt+9] = 64, 17
	source, target := c.Source.As4(), c.Targets.Masked().Addr().As4()
	copy(b[ipAt+12:], source[:])
	binary.BigEndian.PutUint16(b[udpAt:], 1024+uint16(queue))
	binary.BigEndian.PutUint16(b[udpAt+2:], PortFirst)
	binary.BigEndian.PutUint16(b[udpAt+4:], uint16(len(b)-udpAt))
	f := frames{
		template: b, target: binary.BigEndian.Uint32(target[:]) + 1,
		hosts: uint32(uint64(1)<<(32-c.Targets.Bits()) - 1), unique: c.Unique,
		next: uint32(queue), step: uint32(c.Queues),
	}
	for i := ipAt; i < udpAt; i += 2 {
		f.sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	f.address(b, f.target)
	return f
}

// fill writes a whole frame.
func (f *frames) fill(b []byte) int {
	n := copy(b, f.template)
	f.renew(b)
	return n
}

// renew gives a frame that was sent before its next destination and ports, if they
// are to differ.
func (f *frames) renew(b []byte) {
	if !f.unique {
		return
	}
	n := f.next
	f.next += f.step
	f.address(b, f.target&^f.hosts+n&f.hosts)
	binary.BigEndian.PutUint16(b[udpAt:], 1024+uint16(n/(f.hosts+1)%60000))
	binary.BigEndian.PutUint16(b[udpAt+2:], PortFirst+uint16(n%Ports))
}

func (f *frames) address(b []byte, target uint32) {
	binary.BigEndian.PutUint32(b[ipAt+16:], target)
	sum := f.sum + target>>16 + target&0xffff
	sum = sum>>16 + sum&0xffff
	sum += sum >> 16
	binary.BigEndian.PutUint16(b[ipAt+10:], ^uint16(sum))
}
