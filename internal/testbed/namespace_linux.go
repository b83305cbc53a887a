package testbed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace without a name.
type Namespace struct {
	mu      sync.Mutex
	fd      int
	closers []func() error // XDP links and the like, ended before the namespace
}

// NewNamespace makes an empty network namespace with its loopback up.
func NewNamespace() (*Namespace, error) {
	type result struct {
		fd  int
		err error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the thread, which is in the new namespace, ends
		// with the goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- result{err: err}
			return
		}
		fd, err := threadNamespace()
		done <- result{fd, err}
	}()
	r := <-done
	if r.err != nil {
		return nil, fmt.Errorf("testbed: make a network namespace: %w", r.err)
	}
	ns := &Namespace{fd: r.fd}
	if err := ns.LoopbackUp(); err != nil {
		ns.Close()
		return nil, err
	}
	return ns, nil
}

// Current is the namespace that the calling thread is in.
func Current() (*Namespace, error) {
	fd, err := threadNamespace()
	if err != nil {
		return nil, fmt.Errorf("testbed: open the current network namespace: %w", err)
	}
	return &Namespace{fd: fd}, nil
}

// threadNamespace opens the calling thread's network namespace.
func threadNamespace() (int, error) {
	path := fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid())
	return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// FD is the descriptor that keeps the namespace; it belongs to ns.
func (ns *Namespace) FD() int { return ns.fd }

// Close gives the namespace up. It ends when no process and no socket is in
// it any more. Close may be called twice.
func (ns *Namespace) Close() error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.fd < 0 {
		return nil
	}
	var errs []error
	for i := len(ns.closers) - 1; i >= 0; i-- {
		errs = append(errs, ns.closers[i]())
	}
	ns.closers = nil
	errs = append(errs, unix.Close(ns.fd))
	ns.fd = -1
	return errors.Join(errs...)
}

// keep has f called by Close.
func (ns *Namespace) keep(f func() error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.closers = append(ns.closers, f)
}

// Do runs f on the calling goroutine while its thread is inside ns. Sockets
// that f opens stay in ns. When the thread cannot be brought back, Do returns
// the error and the thread ends with the goroutine.
func (ns *Namespace) Do(f func() error) (err error) {
	runtime.LockOSThread()
	home, err := threadNamespace()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("testbed: open the current network namespace: %w", err)
	}
	defer unix.Close(home)
	if err := unix.Setns(ns.fd, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("testbed: enter the network namespace: %w", err)
	}
	// Deferred, so that a test that fails inside f leaves the namespace too.
	defer func() {
		if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
			err = errors.Join(err, fmt.Errorf("testbed: leave the network namespace: %w", back))
			return // still locked
		}
		runtime.UnlockOSThread()
	}()
	return f()
}

// Listen is net.Listen inside the namespace.
func (ns *Namespace) Listen(network, address string) (l net.Listener, err error) {
	err = ns.Do(func() error {
		l, err = net.Listen(network, address)
		return err
	})
	return l, err
}

// ListenPacket is net.ListenPacket inside the namespace.
func (ns *Namespace) ListenPacket(network, address string) (c net.PacketConn, err error) {
	err = ns.Do(func() error {
		c, err = net.ListenPacket(network, address)
		return err
	})
	return c, err
}

// DialContext dials from inside the namespace. The address must be numeric.
func (ns *Namespace) DialContext(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = ns.Do(func() error {
		var d net.Dialer
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Sysctl sets a sysctl of the namespace: Sysctl("net/ipv4/ip_forward", "1").
func (ns *Namespace) Sysctl(key, value string) error {
	return ns.Do(func() error {
		path := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("testbed: set sysctl: %w", err)
		}
		return nil
	})
}

// Command prepares a command to be begun with Start.
func (ns *Namespace) Command(name string, args ...string) *exec.Cmd {
	return exec.Command(name, args...)
}

// Run runs a command inside the namespace and returns what it wrote. A
// failure's error holds the output.
func (ns *Namespace) Run(name string, args ...string) (string, error) {
	return ns.RunInput("", name, args...)
}

// RunInput is Run with a standard input.
func (ns *Namespace) RunInput(input, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	var out strings.Builder
	cmd.Stdin = strings.NewReader(input)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := ns.Start(cmd); err != nil {
		return "", err
	}
	if err := cmd.Wait(); err != nil {
		return out.String(), fmt.Errorf("testbed: %s: %w: %s", name, err, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}
