package tcpclient

import (
	"fmt"
	"net/netip"
	"time"
)

// Query asks for one UDP request to be sent and its reply awaited, as a DNS
// look-up does. It uses the same workers, sources, pace and events as
// connections do; Config.QueriesMax must not be 0.
//
// A query ends with exactly one event: Reply, with the datagram in Data and in
// Elapsed the time from its last sending, or Failed: TimedOut, Refused (the
// peer has nobody at that port), Unreachable, DeviceGone, Shutdown. What comes
// from elsewhere, or later, is dropped by name: a reply counts only from the
// address and port asked, at the local address and port that asked. The
// application checks what is inside, as DNS's transaction id.
type Query struct {
	// Remote is the peer; unicast.
	Remote netip.AddrPort
	// Local chooses the source: address and port, or either; what is zero is
	// chosen by the client, unpredictably.
	Local netip.AddrPort
	// User comes back in the event.
	User uint64
	// Data is the payload, at most Config.QueryBytes; it is copied.
	Data []byte
	// Timeout is how long to wait for the reply to the first sending: 1 s when
	// 0. Each further wait is twice as long.
	Timeout time.Duration
	// Retries is how many times to send again; 0 is none.
	Retries int
}

// queryTimeout is the default wait for a reply (RFC 1035 §4.2.1 would have 2
// to 5 s for servers far away; today's resolvers start below 1 s).
const queryTimeout = time.Second

// Errors of Query, made once.
var (
	errQueryOff     = fmt.Errorf("tcpclient: query: %w: Config.QueriesMax is 0", ErrInvalid)
	errQueryTooLong = fmt.Errorf("tcpclient: query: %w: Query.Data is longer than Config.QueryBytes", ErrInvalid)
	errQueryRetries = fmt.Errorf("tcpclient: query: %w: Query.Retries is not within 0 and 255, or Query.Timeout is negative or above an hour", ErrInvalid)
	errQueryInvalid = fmt.Errorf("tcpclient: query: %w", ErrInvalid)
	errQueryNoRoute = fmt.Errorf("tcpclient: query: %w", ErrNoRoute)
	errQueryClosed  = fmt.Errorf("tcpclient: query: %w", ErrClosed)
	errQueryInUse   = fmt.Errorf("tcpclient: query: %w", ErrInUse)
	errQueryFull    = fmt.Errorf("tcpclient: query: %w: all queries of Config.QueriesMax, or all local ends to this peer, are taken", ErrFull)
)

// Query sends UDP requests; results, of the same length, gets one element
// each, whose Conn names the query in its event. They leave at the end of the
// turn, within Config.Rate.
func (w *Worker) Query(queries []Query, results []Opened) {
	for k := range queries {
		id, err := w.query(&queries[k])
		results[k] = Opened{id, err}
	}
}

// Query sends UDP requests from any goroutine, as Open opens connections: errs,
// of the same length, tells which were taken, the events carry User.
func (c *Client) Query(queries []Query, errs []error) {
	for k := range queries {
		q := queries[k]
		w := c.workerFor(q.Remote, q.Local)
		if w == nil {
			errs[k] = errQueryNoRoute
			continue
		}
		q.Data = append([]byte(nil), q.Data...)
		errs[k] = w.post(call{f: func(w *Worker) {
			if _, err := w.query(&q); err != nil {
				w.startFailed(q.User)
			}
		}})
	}
}
