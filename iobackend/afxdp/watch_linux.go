package afxdp

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// watchEvery is how often the link is looked at, so that what happens to it is
// noticed within a second.
const watchEvery = 250 * time.Millisecond

// watch is what the device knows of its link while it is used.
type watch struct {
	link      *netinfo.LinkWatch
	namespace int // a descriptor of the network namespace; -1 without
	down      atomic.Bool
	mtu       atomic.Int32
	displaced atomic.Bool   // somebody else's program is attached
	queues    atomic.Int32  // the device's receive queues, once they are more than were bound
	reattach  atomic.Uint64 // times that the program was attached anew
}

// startWatch begins to watch, in the interface's namespace.
func (d *device) startWatch(in *netinfo.Info, native bool) (err error) {
	w := &d.watch
	w.mtu.Store(int32(in.MTU))
	if w.namespace, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		w.namespace = -1 // without /proc nothing is attached again
	}
	w.link, err = netinfo.WatchLink(in.Index, watchEvery, func(l netinfo.Link) { d.notice(l, in.Index, native) })
	return err
}

// Link says how the link is now.
func (d *device) Link() iobackend.LinkState {
	return iobackend.LinkState{Up: !d.watch.down.Load(), MTU: int(d.watch.mtu.Load())}
}

// notice takes what the watch saw.
func (d *device) notice(l netinfo.Link, ifindex int, native bool) {
	d.watch.down.Store(!l.Up)
	d.watch.mtu.Store(int32(l.MTU))
	d.live.ready.Store(l.Up && l.XDPTarget)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed() {
		return
	}
	if l.ReceiveQueues > d.plan.sockets {
		d.watch.queues.Store(int32(l.ReceiveQueues))
		d.wakeAll()
		return
	}
	switch ours, err := d.filter.attached(); {
	case err != nil || ours:
	case l.XDPProgram != 0:
		d.displace()
	default:
		d.attachAgain(ifindex, native)
	}
}

// displace says that the place is another's, whom we leave it to.
func (d *device) displace() {
	d.watch.displaced.Store(true)
	d.wakeAll()
}

// wakeAll has every queue see what has happened. The device's mutex is held.
func (d *device) wakeAll() {
	for _, q := range d.queues {
		go q.Wake()
	}
}

// attachAgain attaches the program, after somebody has detached it, if nobody
// has taken the place. The device's mutex is held.
func (d *device) attachAgain(ifindex int, native bool) {
	done := make(chan error)
	go func() {
		// On a thread in the interface's namespace, which ends with this.
		runtime.LockOSThread()
		if d.watch.namespace >= 0 && !d.inNamespace() && unix.Setns(d.watch.namespace, unix.CLONE_NEWNET) != nil {
			runtime.UnlockOSThread() // nothing was changed: the thread is good
			done <- nil
			return
		}
		done <- d.filter.attachAgain(ifindex, native)
	}()
	switch err := <-done; {
	case err == nil:
		if ours, _ := d.filter.attached(); ours {
			d.watch.reattach.Add(1)
		}
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		d.displace()
	}
}

// inNamespace: the calling thread is in the interface's namespace.
func (d *device) inNamespace() bool {
	var here, there unix.Stat_t
	return unix.Stat("/proc/thread-self/ns/net", &here) == nil && unix.Fstat(d.watch.namespace, &there) == nil && here.Ino == there.Ino && here.Dev == there.Dev
}

// stopWatch ends the watch. The device's mutex is not held.
func (d *device) stopWatch() {
	d.watch.link.Close()
	if d.watch.link != nil && d.watch.namespace >= 0 {
		_ = unix.Close(d.watch.namespace)
	}
}
