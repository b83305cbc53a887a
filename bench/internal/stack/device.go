package stack

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"myriad/bench/internal/report"
	"myriad/internal/seq"
	"myriad/iobackend"
	"myriad/linklayer"
)

// Frames that a batch needs, and their size.
const (
	frameBytes = 256
	batchMost  = 4096
)

// tickOfCall is how far the clock goes with each call of Receive.
const tickOfCall = 100 * time.Nanosecond

// Addresses of frames' two ends; they are on no wire.
var (
	ourMAC   = [6]byte{2, 0, 0, 0, 0, 1}
	theirMAC = [6]byte{2, 0, 0, 0, 0, 2}
)

// answer is what the SYN-ACK to a SYN needs to know.
type answer struct {
	ours, theirs uint32 // addresses
	ports        uint32 // ours, theirs
	sequence     uint32 // of the SYN
}

// device is a network card with one queue, the wire, and the far end.
type device struct {
	receive []byte // batchMost frames
	free    [][]byte
	toNear  linklayer.Path
	waiting []answer // ring
	head    int
	count   int
	keep    int // answers kept back
	clock   time.Duration

	reading                      time.Duration // what one look at the clock takes
	spent                        time.Duration // in the device, of the thread's time
	syns, acks, resets, received uint64
	outWire, inWire              uint64 // bytes that a wire would have carried
}

// traffic is what went over the device so far.
func (d *device) traffic() report.Traffic {
	return report.Traffic{Out: d.syns + d.acks + d.resets, In: d.received, OutWire: d.outWire, InWire: d.inWire}
}

var (
	_ iobackend.Device = (*device)(nil)
	_ iobackend.Queue  = (*device)(nil)
)

func newDevice(inFlight int) *device {
	d := &device{
		reading: readingTime(),
		receive: make([]byte, batchMost*frameBytes),
		toNear:  linklayer.NewPath(theirMAC, ourMAC, 64, 0),
		waiting: make([]answer, inFlight+2*batchMost),
		keep:    inFlight,
	}
	send := make([]byte, 2*batchMost*frameBytes)
	for at := 0; at < len(send); at += frameBytes {
		d.free = append(d.free, send[at:at+frameBytes:at+frameBytes])
	}
	return d
}

func (d *device) Info() iobackend.Info {
	return iobackend.Info{
		Name: "memory", Method: "memory", HardwareAddr: net.HardwareAddr(ourMAC[:]),
		MTU: frameBytes - 14, Queues: 1, FrameBytes: frameBytes, BatchMax: batchMost,
	}
}

func (d *device) Queue(int) iobackend.Queue { return d }

func (d *device) Close() error { return nil }

// Receive gives the SYN-ACKs that are due.
func (d *device) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	began := threadTime()
	d.clock += tickOfCall
	count = max(min(len(frames), d.count-d.keep), 0)
	var g linklayer.Segment
	g.Flags, g.Window = linklayer.SYN|linklayer.ACK, 65535
	g.Options.Has, g.Options.MSS = linklayer.HasMSS|linklayer.HasSACKPermitted, 1460
	for k := range count {
		a := &d.waiting[d.head]
		if d.head++; d.head == len(d.waiting) {
			d.head = 0
		}
		g.Seq, g.Ack = seq.Number(a.ports*2654435761), seq.Number(a.sequence+1)
		frame := d.receive[k*frameBytes : (k+1)*frameBytes]
		n := linklayer.EmitTCP(frame, &d.toNear, linklayer.Mapped(a.theirs), linklayer.Mapped(a.ours), uint16(a.ports), uint16(a.ports>>16), uint16(k), &g, 0)
		frames[k] = iobackend.Frame{Data: frame[:n:n]}
		d.inWire += report.WireBytes(uint64(n), 1)
	}
	d.count -= count
	d.received += uint64(count)
	d.spent += threadTime() - began + d.reading
	return count, d.clock, nil
}

func (d *device) Release([]iobackend.Frame) {}

func (d *device) HandOver(iobackend.Frame, int) bool { return false }

func (d *device) Reserve(frames []iobackend.Frame) (count int) {
	count = min(len(frames), len(d.free))
	keep := len(d.free) - count
	for k, data := range d.free[keep:] {
		frames[k] = iobackend.Frame{Data: data}
	}
	d.free = d.free[:keep]
	return count
}

var errFlood = errors.New("stack: more SYNs than were to be in flight")

// Transmit takes note of what is sent.
func (d *device) Transmit(frames []iobackend.Frame) (err error) {
	began := threadTime()
	for k := range frames {
		f := frames[k].Data
		ip, tcp := f[14:], f[34:]
		d.outWire += report.WireBytes(uint64(len(f)), 1)
		switch flags := linklayer.Flags(tcp[13]); {
		case flags&linklayer.SYN != 0:
			if d.count == len(d.waiting) {
				err = errFlood
				break
			}
			d.syns++
			at := d.head + d.count
			if at >= len(d.waiting) {
				at -= len(d.waiting)
			}
			d.waiting[at] = answer{
				ours: binary.BigEndian.Uint32(ip[12:]), theirs: binary.BigEndian.Uint32(ip[16:]),
				ports: binary.BigEndian.Uint32(tcp), sequence: binary.BigEndian.Uint32(tcp[4:]),
			}
			d.count++
		case flags&linklayer.RST != 0:
			d.resets++
		default:
			d.acks++
		}
		d.free = append(d.free, f[:frameBytes:frameBytes])
	}
	d.spent += threadTime() - began + d.reading
	return err
}

func (d *device) Wait(time.Duration) error { return nil }

func (d *device) Wake() {}

func (d *device) Now() time.Duration { return d.clock }

func (d *device) Counters() iobackend.Counters {
	return iobackend.Counters{FramesReceived: d.received, FramesSent: d.syns + d.acks + d.resets}
}
