package afxdp

import (
	"errors"
	"fmt"
	"math/bits"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"myriad/internal/huge"
	"myriad/internal/netinfo"
	"myriad/internal/park"
	"myriad/iobackend"
)

// device is an interface with its sockets, memory and program.
type device struct {
	plan    plan
	info    iobackend.Info
	opened  time.Time
	umem    []byte
	sockets []*socket
	queues  []*queue
	filter  *filter

	// stamped: frames come with a timestamp before them, or 0.
	stamped atomic.Bool
	watch   watch
	// completionAge is the constant, but for tests.
	completionAge time.Duration
	gone          atomic.Bool
	stuck         atomic.Bool
	live          liveMemory
	closed        atomic.Bool
	// mu keeps Counters and Wake from descriptors that Close has closed.
	mu sync.RWMutex
}

// Open opens an interface of the calling thread's network namespace with the
// default Options.
func Open(c iobackend.Config) (iobackend.Device, error) {
	return OpenWith(c, Options{})
}

// OpenWith opens an interface of the calling thread's network namespace.
func OpenWith(c iobackend.Config, o Options) (iobackend.Device, error) {
	if err := checkAddresses(c); err != nil {
		return nil, err
	}
	in, err := lookup(c.Interface)
	if err != nil {
		return nil, err
	}
	if o.Live {
		if err := checkLive(in); err != nil {
			return nil, err
		}
	}
	p, err := makePlan(c, o, in)
	if err != nil {
		return nil, err
	}
	if err := p.leaveChecksums(c.TransmitChecksum, &o, in); err != nil {
		return nil, err
	}
	d, err := openFalling(p, c, o, in)
	if err != nil {
		return nil, err
	}
	return d, nil
}

// openFalling opens with the best that the options allow, and falls back one
// step at a time to what is more widely supported.
func openFalling(p *plan, c iobackend.Config, o Options, in *netinfo.Info) (*device, error) {
	give := time.Now().Add(releaseMax)
	for {
		p.flags, p.shared = unix.XDP_USE_NEED_WAKEUP, !o.SeparateUMEM
		if o.Copy || o.Generic {
			p.flags |= unix.XDP_COPY
		}
		if p.pieces {
			p.flags |= unix.XDP_USE_SG
		}
		d, err := open(p, c, o, in)
		switch {
		case err == nil:
			return d, nil
		case errors.Is(err, errNoNative) && !o.NoTimestamps:
			o.NoTimestamps = true // a program bound to the device may be what fails
		case errors.Is(err, errNoNative):
			o.Generic = true
		case errors.Is(err, errNoTimestamps):
			o.NoTimestamps = true
		case errors.Is(err, errNotShared):
			o.SeparateUMEM = true
		case errors.Is(err, errNoMetadata) && c.TransmitChecksum != iobackend.OffloadOn:
			p.metadata = 0
		case errors.Is(err, errQueueBusy) && time.Now().Before(give):
			time.Sleep(releaseStep)
		default:
			return nil, err
		}
	}
}

var (
	errNoTimestamps = errors.New("afxdp: no timestamps")
	errNotShared    = errors.New("afxdp: UMEM cannot be shared")
)

// The kernel gives the queues of a closed socket, or a killed process, free a
// moment later, on a work queue of its own. That is waited for.
const (
	releaseMax  = 2 * time.Second
	releaseStep = 5 * time.Millisecond
)

func lookup(name string) (*netinfo.Info, error) {
	if name == "" {
		return nil, errors.New("afxdp: Interface is empty; name one, as \"eth0\"")
	}
	in, err := netinfo.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("afxdp: open: %w", err)
	}
	if in.XDPProgram != 0 {
		return nil, errOccupied(name, in.XDPProgram, unix.EBUSY)
	}
	return in, nil
}

func makePlan(c iobackend.Config, o Options, in *netinfo.Info) (*plan, error) {
	p := &plan{name: in.Name, ifindex: uint32(in.Index), sockets: in.ReceiveQueues, busyPoll: c.BusyPoll, park: c.Park}
	both := min(in.ReceiveQueues, in.TransmitQueues)
	p.queues = c.Queues
	if c.Queues == 0 {
		p.queues = both
	}
	if c.Queues < 0 || c.Queues > both {
		return nil, fmt.Errorf("afxdp: Queues is %d, but %q has %d (receive %d, transmit %d); use 0 for all, or give the interface more with `ethtool -L`",
			c.Queues, in.Name, both, in.ReceiveQueues, in.TransmitQueues)
	}
	var err error
	if p.receive, err = frameCount("ReceiveFrames", c.ReceiveFrames); err != nil {
		return nil, err
	}
	if p.send, err = frameCount("SendFrames", c.SendFrames); err != nil {
		return nil, err
	}
	p.frameBytes, p.pieces = frameSize(min(in.MTU, mtuMax))
	p.frameShift = uint(bits.TrailingZeros(uint(p.frameBytes)))
	p.receiveShift = uint(bits.TrailingZeros(uint(p.receive)))
	return p, nil
}

