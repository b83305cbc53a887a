package tcpclient

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Limits that validate names.
const (
	connectionsLimit = 1 << 28
	batchLimit       = 1 << 15
	workersLimit     = 256
	mssLimit         = 65535 - frameHeaders
	receiveLimit     = 1 << 30 // RFC 7323 §2.3
	timeLimit        = 24 * 24 * time.Hour
)

// sharedPortMin is above the ports from which Linux chooses by default.
const sharedPortMin = 61000

// sharesAddress: an interface has no sources of its own.
func (c *Config) sharesAddress() bool {
	for k := range c.Interfaces {
		if c.Interfaces[k].Device == nil && len(c.Interfaces[k].Sources) == 0 {
			return true
		}
	}
	return false
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// withDefaults fills in what is zero.
func (c Config) withDefaults() Config {
	c.Interfaces = slices.Clone(c.Interfaces) // openInterface adds to them
	set(&c.ConnectionsMax, 65536)
	set(&c.Batch, 256)
	if c.sharesAddress() {
		set(&c.PortMin, sharedPortMin)
	}
	set(&c.PortMin, 1024)
	set(&c.PortMax, 65535)
	set(&c.SYNRetries, 3)
	c.SYNRetries = max(c.SYNRetries, 0)
	set(&c.DataRetries, 10)
	set(&c.RTOMin, 200*time.Millisecond)
	set(&c.CongestionControl, "cubic")
	set(&c.TimeWait, 60*time.Second)
	set(&c.Rest, time.Second)
	set(&c.ReceiveBuffer, 65535)
	set(&c.ReceiveBufferMax, max(1<<20, c.ReceiveBuffer))
	set(&c.SendBuffer, 256<<10)
	set(&c.BufferMemory, 64<<20)
	set(&c.SideRecords, min(65536, c.ConnectionsMax))
	set(&c.HolesMax, 512)
	set(&c.Calls, 4096)
	set(&c.TTL, 64)
	set(&c.QueryBytes, 512)
	return c
}

// validate refuses, by name, what New cannot do. c has its defaults.
func (c *Config) validate() error {
	if len(c.Interfaces) == 0 {
		return fmt.Errorf("tcpclient: Config.Interfaces is empty: name at least one interface")
	}
	for _, f := range []struct {
		name          string
		value, lo, hi int64
	}{
		{"ConnectionsMax", int64(c.ConnectionsMax), 1, connectionsLimit},
		{"Batch", int64(c.Batch), 1, batchLimit},
		{"PortMin", int64(c.PortMin), 1, int64(c.PortMax)},
		{"SYNRetries", int64(c.SYNRetries), 0, 32},
		{"DataRetries", int64(c.DataRetries), 1, 100},
		{"RTOMin", int64(c.RTOMin), int64(time.Millisecond), int64(time.Minute)},
		{"TimeWait", int64(c.TimeWait), 0, int64(time.Hour)},
		{"Rest", int64(c.Rest), math.MinInt64, int64(10 * time.Second)},
		{"Timeout", int64(c.Timeout), 0, int64(timeLimit)},
		{"Idle", int64(c.Idle), 0, int64(timeLimit)},
		{"BusyPoll", int64(c.BusyPoll), 0, int64(timeLimit)},
		{"ReceiveBuffer", int64(c.ReceiveBuffer), 1, receiveLimit},
		{"ReceiveBufferMax", int64(c.ReceiveBufferMax), int64(c.ReceiveBuffer), receiveLimit},
		{"SendBuffer", int64(c.SendBuffer), 1, receiveLimit},
		{"BufferMemory", int64(c.BufferMemory), 1 << 16, 1 << 40},
		{"SideRecords", int64(c.SideRecords), 1, int64(c.ConnectionsMax)},
		{"HolesMax", int64(c.HolesMax), 1, 1 << 16},
		{"Calls", int64(c.Calls), 1, 1 << 24},
		{"MSS", int64(c.MSS), 0, mssLimit},
		{"QueriesMax", int64(c.QueriesMax), 0, connectionsLimit},
		{"QueryBytes", int64(c.QueryBytes), 1, 1472},
	} {
		if f.value < f.lo || f.value > f.hi {
			return fmt.Errorf("tcpclient: Config.%s %d is outside %d to %d", f.name, f.value, f.lo, f.hi)
		}
	}
	if c.Rate < 0 || math.IsNaN(c.Rate) || math.IsInf(c.Rate, 0) {
		return fmt.Errorf("tcpclient: Config.Rate %v is not a number of connections per second: give 0 for no limit", c.Rate)
	}
	if c.CongestionControl != "cubic" && c.CongestionControl != "newreno" {
		return fmt.Errorf("tcpclient: Config.CongestionControl %q is neither cubic nor newreno", c.CongestionControl)
	}
	return nil
}
