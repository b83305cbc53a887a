package handshake

import (
	"errors"
	"net"
	"os"

	"myriad/internal/errno"
)

// Reason says why a connection failed. A million failures must not allocate,
// so events carry this and not an error.
type Reason uint8

const (
	ReasonNone Reason = iota
	// Refused: RST in answer to our SYN.
	Refused
	// ResetByPeer: RST on a connection that stood.
	ResetByPeer
	// TimedOut: the peer did not answer within the allowed retransmissions.
	TimedOut
	// DeadlineExceeded: the connection's overall or idle limit passed.
	DeadlineExceeded
	// Unreachable: an ICMP error, or no neighbour answers on the link.
	Unreachable
	// NoMemory: a bound of the configuration was used up; counters name it.
	NoMemory
	// DeviceGone: the interface went away.
	DeviceGone
	// Shutdown: the client was closed.
	Shutdown
	// Unread: data came after the application had said that it would not read
	// any more, and the connection was reset (RFC 9293 §3.6.1).
	Unread
	// Internal: an assertion of our own failed, and the connection was given
	// up for it.
	Internal
	ReasonCount
)

// ErrInternal is the error of Internal: a bug of this library.
var ErrInternal = errors.New("internal error: an assertion failed")

var reasons = [ReasonCount]struct {
	text string
	err  error
}{
	ReasonNone:       {"none", nil},
	Refused:          {"refused", errno.Refused},
	ResetByPeer:      {"reset", errno.Reset},
	TimedOut:         {"timed out", errno.TimedOut},
	DeadlineExceeded: {"deadline exceeded", os.ErrDeadlineExceeded},
	Unreachable:      {"unreachable", errno.HostUnreachable},
	NoMemory:         {"no memory", errno.NoMemory},
	DeviceGone:       {"device gone", errno.NetDown},
	Shutdown:         {"shut down", net.ErrClosed},
	Unread:           {"data not read", net.ErrClosed},
	Internal:         {"internal error", ErrInternal},
}

// String is a short lower-case name, fit for a counter's label.
func (r Reason) String() string {
	if r < ReasonCount {
		return reasons[r].text
	}
	return "unknown"
}

// Err returns the error that ordinary Go code knows for the reason (on Windows
// Winsock's, found by package syscall's name as well), nil for
// ReasonNone.
func (r Reason) Err() error {
	if r < ReasonCount {
		return reasons[r].err
	}
	return nil
}
