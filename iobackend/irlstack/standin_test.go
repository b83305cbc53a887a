package irlstack

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"myriad/iobackend"
)

// StandIn plays the driver and the network behind it: it takes what a handle
// of the driver takes, and has Far answer each frame.
type StandIn struct {
	// Far gets a frame that was sent, and replies with any number.
	Far func(frame []byte, reply func(frame []byte))

	MTU          int                 // 1500
	RequestBytes int                 // 1 MiB
	Version      uint16              // this package's
	Refuse       netip.Addr          // the address that is refused
	Status       status              // the answer to hello
	Spoil        func([]byte) []byte // changes each buffer on its way up
	Flags        uint8               // of frames on their way up
	Features     uint16              // what hello offers

	mutex      sync.Mutex
	index      uint32 // as hello told
	registered []netip.Prefix
	buffers    []int // frames in each request that came down
	carver     Carver
	spare      [][]byte
	completed  int // checksums
}

// Features for StandIn.
const (
	ReceiveChecksum  = featureReceiveChecksum
	TransmitChecksum = featureTransmitChecksum
)

// StandInMAC is the adapter's address.
var StandInMAC = [6]byte{2, 0, 0, 0, 0, 1}

// Registered are the addresses that were registered.
func (s *StandIn) Registered() []netip.Prefix {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.registered
}

// Buffers are the numbers of frames of each of the first 100 requests.
func (s *StandIn) Buffers() []int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]int(nil), s.buffers...)
}

func (s *StandIn) requestBytes() int {
	if s.RequestBytes > 0 {
		return s.RequestBytes
	}
	return 1 << 20
}

func (s *StandIn) mtu() int {
	if s.MTU > 0 {
		return s.MTU
	}
	return 1500
}

// Control answers a control message; frames may flow after done.
func (s *StandIn) Control(message []byte) (answer []byte, done bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	le := binary.LittleEndian
	if len(message) < messageBytes || string(message[:4]) != controlMagic {
		return s.answer(statusMalformed, 0), false
	}
	version := s.Version
	if version == 0 {
		version = Version
	}
	if le.Uint16(message[4:]) != version {
		return s.answer(statusVersion, uint32(version)), false
	}
	rest := message[messageBytes:]
	switch operation(le.Uint16(message[6:])) {
	case opHello:
		s.index = le.Uint32(rest)
		b := s.answer(s.Status, 0)
		b = append(b, StandInMAC[:]...)
		b = le.AppendUint16(b, s.Features)
		b = le.AppendUint32(b, uint32(s.mtu()))
		return le.AppendUint32(b, uint32(s.requestBytes())), false
	case opRegister:
		count := int(le.Uint32(rest))
		for k := range count {
			r := rest[4+k*prefixBytes:]
			a := netip.AddrFrom16([16]byte(r[:16]))
			if r[17] == 4 {
				a = a.Unmap()
			}
			p := netip.PrefixFrom(a, int(r[16]))
			if s.Refuse.IsValid() && p.Contains(s.Refuse) {
				return s.answer(statusRefused, uint32(k)), false
			}
			s.registered = append(s.registered, p)
		}
		return s.answer(statusOK, 0), true
	}
	return s.answer(statusMalformed, 0), false
}

func (s *StandIn) answer(st status, detail uint32) []byte {
	b := append([]byte(nil), controlMagic...)
	b = binary.LittleEndian.AppendUint16(b, Version)
	b = binary.LittleEndian.AppendUint16(b, uint16(st))
	return binary.LittleEndian.AppendUint32(b, detail)
}

// Down takes a request that came down, and returns what goes up for it.
func (s *StandIn) Down(request []byte) (up [][]byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.carver.FrameMax, s.carver.Trust = s.mtu()+FrameMin, FlagChecksumPartial
	s.carver.Reset(request)
	var current []byte
	reply := func(frame []byte) {
		if current == nil {
			current = s.buffer()
		}
		var ok bool
		if current, ok = Append(current, frame, s.Flags); !ok {
			up = append(up, current)
			current, _ = Append(s.buffer(), frame, s.Flags)
		}
	}
	count := 0
	var frames [64]iobackend.Frame
	for !s.carver.Done() {
		n, _ := s.carver.Carve(frames[:], 0)
		for _, f := range frames[:n] {
			if f.ChecksumPartial {
				complete(f.Data)
				s.completed++
			}
			if s.Far != nil {
				s.Far(f.Data, reply)
			}
		}
		count += n
	}
	if len(s.buffers) < 100 {
		s.buffers = append(s.buffers, count)
	}
	if current != nil {
		up = append(up, current)
	}
	if s.Spoil != nil {
		for k := range up {
			up[k] = s.Spoil(up[k])
		}
	}
	return up
}

// buffer is for what goes up: shorter than a request may be, since a request
// is as long as the frames that the driver has.
func (s *StandIn) buffer() []byte {
	if n := len(s.spare); n > 0 {
		b := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return b[:0]
	}
	return make([]byte, 0, min(s.requestBytes(), 1<<17))
}

// Recycle takes back what Down returned.
func (s *StandIn) Recycle(b []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if cap(b) == min(s.requestBytes(), 1<<17) {
		s.spare = append(s.spare, b)
	}
}

// complete does what a NIC does with a partial checksum: it adds up the
// segment with the field as it is.
func complete(frame []byte) {
	ip := frame[14:]
	segment := ip[int(ip[0]&15)*4 : binary.BigEndian.Uint16(ip[2:])]
	field := 16
	if ip[9] == 17 {
		field = 6
	}
	var sum uint32
	for k, b := range segment {
		sum += uint32(b) << (8 &^ (k << 3))
	}
	sum = sum>>16 + sum&0xffff
	binary.BigEndian.PutUint16(segment[field:], ^uint16(sum>>16+sum))
}

// Completed is how many checksums were left to it.
func (s *StandIn) Completed() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.completed
}

// Bad is how many of our buffers were not as they should be.
func (s *StandIn) Bad() Faults {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.carver.Faults
}
