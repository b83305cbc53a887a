package hold

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
	// Connections to hold. More than there can be is no error: the run fills
	// up and says so in Result.Full.
	Connections int
	// Window is the number of connections, then of exchanges, under way at
	// one time, over all workers.
	Window int
	// Exchanges of Request and a reply of ReplyBytes while all are held, beside
	// those that come first and do not count.
	Exchanges  int
	Request    []byte
	ReplyBytes int
	// Timeout bounds filling and traffic, each.
	Timeout time.Duration
	// Filled is called once all that can stand do, and is told how many frames at
	// least are sent for them, the last of which may still be on their way. nil:
	// nobody asks.
	Filled func(frames uint64) error
	// Enter runs a function where the devices are; nil where the process is.
	Enter func(func() error) error
}

// Result is what a run measured.
type Result struct {
	Workers int
	Method  string // how the device is driven

	Opened, Held uint64
	FailedBy     map[string]uint64
	// Full counts calls that Open refused with ErrFull; the first ends
	// filling.
	Full uint64
	// Filling is from the start until the last connection stood.
	Filling time.Duration
	// Stretches are the costs of Open, by how full it was.
	Stretches [StretchCount]Stretch

	// Resident is the process's memory while all were held, ResidentUsed after
	// the exchanges, which use records beside the entries, Before the one
	// before the client was made.
	Resident, ResidentUsed, Before uint64
	// PauseMax bounds the collector's longest pause while filling and
	// exchanging from above, PauseForced that of the runs that reading the
	// memory forces while all are held; a pause lasts from the wish to stop all
	// threads, so one that the system does not run makes it longer.
	PauseMax, PauseForced time.Duration
	// Collector is the collector's processor time, and Cycles its runs, while
	// filling and exchanging; the runs that reading the memory forces are not in
	// them.
	Collector time.Duration
	Cycles    uint64

	Exchanged      uint64
	Wrong          uint64 // replies that were not as asked for
	Exchanging     time.Duration
	ExchangeFrames uint64      // sent and received while exchanging
	Process, Check usage.CPU   // while filling, while exchanging
	Machine        usage.Whole // while filling
	Stats          tcpclient.Stats
}

// Stretch is what Open cost while a share of all was open.
type Stretch struct {
	UpTo  int // percent
	Opens uint64
	Took  time.Duration
}

// PerOpen is the time one Open took.
func (s Stretch) PerOpen() time.Duration {
	if s.Opens == 0 {
		return 0
	}
	return s.Took / time.Duration(s.Opens)
}

// upTo are the ends of the stretches, in percent.
var upTo = [...]int{50, 75, 90, 95, 99, 100}

// StretchCount is the number of stretches.
const StretchCount = len(upTo)

// stretchOf is the stretch in which the next connection is opened.
func stretchOf(opened, total uint64) int {
	for k, percent := range upTo[:StretchCount-1] {
		if opened*100 < uint64(percent)*total {
			return k
		}
	}
	return StretchCount - 1
}

// validate refuses what cannot be run.
func (c *Config) validate() error {
	switch {
	case !c.Targets.IsValid() || c.Port == 0:
		return fmt.Errorf("hold: Targets %v, Port %d: both must be given", c.Targets, c.Port)
	case c.Connections < 1:
		return fmt.Errorf("hold: Connections %d is below 1", c.Connections)
	case c.Window < 1:
		return fmt.Errorf("hold: Window %d is below 1", c.Window)
	case c.Timeout <= 0:
		return fmt.Errorf("hold: Timeout %v is not above 0", c.Timeout)
	case c.Exchanges > 0 && (len(c.Request) == 0 || c.ReplyBytes < 1):
		return errors.New("hold: Exchanges need a Request and ReplyBytes")
	}
	return nil
}
