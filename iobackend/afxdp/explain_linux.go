package afxdp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"myriad/iobackend"
)

// errQueueBusy: another socket is bound to the queue.
var errQueueBusy = fmt.Errorf("afxdp: %w: bind queue", unix.EBUSY)

func explainSocket(p *plan, err error) error {
	switch {
	case errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("afxdp: %w: this kernel has no AF_XDP sockets; use afpacket for %q, or a kernel with CONFIG_XDP_SOCKETS",
			iobackend.ErrNotSupported, p.name)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("afxdp: make an AF_XDP socket for %q: %w: the process needs CAP_NET_RAW (and CAP_NET_ADMIN and CAP_BPF after it); run it as root or give it these", p.name, err)
	}
	return fmt.Errorf("afxdp: make an AF_XDP socket for %q: %w", p.name, err)
}

func explainUMEM(p *plan, bytes int, err error) error {
	if errors.Is(err, unix.ENOBUFS) {
		return fmt.Errorf("afxdp: lock %d KiB of frame memory for %q: %w: more than RLIMIT_MEMLOCK allows; give CAP_IPC_LOCK, raise `ulimit -l`, or lower ReceiveFrames (%d) and SendFrames (%d)",
			bytes>>10, p.name, err, p.receive, p.send)
	}
	return fmt.Errorf("afxdp: lock %d KiB of frame memory for %q: %w: lower ReceiveFrames (%d) and SendFrames (%d), or use fewer queues",
		bytes>>10, p.name, err, p.receive, p.send)
}

func explainBind(p *plan, index int, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("%w %d of %q: another AF_XDP socket has it; end that program first", errQueueBusy, index, p.name)
	case errors.Is(err, unix.ENETDOWN):
		return fmt.Errorf("afxdp: bind queue %d of %q: %w: set the interface up with `ip link set %s up`", index, p.name, err, p.name)
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("afxdp: bind queue %d of %q: %w: the process needs CAP_NET_RAW", index, p.name, err)
	}
	return fmt.Errorf("afxdp: bind queue %d of %q: %w", index, p.name, err)
}

func explainLoad(name string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		// Not err itself: it guesses at RLIMIT_MEMLOCK.
		return fmt.Errorf("afxdp: load the XDP program for %q: %w: the process needs CAP_BPF and CAP_NET_ADMIN (before Linux 5.8 CAP_SYS_ADMIN); run it as root, or use afpacket, which needs CAP_NET_RAW alone", name, unix.EPERM)
	}
	return fmt.Errorf("afxdp: load the XDP program for %q: %w", name, err)
}

func explainAttach(name string, err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("afxdp: attach the XDP program to %q: %w: the process needs CAP_NET_ADMIN", name, err)
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.EEXIST):
		return errOccupied(name, 0, err)
	}
	return fmt.Errorf("afxdp: attach the XDP program to %q: %w", name, err)
}

func errOccupied(name string, program uint32, err error) error {
	which := "an XDP program"
	if program != 0 {
		which = fmt.Sprintf("an XDP program (id %d)", program)
	}
	return fmt.Errorf("afxdp: attach to %q: %w: %s is there already and is not displaced; end the program that put it there, or detach it with `ip link set %s xdp off`", name, err, which, name)
}
