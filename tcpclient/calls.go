package tcpclient

import (
	"net/netip"
	"time"
)

// Open asks for one connection.
type Open struct {
	// Remote is the peer; unicast.
	Remote netip.AddrPort
	// Local chooses the source: address and port, or either; what is zero is
	// chosen by the client.
	Local netip.AddrPort
	// User comes back in every Event of the connection.
	User uint64
	// Request, when not zero, is sent as soon as the connection stands.
	Request RequestID
	// Separate sends the handshake's ACK by itself, and Request in the next
	// segment; otherwise Request rides on the ACK.
	Separate bool
	// Timeout limits the connection's whole life; Config.Timeout when 0,
	// without limit when negative.
	Timeout time.Duration
	// Idle limits the time without a segment from the peer; Config.Idle when
	// 0, without limit when negative.
	Idle time.Duration
}

// Opened is the result of one Open.
type Opened struct {
	Conn ID
	Err  error // nil, ErrFull, ErrNoRoute, ErrInvalid or ErrClosed, wrapped
}

// Send asks for bytes to be sent on one connection: Data, which is copied, or,
// when it is not zero, an interned request, which is not copied where nothing
// else waits to be sent.
type Send struct {
	Conn    ID
	Data    []byte
	Request RequestID
}

// Sent is the result of one Send: how many bytes were taken (the rest did not
// fit into the connection's send buffer; a Writable event follows), or why
// none could be.
type Sent struct {
	Count int
	Err   error // nil, ErrFull (no memory for it), ErrClosed
}

// CloseHow chooses how a connection ends.
type CloseHow uint8

const (
	_ CloseHow = iota
	// Reset sends RST at once and forgets the connection: no TIME-WAIT at the
	// peer, unsent bytes are lost. No further event.
	Reset
	// Fin sends what is still to be sent, then FIN, and goes on receiving;
	// Closed or Failed follows. Data that arrives later is still delivered
	// (half-close): this is CloseWrite.
	Fin
	// FinDiscard is Fin for an application that will not read any more: data
	// that arrives later is answered with RST (RFC 9293 §3.6.1), and no Data
	// event comes.
	FinDiscard
)

// Close asks for one connection to be closed.
type Close struct {
	Conn ID
	How  CloseHow
}

// RequestID names interned bytes; the zero value names none.
type RequestID uint32
