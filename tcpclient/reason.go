package tcpclient

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
)

// Errors of calls. They are wrapped with the call's name; use errors.Is.
var (
	ErrFull    = errors.New("no room")              // a table, queue or memory bound of Config is used up
	ErrClosed  = net.ErrClosed                      // the connection or the client has ended
	ErrNoRoute = errors.New("no route to the peer") // by this worker's interface
	ErrInvalid = errors.New("invalid address")      // not unicast, not ours, or of another family
	ErrInUse   = errors.New("4-tuple in use")       // the Local asked for is taken for this Remote
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
	// DeadlineExceeded: Open.Timeout or Open.Idle passed.
	DeadlineExceeded
	// Unreachable: an ICMP error, or no neighbour answers on the link.
	Unreachable
	// NoMemory: a bound of Config was used up; Stats names which.
	NoMemory
	// DeviceGone: the interface went away.
	DeviceGone
	// Shutdown: Client.Close ended it.
	Shutdown
	reasonCount
)

var reasons = [reasonCount]struct {
	text string
	err  error
}{
	ReasonNone:       {"none", nil},
	Refused:          {"refused", syscall.ECONNREFUSED},
	ResetByPeer:      {"reset", syscall.ECONNRESET},
	TimedOut:         {"timed out", syscall.ETIMEDOUT},
	DeadlineExceeded: {"deadline exceeded", os.ErrDeadlineExceeded},
	Unreachable:      {"unreachable", syscall.EHOSTUNREACH},
	NoMemory:         {"no memory", syscall.ENOBUFS},
	DeviceGone:       {"device gone", syscall.ENETDOWN},
	Shutdown:         {"shut down", net.ErrClosed},
}

// String is a short lower-case name, fit for a counter's label.
func (r Reason) String() string {
	if r < reasonCount {
		return reasons[r].text
	}
	return "unknown"
}

// Err returns the error that ordinary Go code knows for the reason, nil for
// ReasonNone.
func (r Reason) Err() error {
	if r < reasonCount {
		return reasons[r].err
	}
	return context.Canceled
}
