package netinfo

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Link is what can change of an interface while it is in use.
type Link struct {
	Up         bool // set up, and with a carrier
	MTU        int
	XDPProgram uint32 // the attached program's number, 0 = none
	// ReceiveQueues are those in use; 0 where the driver does not tell.
	ReceiveQueues int
	// XDPTarget: see the function; false where the kernel does not tell.
	XDPTarget bool
}

// LinkWatch tells of changes.
type LinkWatch struct {
	handle *netlink.Handle
	socket int // for questions to the driver; -1 = none
	target *targets
	stop   chan struct{}
	ended  chan struct{}
}

// WatchLink calls f from a goroutine of its own with what the interface with an
// index is like, every so often. It must be called in the interface's network
// namespace; Close ends it. An interface that is gone is no longer told of.
func WatchLink(index int, every time.Duration, f func(Link)) (*LinkWatch, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netinfo: open a netlink socket: %w", err)
	}
	w := &LinkWatch{handle: h, stop: make(chan struct{}), ended: make(chan struct{})}
	if w.socket, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		w.socket = -1
	}
	w.target, _ = openTargets() // nil: not to be asked
	go w.run(index, every, f)
	return w, nil
}

func (w *LinkWatch) run(index int, every time.Duration, f func(Link)) {
	defer close(w.ended)
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-w.stop:
			return
		case <-tick.C:
		}
		l, err := w.handle.LinkByIndex(index)
		if errors.As(err, &netlink.LinkNotFoundError{}) || errors.Is(err, unix.ENODEV) {
			return
		}
		if err != nil {
			continue // an interrupted dump, or no memory: the next may do
		}
		a := l.Attrs()
		now := Link{Up: a.Flags&net.FlagUp != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0, MTU: a.MTU}
		if a.Xdp != nil && a.Xdp.Attached {
			now.XDPProgram = a.Xdp.ProgId
		}
		now.ReceiveQueues, _, _ = channelsInUse(w.socket, a.Name)
		if w.target != nil {
			now.XDPTarget, _ = w.target.has(index)
		}
		f(now)
	}
}

// Close ends the watch; f is not called any more when it returns.
func (w *LinkWatch) Close() {
	if w == nil {
		return
	}
	close(w.stop)
	<-w.ended
	w.handle.Close()
	_ = unix.Close(w.socket)
	w.target.close()
}
