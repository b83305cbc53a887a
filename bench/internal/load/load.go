package load

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"myriad/bench/internal/usage"
	"myriad/tcpclient"
)

// Config describes a run.
type Config struct {
	Client tcpclient.Config
	// Targets are connected to in turn, each address of the prefix, on Port.
	Targets netip.Prefix
	Port    uint16
	// Request is sent on the handshake's ACK, or after it with Separate; none when
	// empty.
	Request  []byte
	Separate bool
	// ReplyBytes is the length of the reply that each request gets; Reply its
	// bytes, compared when not nil.
	ReplyBytes int
	Reply      []byte
	// Fin ends connections by FIN instead of RST.
	Fin bool
	// Window is the number of connections at it at one time, over all
	// workers; without meaning for a run that holds but in its speed.
	Window int
	// Limit is the number of connections to open; 0 is without limit.
	Limit int
	// Duration is how long connections are opened; 0 is without limit.
	Duration time.Duration
	// Hold leaves all of Limit connections open at once.
	Hold bool
	// Enter runs a function where the devices are: inside a network
	// namespace. nil where the process is anyway.
	Enter func(func() error) error
}

// Result is what a run measured.
type Result struct {
	Workers int
	// Method is how the first device's frames go, as "afxdp native copy".
	Method string
	// Elapsed is from the start to the end of the last connection, or to the
	// last one's reply for a run that holds.
	Elapsed time.Duration

	// Opened = Completed + the sum of FailedBy.
	Opened, Completed uint64
	FailedBy          map[string]uint64
	// Refused counts calls of Open that found no room and were made again.
	Refused uint64

	// Held is the largest number of connections open at one time, Resident
	// the memory of the process at the end of the run or while they were
	// held.
	Held     uint64
	Resident uint64

	Process usage.CPU
	Machine usage.Whole
	Stats   tcpclient.Stats
}

// Failed is the number of connections that did not complete.
func (r *Result) Failed() uint64 { return sum(r.FailedBy) }

// Dropped is the number of received frames that were dropped.
func (r *Result) Dropped() uint64 { return sum(r.Stats.Drops) }

// PerSecond is the number of connections completed per second.
func (r *Result) PerSecond() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Completed) / r.Elapsed.Seconds()
}

func sum(counts map[string]uint64) (total uint64) {
	for _, n := range counts {
		total += n
	}
	return total
}

// validate refuses what cannot be run.
func (c *Config) validate() error {
	switch {
	case !c.Targets.IsValid() || c.Port == 0:
		return fmt.Errorf("load: Targets %v, Port %d: both must be given", c.Targets, c.Port)
	case len(c.Request) == 0 && c.ReplyBytes != 0:
		return errors.New("load: ReplyBytes without a Request: nothing would ask for the reply")
	case c.Reply != nil && len(c.Reply) != c.ReplyBytes:
		return fmt.Errorf("load: Reply has %d bytes, ReplyBytes says %d", len(c.Reply), c.ReplyBytes)
	case c.Window < 1:
		return fmt.Errorf("load: Window %d is below 1", c.Window)
	case c.Limit < 0 || c.Limit == 0 && c.Hold:
		return fmt.Errorf("load: Limit %d: how many connections to hold must be said", c.Limit)
	}
	return nil
}
