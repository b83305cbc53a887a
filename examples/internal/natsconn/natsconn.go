// Package natsconn connects programs to the NATS server of -cluster, which may
// go away and come back later.
package natsconn

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// ConnectTimeout is how long the server may take at first.
	ConnectTimeout = 10 * time.Second
	// RetryPause is the time between two attempts when the server is away.
	RetryPause = 250 * time.Millisecond
	// pingEvery and pingsLost say when a silent server is taken for gone.
	pingEvery = 5 * time.Second
	pingsLost = 2
)

// Conn is a connection. All methods may be called from any goroutine.
type Conn struct {
	*nats.Conn
	JS jetstream.JetStream
	// Name is the run's: the path of the address.
	Name string

	log    func(text string)
	away   atomic.Bool
	closed atomic.Bool
	losses atomic.Uint64
}

var validName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,40}$`)

// Dial connects to an address such as nats://host:4222/name; without a path the
// run has the name given. log is told when the server goes away and comes back;
// nil is told nothing. Errors do not repeat a password.
func Dial(address, name, program string, log func(text string)) (*Conn, error) {
	server, err := url.Parse(address)
	if err != nil || server.Scheme != "nats" && server.Scheme != "tls" || server.Host == "" {
		return nil, fmt.Errorf("%q is no address of a server such as nats://192.0.2.1:4222/name", withoutUser(address))
	}
	if path := strings.Trim(server.Path, "/"); path != "" {
		name = path
	}
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("the name %q: use up to 40 letters, digits, - and _", withoutUser(name))
	}
	server.Path = ""
	c := &Conn{Name: name, log: log}
	c.Conn, err = nats.Connect(server.String(), nats.Name(program), nats.MaxReconnects(-1), nats.ReconnectWait(RetryPause),
		nats.Timeout(ConnectTimeout), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsLost),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { c.note(true) }),
		nats.ReconnectHandler(func(*nats.Conn) { c.note(false) }))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", withoutUser(server.String()), err)
	}
	if c.JS, err = jetstream.New(c.Conn); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// withoutUser leaves out what stands before the @: a password, or a token,
// which stands where the user's name would.
func withoutUser(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return address
	}
	scheme, _, ok := strings.Cut(address[:at], "://")
	if !ok {
		return address[at+1:]
	}
	return scheme + "://" + address[at+1:]
}

// Away reports whether the server cannot be reached.
func (c *Conn) Away() bool { return c.away.Load() }

// Losses is how often the server has gone away.
func (c *Conn) Losses() uint64 { return c.losses.Load() }

// Close ends the connection.
func (c *Conn) Close() {
	c.closed.Store(true)
	c.Conn.Close()
}

func (c *Conn) note(away bool) {
	if away {
		c.losses.Add(1)
	}
	if c.away.Swap(away) == away || c.log == nil || c.closed.Load() {
		return
	}
	if away {
		c.log("the NATS server is away: waiting for it")
	} else {
		c.log("the NATS server is back")
	}
}

// IsConflict reports whether a write was refused because the key is not as the
// writer last saw it.
func IsConflict(err error) bool {
	var api *jetstream.APIError
	return errors.Is(err, jetstream.ErrKeyExists) || errors.As(err, &api) &&
		(api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}
