package sim

import (
	"fmt"
	"time"

	"myriad/tcpclient"
)

// early and late are how far from its limit a connection may end: the timers'
// resolution, and its rounding at both ends.
const (
	early = 2 * time.Millisecond
	late  = 3 * time.Millisecond
)

// server is an honest peer.
type server interface {
	peer
	complete() bool
	// finished says what is missing where our side has ended in order.
	finished() error
}

// judge says whether a connection's last event is true.
func (c *conn) judge() error {
	if c.end == tcpclient.Closed {
		return c.judgeClosed()
	}
	did := c.plan.peer.truth()
	lived := c.endedAt - c.openedAt
	switch c.reason {
	case tcpclient.Refused:
		if c.connected || !did.refused && !did.resets[0] {
			return c.untrue("the peer did not refuse it")
		}
	case tcpclient.ResetByPeer:
		if !c.resetBy(did) {
			return c.untrue("the peer sent no RST where it counts")
		}
		if v, ok := c.plan.peer.(*visit); ok && !v.aborted {
			return c.untrue("the peer's application did not give it up")
		}
	case tcpclient.Unreachable:
		if c.connected || !did.icmp {
			return c.untrue("nobody said so")
		}
	case tcpclient.DeadlineExceeded:
		if !(c.plan.timeout > 0 && lived >= c.plan.timeout-early) && !c.wasIdle() {
			return c.untrue("no limit has passed")
		}
	case tcpclient.Unread:
		if !c.finSent || !c.plan.discard {
			return c.untrue("the application did not stop reading")
		}
	case tcpclient.NoMemory:
		if !c.plan.scarce {
			return c.untrue("there was enough")
		}
	case tcpclient.TimedOut: // whether there was cause is the world's to say
	default:
		return c.untrue("nothing led to it")
	}
	return nil
}

// wasIdle says whether the peer was silent for the connection's limit. What the
// application holds back by Pause comes later than it was heard.
func (c *conn) wasIdle() bool {
	since := c.openedAt
	if c.plan.pauses == 0 {
		since = max(since, c.heardAt)
	}
	return c.plan.idle > 0 && c.endedAt-since >= c.plan.idle-early
}

// resetBy says whether the peer sent a RST at exactly the byte that we expect
// next (RFC 5961 §3): the one after what was delivered, or beyond, when what
// came since was not, or will not be.
func (c *conn) resetBy(did *truth) bool {
	next := c.got
	if c.fin {
		next++
	}
	if !c.paused && !c.discarded {
		return did.resets[next]
	}
	for at := range did.resets {
		if at >= next {
			return true
		}
	}
	return false
}

func (c *conn) untrue(why string) error {
	return fmt.Errorf("failed as %q after %v, and %s", c.reason, c.endedAt-c.openedAt, why)
}

func (c *conn) judgeClosed() error {
	switch {
	case !c.fin && !c.plan.discard:
		return fmt.Errorf("ended in order before the end of the stream, after %d bytes", c.got)
	case !c.finSent:
		return fmt.Errorf("ended in order, but the application did not close")
	case !c.plan.honest:
		return nil
	case c.got != c.plan.expect:
		return fmt.Errorf("ended in order after %d bytes of %d", c.got, c.plan.expect)
	}
	return c.plan.peer.(server).finished()
}

// overdue says whether a connection should have ended by now. One that is
// over but for what our own application does not read has no deadline.
func (c *conn) overdue(now time.Duration) bool {
	return !c.over && c.opened && !(c.paused && c.finSent) && c.plan.timeout > 0 && now > c.openedAt+c.plan.timeout+late
}

// hadTime says whether a connection that failed gave up without cause: by its
// retransmissions, or at a deadline that was generous.
func (c *conn) hadTime() bool {
	return c.reason == tcpclient.TimedOut ||
		c.reason == tcpclient.DeadlineExceeded && c.plan.idle == 0 && c.plan.timeout == patience
}
