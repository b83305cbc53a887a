package tcpclient

import (
	"errors"
	"net"

	"myriad/handshake"
)

// Errors of calls. They are wrapped with the call's name; use errors.Is.
var (
	ErrFull    = errors.New("no room")              // a table, queue or memory bound of Config is used up
	ErrClosed  = net.ErrClosed                      // the connection or the client has ended
	ErrNoRoute = errors.New("no route to the peer") // by this worker's interface
	ErrInvalid = errors.New("invalid address")      // not unicast, not ours, or of another family
	ErrInUse   = errors.New("4-tuple in use")       // the Local asked for is taken for this Remote

	// ErrInternal is the error of a connection that failed as Internal: a bug of
	// this library, which ended that connection alone. Client.Bug tells more.
	ErrInternal = handshake.ErrInternal
)

// Reason says why a connection failed; its Err is the error that ordinary Go
// code knows for it.
type Reason = handshake.Reason

// The reasons; see package handshake for each.
const (
	ReasonNone       = handshake.ReasonNone
	Refused          = handshake.Refused
	ResetByPeer      = handshake.ResetByPeer
	TimedOut         = handshake.TimedOut
	DeadlineExceeded = handshake.DeadlineExceeded
	Unreachable      = handshake.Unreachable
	NoMemory         = handshake.NoMemory
	DeviceGone       = handshake.DeviceGone
	Shutdown         = handshake.Shutdown
	Unread           = handshake.Unread
	Internal         = handshake.Internal
)
