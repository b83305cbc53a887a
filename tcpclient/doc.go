// Package tcpclient is a TCP that only opens connections, millions of them,
// in user space and on raw frames.
//
// It has two faces. Handler gets what happens to all connections of a worker
// in batches, without a goroutine or a buffer per connection; it is for those
// who want the speed. Dialer gives out net.Conns, for net/http, crypto/tls and
// everything else in Go; it is built on the first.
//
// # Terms
//
// A Client works on one or more interfaces. A worker owns one queue of one
// interface, a share of the connections, and everything that belongs to them;
// workers share nothing that a packet needs. The local port decides which
// worker owns a connection. A turn is one round of a worker: it receives a
// batch of frames, steps the connections that they are for, calls the
// application once with all that happened, and sends what is then to be sent.
//
// # The contract
//
// Calls. Handler.Events and Opener.OpenMore are called on the goroutine of
// their worker, one call at a time, and so is a function given to Client.Do.
// There, and only there, the methods of Worker may be called. The methods of
// Client may be called from every goroutine; those that ask something of a
// worker put it into a queue of Config.Calls and return ErrFull when that is
// full. Open, Send and Close take slices and give a result per element.
//
// Borrowing. The slice of events, and the Data of each, end with the call of
// Events. Data given to Send is copied before Send returns; interned requests
// are copied once, by Intern, and never again.
//
// The last event. A connection has exactly one last event, Closed or Failed,
// and none after it, unless the application ends it with Reset, which has
// none. An ID whose connection has ended is refused with ErrClosed for ever
// (until its 24 bits of generation come round).
//
// Slowness. Events must not block: the worker waits. An application that
// cannot take more of one connection's data calls Pause: what is on its way,
// at most the window advertised, is held, the peer's window closes, and no
// other connection notices. An unread net.Conn does the same.
//
// Windows. A connection starts with Config.ReceiveBuffer and its window doubles
// as long as the path fills it, up to ReceiveBufferMax. What is out of order
// or held back by Pause, and what was sent and is not acknowledged, counts
// against BufferMemory over all connections; what finds no room there is dropped
// by name and comes again, or is refused with ErrFull. What net.Conns have
// unread is counted apart, against as much again; there the window closes (see
// Dialer.ReadBuffer).
//
// Queries. Worker.Query sends one UDP request and waits for its reply, with
// retries; it shares sources, pace and events with the connections, and ends
// with one event, Reply or Failed.
//
// Closing. CloseHow tells the ways. A close with FIN sends what is queued
// first, and Data goes on coming until the peer closes too (half-close); an
// application that will not read uses FinDiscard, and data that comes later
// resets the connection. Reset forgets the connection at once.
//
// Ending. Client.Close sends FIN on every connection, waits for them until its
// context ends, resets the rest, drains and detaches the devices, and may be
// called twice. Connections that it ends fail with Shutdown, or are Closed.
//
// Errors. A Reason says why a connection failed; its Err is the error that
// errors.Is knows: ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH,
// ENETDOWN, os.ErrDeadlineExceeded, net.ErrClosed. The Dialer's are
// *net.OpError around the same, and the context's.
//
// Memory. All of it is bounded by Config: tables are taken by New, buffers as
// they are needed. New refuses, by the field's name, what the machine cannot
// give. Stats counts every frame and segment that is dropped under the name
// of the reason.
//
// # Time
//
// Instants inside are durations since an epoch of the device's clock; a worker
// reads it once a turn. A Manual client has no goroutines: Client.Step runs
// one turn of each worker, on any clock, which is how simulations drive it; the
// example "stepping" is a whole harness.
package tcpclient
