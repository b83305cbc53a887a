package afxdp

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// The maps of live.h.
const liveLists, liveDescriptors, liveFrames, liveOut = "live_lists", "live_descriptors", "live_frames", "live_out"

var liveMaps = []string{liveLists, liveDescriptors, liveFrames, liveOut}

const (
	// liveMin is the smallest batch that is sent by live frames. A run costs
	// 5 µs and 0.07 to 0.1 µs a frame, AF_XDP's kick 0.4 µs a frame.
	liveMin = 16
	// liveBatch is how many frames the kernel passes on together. It is a
	// veth's NAPI weight, too: its ring of 256 never overflows then.
	liveBatch = 64
	// liveTemplate is LIVE_TEMPLATE of live.h.
	liveTemplate = 64
	// liveLengthMax is what a page has room for beside the kernel's
	// bookkeeping, with some to spare.
	liveLengthMax = 3328
	// liveLengthMin is an Ethernet header.
	liveLengthMin = 14
)

// liveList is struct live_list of live.h.
type liveList struct {
	next, count, refused uint32
	_                    [13]uint32
}

// liveDescriptor is struct live_descriptor of live.h.
type liveDescriptor struct{ frame, length uint32 }

// testRun is the part of union bpf_attr that BPF_PROG_TEST_RUN reads.
type testRun struct {
	program, result, bytesIn, bytesOut uint32
	dataIn, dataOut                    uint64
	repeat, duration                   uint32
	contextInBytes, contextOutBytes    uint32
	contextIn, contextOut              uint64
	flags, processor, batch, _         uint32
}

// liveMemory is what the device's queues send from.
type liveMemory struct {
	ready              atomic.Bool // the device takes live frames at present
	lists, descriptors []byte      // mapped
}

// live sends a queue's frames. Only the queue's goroutine uses it; the program
// runs within its system calls.
type live struct {
	list        *liveList
	descriptors []liveDescriptor
	call        testRun
	template    []byte
}

// setLive writes into the program what depends on the plan.
func setLive(spec *ebpf.CollectionSpec, p *plan) error {
	entries := map[string]int{liveLists: p.queues, liveDescriptors: p.queues * p.send, liveFrames: p.frames(), liveOut: 1}
	for name, n := range entries {
		spec.Maps[name].MaxEntries = uint32(n)
	}
	frames := spec.Maps[liveFrames]
	frames.ValueSize, frames.Key, frames.Value = uint32(p.frameBytes), nil, nil
	return errors.Join(
		spec.Variables["live_device"].Set(p.ifindex),
		spec.Variables["live_count"].Set(uint32(p.send)),
		spec.Variables["live_max"].Set(uint32(liveLength(p))),
	)
}

// liveLength is the longest live frame.
func liveLength(p *plan) int { return min(p.frameBytes, liveLengthMax) }

// checkLive asks whether the device takes live frames, in its namespace.
func checkLive(in *netinfo.Info) error {
	if in.Kind != "veth" {
		return fmt.Errorf("afxdp: open %q: Live: %w: it is for a veth, which is done with a frame at once, and this is %s; leave Live out", in.Name, iobackend.ErrNotSupported, in.Kind)
	}
	takes, err := netinfo.XDPTarget(in.Index)
	if err != nil {
		return fmt.Errorf("afxdp: open %q: Live: %w: %w; leave Live out", in.Name, iobackend.ErrNotSupported, err)
	}
	if !takes {
		return fmt.Errorf("afxdp: open %q: Live: %w: the device does not send what XDP redirects to it (it has no ndo_xdp_xmit while its peer has neither an XDP program nor GRO); leave Live out", in.Name, iobackend.ErrNotSupported)
	}
	return nil
}

// openLive lets the queues send by live frames, in the interface's namespace.
func (d *device) openLive(in *netinfo.Info) (err error) {
	if err := d.filter.live[liveOut].Put(uint32(0), uint32(in.Index)); err != nil {
		return fmt.Errorf("afxdp: open %q: Live: have the program send to the device: %w", in.Name, err)
	}
	if d.live.lists, err = mapArray(d.filter.live[liveLists]); err != nil {
		return fmt.Errorf("afxdp: open %q: Live: %w", in.Name, err)
	}
	if d.live.descriptors, err = mapArray(d.filter.live[liveDescriptors]); err != nil {
		return fmt.Errorf("afxdp: open %q: Live: %w", in.Name, err)
	}
	for _, q := range d.queues {
		q.live = d.newLive(q.index)
	}
	// Nothing is listed yet: this only shows that the kernel can.
	l := d.queues[0].live
	l.call.repeat = 1
	if errno := l.run(); errno != 0 {
		return fmt.Errorf("afxdp: open %q: Live: %w: run the program on live frames: %w: Linux 5.18 can; leave Live out", in.Name, iobackend.ErrNotSupported, errno)
	}
	d.info.Method += " live"
	d.live.ready.Store(true)
	return nil
}

