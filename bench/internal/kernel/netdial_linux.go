package kernel

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"myriad/bench/internal/usage"
)

// NetDialCommand is the argument with which this program is a client by
// net.Dial, to be passed on to NetDial with those that follow it.
const NetDialCommand = "kernel-netdial"

// Stream is one connection of a client that blocks. Close ends it by FIN, Reset
// by RST, and both give its memory back.
type Stream interface {
	io.ReadWriter
	SetDeadline(time.Time) error
	CloseWrite() error
	Close() error
	Reset() error
}

// Dial opens a connection from an address of ours, whatever the port.
type Dial func(ctx context.Context, from netip.Addr, to netip.AddrPort) (Stream, error)

// dialer is a run by a client that blocks, with a goroutine for each connection
// under way.
type dialer struct {
	dial                             Dial
	source, sources, target, targets uint32
	port                             uint16
	request                          []byte
	replyBytes                       int
	fin                              bool
	count                            uint64

	next, opened, completed           atomic.Uint64
	connect, wrong, reset, unfinished atomic.Uint64
}

// NetDial does what the arguments say, and writes the outcome.
func NetDial(ctx context.Context, args []string, out io.Writer) error {
	late := len(args) == argumentCount && args[requestAt] != "0" && args[separateAt] == "0"
	return RunDial(ctx, args, dialNet(late), out)
}

// RunDial does what the arguments say by dial, and writes the outcome.
func RunDial(ctx context.Context, args []string, dial Dial, out io.Writer) error {
	if len(args) != argumentCount {
		return fmt.Errorf("kernel: this is started by this program itself, with %d arguments", argumentCount)
	}
	var v [argumentCount]uint64
	for k, a := range args {
		n, err := strconv.ParseUint(a, 10, 64)
		if err != nil {
			return fmt.Errorf("kernel: argument %d: %w", k, err)
		}
		v[k] = n
	}
	d := &dialer{
		dial: dial, source: uint32(v[0]), sources: uint32(v[1]), target: uint32(v[2]), targets: uint32(v[3]),
		port: uint16(v[4]), count: v[6], request: make([]byte, v[8]), replyBytes: int(v[9]), fin: v[10] == 1,
	}
	if v[7] > 0 {
		timed, cancel := context.WithTimeout(ctx, time.Duration(v[7]))
		defer cancel()
		ctx = timed
	}
	raiseFiles(v[5] + 64)
	began := time.Now()
	d.run(ctx, int(v[5]), time.Duration(v[13])*time.Millisecond)
	took, used := time.Since(began), usage.Process()
	return json.NewEncoder(out).Encode(outcome{
		Opened: d.opened.Load(), Completed: d.completed.Load(), Nanoseconds: took.Nanoseconds(),
		User: used.User.Microseconds(), System: used.System.Microseconds(),
		FailedBy: map[string]uint64{
			"connect": d.connect.Load(), "wrong reply": d.wrong.Load(),
			"reset": d.reset.Load(), "unfinished": d.unfinished.Load(),
		},
	})
}

// raiseFiles lets the process open that many files; Go leaves the soft limit at
// the hard one, which root may raise.
func raiseFiles(count uint64) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < count {
		// Where it may not, sockets fail, and are counted.
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: count, Max: max(count, limit.Max)})
	}
}

// run has window goroutines open one connection after the other.
func (d *dialer) run(ctx context.Context, window int, drain time.Duration) {
	hard, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drain, cancel) })
	defer stop()
	var wait sync.WaitGroup
	for range window {
		wait.Go(func() {
			buffer := make([]byte, 4096)
			for ctx.Err() == nil {
				n := d.next.Add(1) - 1
				if d.count > 0 && n >= d.count {
					return
				}
				d.opened.Add(1)
				d.one(hard, uint32(n), buffer).Add(1)
			}
		})
	}
	wait.Wait()
}

// one does the job of one connection, and returns the counter of how it ended.
func (d *dialer) one(ctx context.Context, n uint32, buffer []byte) *atomic.Uint64 {
	to := netip.AddrPortFrom(address(d.target+n&d.targets), d.port)
	c, err := d.dial(ctx, address(d.source+n>>8&d.sources), to)
	if err != nil {
		if ctx.Err() != nil {
			return &d.unfinished
		}
		return &d.connect
	}
	cut := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Now()) })
	defer cut()
	if d.fin {
		defer c.Close()
	} else {
		defer c.Reset()
	}
	if len(d.request) > 0 {
		if _, err := c.Write(d.request); err != nil {
			return &d.reset
		}
		if _, err := io.ReadFull(c, buffer[:d.replyBytes]); err != nil {
			return d.failure(err)
		}
	}
	if d.fin {
		if err := c.CloseWrite(); err != nil {
			return &d.reset
		}
		if k, err := c.Read(buffer); k > 0 || !errors.Is(err, io.EOF) {
			return d.failure(err)
		}
	}
	return &d.completed
}

// failure is the counter of a read's error.
func (d *dialer) failure(err error) *atomic.Uint64 {
	switch {
	case err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return &d.wrong
	case errors.Is(err, syscall.ECONNRESET):
		return &d.reset
	default:
		return &d.unfinished
	}
}

func address(n uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, n)))
}

// socket is a connection by net.Dial.
type socket struct{ *net.TCPConn }

// Reset has Close send RST.
func (s socket) Reset() error { return errors.Join(s.SetLinger(0), s.Close()) }

// dialNet dials by net.Dial; late has the handshake's ACK wait for the request.
func dialNet(late bool) Dial {
	return func(ctx context.Context, from netip.Addr, to netip.AddrPort) (Stream, error) {
		local := net.TCPAddr{IP: from.AsSlice()}
		nd := net.Dialer{LocalAddr: &local, Control: control(late), KeepAlive: -1}
		c, err := nd.DialContext(ctx, "tcp4", to.String())
		if err != nil {
			return nil, err
		}
		return socket{c.(*net.TCPConn)}, nil
	}
}

// control leaves the choice of the port to connect, when the peer is known, and
// has the handshake's ACK wait for the request if it is to.
func control(late bool) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) (err error) {
		failure := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			if late {
				err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_QUICKACK, 0))
			}
		})
		return errors.Join(failure, err)
	}
}
