package kernel

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"time"

	"myriad/bench/internal/usage"
)

// ErrNoCompiler: there is none to make the C client with.
var ErrNoCompiler = errors.New("no C compiler: install gcc or clang")

// ErrNoRing: the kernel gives no io_uring.
var ErrNoRing = errors.New("no io_uring")

// Job is what the connections of a run do. Sources and Targets are IPv4.
type Job struct {
	Sources, Targets         netip.Prefix
	Port                     uint16
	Window                   int // connections under way at one time, over all processes
	Count                    int // connections to open; 0 is without limit
	Duration                 time.Duration
	RequestBytes, ReplyBytes int
	Fin                      bool
	// Separate has the request follow the handshake's ACK in a frame of its own
	// instead of going with it.
	Separate  bool
	Processes int
	// Rate is the new connections a second, over all processes, by the clock; 0
	// is without limit. Only epoll keeps one.
	Rate float64
}

// Result is what a run measured.
type Result struct {
	Opened, Completed uint64
	FailedBy          map[string]uint64
	// Elapsed is the longest of the processes' times, from the first
	// connection to the end of the last.
	Elapsed time.Duration
	Process usage.CPU // of all the processes
	Machine usage.Whole
}

// outcome is what one process reports, in one line of JSON.
type outcome struct {
	Opened       uint64            `json:"opened"`
	Completed    uint64            `json:"completed"`
	FailedBy     map[string]uint64 `json:"failed_by"`
	Nanoseconds  int64             `json:"nanoseconds"`
	User, System int64             // microseconds
}

func (r *Result) add(o *outcome) {
	r.Opened += o.Opened
	r.Completed += o.Completed
	for name, n := range o.FailedBy {
		if n > 0 {
			r.FailedBy[name] += n
		}
	}
	r.Elapsed = max(r.Elapsed, time.Duration(o.Nanoseconds))
	r.Process.User += time.Duration(o.User) * time.Microsecond
	r.Process.System += time.Duration(o.System) * time.Microsecond
}

// argumentCount is the number of arguments that a process is started with.
const argumentCount = 16

// The places of two of them.
const (
	requestAt  = 8
	separateAt = 14
)

// arguments are those of process k, in the order in which client.h and netdial
// read them.
func (j *Job) arguments(k int) []string {
	n := uint64(j.Processes)
	count := uint64(j.Count) / n
	if uint64(k) < uint64(j.Count)%n {
		count++
	}
	var args []string
	for _, v := range [argumentCount]uint64{
		number(j.Sources.Masked().Addr()), hosts(j.Sources),
		number(j.Targets.Masked().Addr()), hosts(j.Targets), uint64(j.Port),
		max(uint64(j.Window)/n, 1), count, uint64(j.Duration.Nanoseconds()),
		uint64(j.RequestBytes), uint64(j.ReplyBytes), flag(j.Fin),
		uint64(k), n, drainMilliseconds, flag(j.Separate), uint64(j.Rate / float64(n)),
	} {
		args = append(args, strconv.FormatUint(v, 10))
	}
	return args
}

func flag(set bool) uint64 {
	if set {
		return 1
	}
	return 0
}

// drainMilliseconds bounds the wait for connections under way when the time is
// up.
const drainMilliseconds = 5000

func number(a netip.Addr) uint64 {
	b := a.As4()
	return uint64(binary.BigEndian.Uint32(b[:]))
}

// hosts is the mask of the part of a prefix that varies.
func hosts(p netip.Prefix) uint64 { return uint64(1)<<(32-p.Bits()) - 1 }
