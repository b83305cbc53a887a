package scanner

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"myriad/bench/internal/usage"
)

// ErrMissing: the tool is not installed.
var ErrMissing = errors.New("not installed: install its package, and have it in PATH")

// Job is what a tool is to do. Sources and Targets are IPv4.
type Job struct {
	Interface        string
	Gateway          net.HardwareAddr
	Sources, Targets netip.Prefix
	Port             uint16
	Count            int // SYNs to send; 0 is without limit
	Duration         time.Duration
	// Threads send, where the tool can have several.
	Threads int
	// SYNs is how many the far end has counted.
	SYNs func() (uint64, error)
}

// Result is what a run measured.
type Result struct {
	Elapsed  time.Duration // from the first SYN to the last
	Answered uint64        // by what the tool says
	// Process and Machine cover the tool's start and its wait for late answers
	// too.
	Process usage.CPU
	Machine usage.Whole
}