// mapArray maps an array's values.
func mapArray(m *ebpf.Map) ([]byte, error) {
	page := uint32(unix.Getpagesize())
	size := (m.ValueSize()*m.MaxEntries() + page - 1) &^ (page - 1)
	b, err := unix.Mmap(m.FD(), 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("map %v: %w", m, err)
	}
	return b, nil
}

func (d *device) newLive(index int) *live {
	lists := unsafe.Slice((*liveList)(unsafe.Pointer(unsafe.SliceData(d.live.lists))), d.plan.queues)
	descriptors := unsafe.Slice((*liveDescriptor)(unsafe.Pointer(unsafe.SliceData(d.live.descriptors))), d.plan.queues*d.plan.send)
	l := &live{
		list:        &lists[index],
		descriptors: descriptors[index*d.plan.send:][:d.plan.send],
		template:    make([]byte, liveTemplate+index),
	}
	l.call = testRun{
		program: uint32(d.filter.program.FD()),
		dataIn:  uint64(uintptr(unsafe.Pointer(unsafe.SliceData(l.template)))),
		bytesIn: uint32(len(l.template)),
		flags:   unix.BPF_F_TEST_XDP_LIVE_FRAMES,
		batch:   liveBatch,
	}
	return l
}

// closeLive frees what openLive took.
func (d *device) closeLive() (err error) {
	for _, m := range []*[]byte{&d.live.lists, &d.live.descriptors} {
		if *m != nil {
			err = errors.Join(err, unix.Munmap(*m))
			*m = nil
		}
	}
	return err
}

// sendLive sends frames by live frames, as many as can be sent so before the
// first that cannot, and returns their number. What is left is AF_XDP's. The
// order stays: when either's call returns, what it took has left.
func (q *queue) sendLive(frames []iobackend.Frame) (sent int) {
	l := q.live
	if q.pending || !q.device.live.ready.Load() {
		return 0
	}
	listed := q.listLive(frames)
	if listed < liveMin {
		return 0
	}
	sent, runs := l.send(listed)
	bytes := uint64(0)
	for i := range frames[:sent] {
		q.free = append(q.free, frames[i].Handle)
		bytes += uint64(len(frames[i].Data))
	}
	refused := uint64(l.list.refused)
	l.list.refused = 0
	q.counters.framesSent.Add(uint64(sent))
	q.counters.bytesSent.Add(bytes)
	q.counters.dropTransmit.Add(refused)
	q.counters.kicks.Add(runs)
	return sent
}

// listLive describes frames to the program, up to the first that it cannot
// take.
func (q *queue) listLive(frames []iobackend.Frame) int {
	d := q.device
	// More than the MTU would be dropped without a word.
	longest := min(liveLength(&d.plan), int(d.watch.mtu.Load())+linkHeaderMax)
	list := q.live.descriptors
	frames = frames[:min(len(frames), len(list))]
	for i := range frames {
		f := &frames[i]
		n := len(f.Data)
		if n < liveLengthMin || n > longest || f.More || unsafe.SliceData(f.Data) != &q.umem[f.Handle] {
			return i
		}
		list[i] = liveDescriptor{uint32(f.Handle >> d.plan.frameShift), uint32(n)}
	}
	return len(frames)
}

// send sends the first count frames listed, in one run or, where a signal ends
// it early, several. Fewer are sent when the kernel has no memory for them.
func (l *live) send(count int) (sent int, runs uint64) {
	l.list.count = uint32(count)
	atomic.StoreUint32(&l.list.next, 0)
	for {
		l.call.repeat = uint32(count - sent)
		errno := l.run()
		runs++
		before := sent
		sent = int(atomic.LoadUint32(&l.list.next))
		if sent >= count || sent == before || errno != 0 && errno != unix.EINTR {
			return sent, runs
		}
	}
}

// run has the kernel run the program; the frames have left when it returns.
func (l *live) run() unix.Errno {
	// Raw, as push is.
	_, _, errno := unix.RawSyscall(unix.SYS_BPF, unix.BPF_PROG_TEST_RUN,
		uintptr(unsafe.Pointer(&l.call)), unsafe.Sizeof(l.call))
	return errno
}
