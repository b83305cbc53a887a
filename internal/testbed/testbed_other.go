//go:build !linux

package testbed

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
)

// Namespace is a network namespace; there is none on this system.
type Namespace struct{}

// NewNamespace returns ErrNotSupported.
func NewNamespace() (*Namespace, error) { return nil, ErrNotSupported }

// Current returns ErrNotSupported.
func Current() (*Namespace, error) { return nil, ErrNotSupported }

// FD returns -1.
func (*Namespace) FD() int { return -1 }

// Close does nothing.
func (*Namespace) Close() error { return nil }

// Do returns ErrNotSupported.
func (*Namespace) Do(func() error) error { return ErrNotSupported }

// Listen returns ErrNotSupported.
func (*Namespace) Listen(network, address string) (net.Listener, error) {
	return nil, ErrNotSupported
}

// ListenPacket returns ErrNotSupported.
func (*Namespace) ListenPacket(network, address string) (net.PacketConn, error) {
	return nil, ErrNotSupported
}

// DialContext returns ErrNotSupported.
func (*Namespace) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return nil, ErrNotSupported
}

// Sysctl returns ErrNotSupported.
func (*Namespace) Sysctl(key, value string) error { return ErrNotSupported }

// Command prepares a command.
func (*Namespace) Command(name string, args ...string) *exec.Cmd { return exec.Command(name, args...) }

// Start returns ErrNotSupported.
func (*Namespace) Start(*exec.Cmd) error { return ErrNotSupported }

// Run returns ErrNotSupported.
func (*Namespace) Run(name string, args ...string) (string, error) { return "", ErrNotSupported }

// RunInput returns ErrNotSupported.
func (*Namespace) RunInput(input, name string, args ...string) (string, error) {
	return "", ErrNotSupported
}

// LoopbackUp returns ErrNotSupported.
func (*Namespace) LoopbackUp() error { return ErrNotSupported }

// SetUp returns ErrNotSupported.
func (*Namespace) SetUp(name string) error { return ErrNotSupported }

// SetDown returns ErrNotSupported.
func (*Namespace) SetDown(name string) error { return ErrNotSupported }

// DeleteLink returns ErrNotSupported.
func (*Namespace) DeleteLink(name string) error { return ErrNotSupported }

// AddAddr returns ErrNotSupported.
func (*Namespace) AddAddr(name string, addr netip.Prefix) error { return ErrNotSupported }

// AddLocalRoute returns ErrNotSupported.
func (*Namespace) AddLocalRoute(prefix netip.Prefix) error { return ErrNotSupported }

// AddLinkRoute returns ErrNotSupported.
func (*Namespace) AddLinkRoute(prefix netip.Prefix, name string) error { return ErrNotSupported }

// AddRoute returns ErrNotSupported.
func (*Namespace) AddRoute(prefix netip.Prefix, via netip.Addr, name string) error {
	return ErrNotSupported
}

// DisableOffloads returns ErrNotSupported.
func (*Namespace) DisableOffloads(name string) error { return ErrNotSupported }

// AttachXDPPass returns ErrNotSupported.
func (*Namespace) AttachXDPPass(name string) error { return ErrNotSupported }

// Counters returns ErrNotSupported.
func (*Namespace) Counters() (map[string]uint64, error) { return nil, ErrNotSupported }

// Veth returns ErrNotSupported.
func Veth(near, far *Namespace, c VethConfig) (*Pair, error) { return nil, ErrNotSupported }

// LossyPath returns ErrNotSupported.
func LossyPath(near, middle, far *Namespace, c PathConfig) (*Path, error) {
	return nil, ErrNotSupported
}

// SetImpairment returns ErrNotSupported.
func SetImpairment(middle *Namespace, towardNear, towardFar []string) error {
	return ErrNotSupported
}

// Privileged reports false.
func Privileged() bool { return false }

// Reexecuted reports false.
func Reexecuted() bool { return false }

// ReexecUnprivileged returns ErrNotSupported.
func ReexecUnprivileged(env ...string) (exitCode int, err error) { return 0, ErrNotSupported }