// open does one attempt; nothing is left behind when it fails.
func open(p *plan, c iobackend.Config, o Options, in *netinfo.Info) (_ *device, err error) {
	d := &device{plan: *p, opened: time.Now(), completionAge: completionAge}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	stamps := !o.NoTimestamps && !o.Generic && !o.Live // what is bound to a device cannot be run by us
	f := filterConfig{p.name, in.Index, c.Addresses, p.sockets, p.pieces, stamps, c.Shared, nil}
	if o.Live {
		f.live = p
	}
	if d.filter, err = loadFilter(f); err != nil {
		if stamps {
			return nil, fmt.Errorf("%w: %w", errNoTimestamps, err)
		}
		return nil, err
	}
	d.stamped.Store(stamps)
	if err := d.openSockets(); err != nil {
		return nil, err
	}
	if err := d.makeQueues(); err != nil {
		return nil, err
	}
	if err := d.bindSockets(); err != nil {
		return nil, err
	}
	for _, s := range d.sockets {
		if err := d.filter.insert(s); err != nil {
			return nil, err
		}
	}
	native, err := d.filter.attach(f, o.Generic)
	if err != nil {
		return nil, err
	}
	if !c.SegmentationOff {
		d.openSegments(in.Index)
	}
	d.describe(in, native)
	if o.Live {
		if err := d.openLive(in); err != nil {
			return nil, err
		}
	}
	if err := d.startWatch(in, native); err != nil {
		return nil, fmt.Errorf("afxdp: watch %q: %w", p.name, err)
	}
	return d, nil
}

func (d *device) openSockets() (err error) {
	if err := d.makeUMEM(); err != nil {
		return err
	}
	for i := range d.plan.sockets {
		s, err := openSocket(&d.plan, i)
		if err != nil {
			return err
		}
		d.sockets = append(d.sockets, s)
		if i == 0 || !d.plan.shared {
			if err := s.register(&d.plan, d.umem); err != nil {
				return err
			}
		}
		// Before bind: a driver takes its first frames there.
		for f := range d.plan.receive {
			s.fill.put(uint64(i*d.plan.receive+f) << d.plan.frameShift)
		}
		s.fill.produced()
	}
	return nil
}

// makeUMEM takes the memory of all frames: the process's own, or that of a BPF
// map, where a program shall find them.
func (d *device) makeUMEM() (err error) {
	size := d.plan.frames() * d.plan.frameBytes
	fd, flags := -1, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS
	if m := d.filter.live[liveFrames]; m != nil {
		fd, flags = m.FD(), unix.MAP_SHARED
	}
	if d.umem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags); err != nil {
		return explainUMEM(&d.plan, size, err)
	}
	if fd < 0 {
		huge.Ask(d.umem) // before the kernel takes its pages
	}
	return nil
}

func (d *device) bindSockets() error {
	for i, s := range d.sockets {
		var first *socket
		if i > 0 && d.plan.shared {
			first = d.sockets[0]
		}
		if err := s.bind(&d.plan, first); err != nil {
			if first != nil && (errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP)) {
				return errNotShared
			}
			return explainBind(&d.plan, i, err)
		}
		if err := s.readMode(); err != nil {
			return err
		}
		if err := s.completesChecksums(&d.plan); err != nil {
			return err
		}
	}
	return nil
}

func (d *device) makeQueues() error {
	p := &d.plan
	for i := range p.queues {
		q, err := newQueue(d, i)
		if err != nil {
			return err
		}
		d.queues = append(d.queues, q)
	}
	for i, s := range d.sockets {
		q := d.queues[i%p.queues]
		s.owner = q
		q.sockets = append(q.sockets, s)
		q.polled = append(q.polled, unix.PollFd{Fd: int32(s.fd), Events: unix.POLLIN})
	}
	if p.park {
		if err := d.makeParkers(); err != nil {
			return err
		}
	}
	for _, to := range d.queues {
		own := nextPower(len(to.sockets) * p.receive)
		for _, from := range d.queues {
			if to == from {
				continue
			}
			// At most half of the sender's frames: a queue that does not
			// keep up must not take all from its neighbour.
			to.handed[from.index] = newSPSC(nextPower(len(from.sockets) * p.receive / 2))
			to.returned[from.index] = newSPSC(own)
		}
	}
	return nil
}

