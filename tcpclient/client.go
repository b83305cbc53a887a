package tcpclient

import (
	"context"
	"net/netip"
	"time"
)

// Client is a set of workers over one or more interfaces.
type Client struct{}

// New opens the interfaces and takes the memory that cfg asks for. newHandler
// is called once per worker, before it starts.
func New(cfg Config, newHandler func(w *Worker) Handler) (*Client, error) { panic("soon") }

// Start starts the workers.
func (c *Client) Start() error { panic("soon") }

// Step runs one turn of every worker of a Manual client on the caller's
// goroutine. It returns the instant at which a worker next has something to do
// without a frame arriving (as Worker.Now counts), and whether anything was
// done.
func (c *Client) Step() (next time.Duration, busy bool) { panic("soon") }

// Intern prepares bytes to be sent by any number of connections: they are
// copied once, and their checksums computed once. Any goroutine may call it.
func (c *Client) Intern(request []byte) (RequestID, error) { panic("soon") }

// Open asks for connections from any goroutine: each is put into a bounded
// queue of a worker whose interface has a route. errs, of the same length, gets nil,
// ErrFull, ErrNoRoute, ErrInvalid or ErrClosed for each. What happens then
// comes as events, Connected or Failed first, told apart by User.
func (c *Client) Open(opens []Open, errs []error) { panic("soon") }

// Do runs f on the goroutine of the worker with the given index, soon. Any
// goroutine may call it; ErrFull when Config.Calls are waiting already.
func (c *Client) Do(worker int, f func(w *Worker)) error { panic("soon") }

// Workers returns the number of workers.
func (c *Client) Workers() int { panic("soon") }

// Wake has the worker take a turn, for an Opener that has something to open
// again. Any goroutine may call it; it is cheap.
func (c *Client) Wake(worker int) { panic("soon") }

// Close ends every connection in order (FIN, then RST for those that have not
// ended when ctx does), drains the devices and closes them. It may be called
// twice. It returns the context's error if it had to reset connections.
func (c *Client) Close(ctx context.Context) error { panic("soon") }

// Stats sums up the workers' counters, at most a few milliseconds old.
func (c *Client) Stats() Stats { panic("soon") }

// Worker owns one queue of one interface, and its share of the connections.
// Its methods may be called only on its own goroutine: from Handler, Opener,
// or a function given to Client.Do.
type Worker struct{}

// Index is the worker's number, 0 ≤ Index < Client.Workers().
func (w *Worker) Index() int { panic("soon") }

// Now is the instant of the worker's present turn.
func (w *Worker) Now() time.Duration { panic("soon") }

// Open opens connections; results, of the same length, gets one element each.
// The SYNs leave at the end of the turn, within Config.Rate.
func (w *Worker) Open(opens []Open, results []Opened) { panic("soon") }

// Send queues bytes; results, of the same length, gets one element each. What
// is sent while a segment of the same connection is being handled rides on
// the ACK owed for it.
func (w *Worker) Send(sends []Send, results []Sent) { panic("soon") }

// Close closes connections; errs, of the same length, gets nil or ErrClosed.
func (w *Worker) Close(closes []Close, errs []error) { panic("soon") }

// Pause stops Data and EndOfStream events of a connection: what arrives is
// held, within the window already advertised, and the window closes.
func (w *Worker) Pause(id ID) error { panic("soon") }

// Resume ends Pause: what was held is delivered, and the window opens.
func (w *Worker) Resume(id ID) error { panic("soon") }

// Addrs returns the two ends of a connection.
func (w *Worker) Addrs(id ID) (local, remote netip.AddrPort, ok bool) { panic("soon") }

// SetUser replaces the connection's User word.
func (w *Worker) SetUser(id ID, user uint64) error { panic("soon") }

// Stats are totals since the start, over all workers. See the fields of Drops
// for what was dropped and why.
type Stats struct {
	Opened, Connected, Closed, Failed uint64            // connections
	ConnectionsOpen                   uint64            // now, resting ones not included
	FailedBy                          map[string]uint64 // by Reason
	FramesReceived, FramesSent        uint64
	BytesReceived, BytesSent          uint64
	Retransmitted                     uint64            // segments sent again
	Drops                             map[string]uint64 // every received frame or segment dropped, by name
	Counters                          map[string]uint64 // everything else, by name
}
