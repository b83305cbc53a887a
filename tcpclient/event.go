package tcpclient

import (
	"time"

	"myriad/conntable"
)

// ID names one connection for as long as it lives, and nothing afterwards: a
// call with the ID of a connection that has ended returns ErrClosed.
type ID = conntable.ID

// Handler receives what happens to the connections of one worker. The client
// makes one per worker (see New), so a Handler needs no lock of its own.
type Handler interface {
	// Events hands over a batch in the order in which things happened. It
	// runs on the worker's goroutine, where it may call every method of w,
	// and must not block. events, and each Event's Data, are borrowed until
	// it returns.
	Events(w *Worker, events []Event)
}

// Opener is a Handler that is asked for new connections whenever there is
// room, which keeps a queue of connections to be opened out of the stack.
type Opener interface {
	Handler
	// OpenMore may open up to room connections with w.Open. It is called once
	// a turn as long as room > 0 and runs like Events. An Opener that has
	// nothing to open returns; it is asked again when the worker next has
	// something to do, or after Client.Wake.
	OpenMore(w *Worker, room int)
}

// EventKind says what happened.
type EventKind uint8

const (
	_ EventKind = iota
	// Connected: the handshake is complete; Elapsed is the time from our
	// (last) SYN to the SYN-ACK.
	Connected
	// Data: the next bytes of the stream, in order.
	Data
	// EndOfStream: the peer sent FIN; no more Data will come. We may still
	// send.
	EndOfStream
	// Writable: after a Send that took less than it was given, there is room
	// again.
	Writable
	// Closed: the connection ended in order: both directions were closed, and
	// all that was sent was acknowledged, but for our FIN where the peer reset
	// what was closed already. The last event of its ID.
	Closed
	// Failed: the connection ended otherwise; Reason says why. The last event
	// of its ID.
	Failed
	// Reply: the answer to a Query, in Data; Elapsed is the time since it was
	// last sent. The last event of its ID.
	Reply
)

// Event is one thing that happened to one connection. Each connection has
// exactly one last event, Closed or Failed, unless the application ended it
// with Reset, which has none: the call itself is the end.
type Event struct {
	Conn    ID
	User    uint64 // as given to Open
	Data    []byte // borrowed until Events returns
	Elapsed time.Duration
	Kind    EventKind
	Reason  Reason
}