func (d *device) makeParkers() (err error) {
	for _, q := range d.queues {
		sockets := make([]int, len(q.sockets))
		for k, s := range q.sockets {
			sockets[k] = s.fd
		}
		q.parker, err = park.New(sockets, func() bool { return q.sleep.Load() == woken || q.ready() })
		if err != nil {
			return fmt.Errorf("afxdp: queue %d of %q: Park: %w", q.index, d.plan.name, err)
		}
	}
	return nil
}

func nextPower(n int) int { return 1 << bits.Len(uint(n-1)) }

func (d *device) describe(in *netinfo.Info, native bool) {
	method := "afxdp generic"
	if native {
		method = "afxdp native"
	}
	copies := " zero copy"
	for _, s := range d.sockets {
		if !s.zeroCopy {
			copies = " copy"
		}
	}
	d.info = iobackend.Info{
		Name: in.Name, Method: method + copies,
		HardwareAddr: append(net.HardwareAddr(nil), in.HardwareAddr...),
		MTU:          in.MTU,
		Queues:       d.plan.queues,
		FrameBytes:   d.plan.frameBytes - d.plan.metadata,
		BatchMax:     min(d.plan.receive, d.plan.send),

		TransmitChecksum: d.plan.metadata > 0,
	}
	if in.RSS != nil {
		d.info.ReceiveHash = &iobackend.ReceiveHash{Key: in.RSS.Key, Indirection: in.RSS.Indirection}
	}
}

// dropStamps stops asking the driver for timestamps.
func (d *device) dropStamps() {
	// First of all: from now on what lies before a frame is no timestamp.
	if !d.stamped.CompareAndSwap(true, false) {
		return
	}
	go func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if !d.closed.Load() {
			// Where that fails the program asks on, to no harm.
			_ = d.filter.dropStamps()
		}
	}()
}

// Info describes the device.
func (d *device) Info() iobackend.Info { return d.info }

// Queue returns queue index.
func (d *device) Queue(index int) iobackend.Queue { return d.queues[index] }

// Close detaches the program first, so that no frame for us is lost in
// sockets that nobody reads, and then frees everything.
func (d *device) Close() error {
	if d.closed.Swap(true) {
		return nil
	}
	d.stopWatch()
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.filter.close()
	for _, q := range d.queues {
		q.close()
	}
	for _, s := range d.sockets {
		s.close()
	}
	err = errors.Join(err, d.closeLive())
	if d.umem != nil {
		err = errors.Join(err, unix.Munmap(d.umem))
		d.umem = nil
	}
	if err != nil {
		return fmt.Errorf("afxdp: close %q: %w", d.plan.name, err)
	}
	return nil
}

// failed reports whether check has an error to tell.
func (d *device) failed() bool {
	return d.closed.Load() || d.gone.Load() || d.stuck.Load() || d.watch.displaced.Load() || d.watch.queues.Load() != 0
}

// check returns why the device cannot be used any more, if so.
func (d *device) check() error {
	if d.closed.Load() {
		return fmt.Errorf("afxdp: %q: %w", d.plan.name, iobackend.ErrClosed)
	}
	if d.gone.Load() {
		return fmt.Errorf("afxdp: %q: %w", d.plan.name, iobackend.ErrDeviceGone)
	}
	if d.stuck.Load() {
		return fmt.Errorf("afxdp: %q: %w for %v: open it again", d.plan.name, iobackend.ErrStuck, d.completionAge)
	}
	if n := d.watch.queues.Load(); n != 0 {
		return fmt.Errorf("afxdp: %q: %w: %d were bound, and there are %d: open it again", d.plan.name, iobackend.ErrReconfigured, d.plan.sockets, n)
	}
	if d.watch.displaced.Load() {
		return fmt.Errorf("afxdp: %q: %w: detach it (ip link set %s xdp off) and open again", d.plan.name, iobackend.ErrDisplaced, d.plan.name)
	}
	return nil
}
