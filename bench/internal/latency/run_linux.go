package latency

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"myriad/bench/internal/report"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
)

// server is whom the connections go to.
var server = netip.AddrPortFrom(wire.Targets.Addr().Next(), wire.Port)

// Run measures a Case, and hands over each load's result as soon as it is
// there. When ctx ends it stops early, without an error.
func Run(ctx context.Context, c Case, each func(*Result) error) (err error) {
	if err := c.validate(); err != nil {
		return err
	}
	world, err := wire.New(wire.Config{Queues: 1, Bare: true, PassFar: true})
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	far, err := newFar(world)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, far.close()) }()
	near, err := openNear(world, &c)
	if err != nil {
		return fmt.Errorf("latency: %w", err)
	}
	defer func() { err = errors.Join(err, near.close()) }()
	r := run{Case: c, world: world, far: far, near: near, each: each, coalescing: coalescing(world)}
	failed := make(chan error)
	go func() { // on the far end's thread
		thread()
		failed <- r.all(ctx)
	}()
	if err := <-failed; err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

type run struct {
	Case
	world      *wire.World
	far        *far
	near       *near
	each       func(*Result) error
	coalescing string
	capacity   float64
}

// all measures the capacity, then the loads.
func (r *run) all(ctx context.Context) error {
	if err := r.near.connect(); err != nil {
		return fmt.Errorf("latency: connecting: %w", err)
	}
	if err := r.far.accept(ctx, ConnectionsMax); err != nil {
		return err
	}
	t, took, err := r.far.run(ctx, offer{connections: ConnectionsMax, duration: r.Duration / 2})
	if err != nil {
		return err
	}
	if r.capacity = float64(t.answered) / took.Seconds(); r.capacity == 0 {
		return fmt.Errorf("%w, of %d", ErrUnanswered, t.requests)
	}
	for _, load := range r.Loads {
		if ctx.Err() != nil {
			break
		}
		result, err := r.one(ctx, load)
		if err == nil {
			err = r.each(&result)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// reuse is how soon a connection is asked again at the latest: its last reply
// is acknowledged by that, and must not time out.
const reuse = 50 * time.Millisecond

// one measures a load.
func (r *run) one(ctx context.Context, load float64) (Result, error) {
	o := offer{rate: load * r.capacity, duration: r.Duration}
	if load == 0 {
		o.rate = IdleRate
	}
	o.connections = int(min(max(o.rate*reuse.Seconds(), 1), ConnectionsMax))
	result := Result{
		Batch: r.Batch, BusyPoll: r.Poll, Load: load, Capacity: r.capacity, OfferedPerSecond: o.rate,
		Queues: 1, Coalescing: r.coalescing, Backend: "afxdp",
	}
	if r.Live {
		result.Backend = "live"
	}
	device, _, err := r.world.Counters()
	if err != nil {
		return result, err
	}
	earlier, err := r.near.own(ctx)
	if err != nil {
		return result, err
	}
	machine, process := usage.Machine(), usage.Process()
	t, took, err := r.far.run(ctx, o)
	if err != nil {
		return result, err
	}
	machine, process = usage.Machine().Since(machine), usage.Process().Since(process)
	own, err := r.near.own(ctx)
	if err != nil {
		return result, err
	}
	after, _, err := r.world.Counters()
	if err != nil {
		return result, err
	}
	result.shares(machine, process, own.used.Since(earlier.used))
	result.Rates(report.TrafficOfDevice(after.Since(device)), 0, took)
	result.SentPerSecond = float64(t.requests) / took.Seconds()
	result.Requests, result.Answered = t.requests, t.answered
	result.Unanswered, result.SentAgain = t.requests-min(t.requests, t.answered), t.again
	result.FrameToFrame, result.FromDue = times(t.frame), times(t.due)
	result.Own, result.FramesPerTurn = times(own.turns), own.framesPerTurn
	result.judge()
	return result, nil
}

// newFar opens the far end.
func newFar(w *wire.World) (f *far, err error) {
	f = &far{byKey: make(map[uint64]*peer)}
	address := server.Addr().As4()
	f.emitter = emitter{to: w.Near, from: w.Gateway, address: binary.BigEndian.Uint32(address[:]), port: server.Port()}
	err = w.EnterFar(func() error {
		device, err := net.InterfaceByName(wire.FarInterface)
		if err != nil {
			return err
		}
		f.sockets, err = openSockets(device.Index)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("latency: %w", err)
	}
	return f, nil
}

// ethtoolCoalesce is struct ethtool_coalesce of linux/ethtool.h.
type ethtoolCoalesce struct {
	command, receiveMicroseconds, receiveFrames uint32
	_                                           [20]uint32
}

// coalescing asks the near device whether it puts interrupts together, and
// returns what may be said of it.
func coalescing(w *wire.World) (says string) {
	err := w.Enter(func() error {
		s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(s)
		value := &ethtoolCoalesce{command: unix.ETHTOOL_GCOALESCE}
		request := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte
		}{data: unsafe.Pointer(value)}
		copy(request.name[:unix.IFNAMSIZ-1], wire.Interface)
		if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
			return errno
		}
		says = fmt.Sprintf("not measured: only as set, %d µs and %d frames", value.receiveMicroseconds, value.receiveFrames)
		return nil
	})
	if err != nil {
		return fmt.Sprintf("not measured: %s has none (%v)", wire.Interface, err)
	}
	return says
}
