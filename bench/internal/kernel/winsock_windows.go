package kernel

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/windows"

	"myriad/bench/internal/usage"
)

// winsock is a run by Windows' own TCP.
type winsock struct {
	*Job
	ctx     context.Context // over when no more are to be opened
	drained context.Context // over when those under way are given up

	next, opened, completed           atomic.Uint64
	connect, wrong, reset, unfinished atomic.Uint64
}

// RunWinsock does a job in this process, by one of two methods: "connect", in
// which each of Processes threads makes a socket, connects it, and closes it
// by closesocket; and "connectex", in which each of them has its share of
// Window sockets on a completion port, connects them by ConnectEx and has
// DisconnectEx make them ready for the next. Without Sources Windows chooses
// the address.
func RunWinsock(ctx context.Context, method string, j Job) (Result, error) {
	r := Result{FailedBy: make(map[string]uint64)}
	if j.Processes < 1 || j.Window < j.Processes || j.Count == 0 && j.Duration <= 0 {
		return r, fmt.Errorf("kernel: Processes %d, Window %d, Count %d, Duration %v: each thread needs a window, and something must end it",
			j.Processes, j.Window, j.Count, j.Duration)
	}
	if j.Duration > 0 {
		timed, cancel := context.WithTimeout(ctx, j.Duration)
		defer cancel()
		ctx = timed
	}
	drained, give := context.WithCancel(context.WithoutCancel(ctx))
	defer give()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(drainMilliseconds*time.Millisecond, give) })
	defer stop()
	w := &winsock{Job: &j, ctx: ctx, drained: drained}
	thread := w.blocking
	if method == "connectex" {
		thread = w.overlapped
	}
	process, machine, began := usage.Process(), usage.Machine(), time.Now()
	errs := make([]error, j.Processes)
	var wait sync.WaitGroup
	for k := range j.Processes {
		wait.Go(func() { errs[k] = thread(k) })
	}
	wait.Wait()
	r.Elapsed = time.Since(began)
	r.Process, r.Machine = usage.Process().Since(process), usage.Machine().Since(machine)
	r.Opened, r.Completed = w.opened.Load(), w.completed.Load()
	for name, n := range map[string]uint64{
		"connect": w.connect.Load(), "wrong reply": w.wrong.Load(), "reset": w.reset.Load(), "unfinished": w.unfinished.Load(),
	} {
		if n > 0 {
			r.FailedBy[name] = n
		}
	}
	for _, err := range errs {
		if err != nil {
			return r, fmt.Errorf("kernel: %s: %w", method, err)
		}
	}
	return r, nil
}

// take gives out the number of a connection to be opened, until there are
// enough.
func (w *winsock) take() (n uint32, ok bool) {
	if w.ctx.Err() != nil {
		return 0, false
	}
	k := w.next.Add(1) - 1
	if w.Count > 0 && k >= uint64(w.Count) {
		return 0, false
	}
	w.opened.Add(1)
	return uint32(k), true
}

// target is the n-th connection's.
func (w *winsock) target(n uint32) *windows.SockaddrInet4 {
	to := windows.SockaddrInet4{Port: int(w.Port)}
	binary.BigEndian.PutUint32(to.Addr[:], uint32(number(w.Targets.Masked().Addr()))+n&uint32(hosts(w.Targets)))
	return &to
}

// socket makes the n-th connection's. bind gives it an address also where
// Windows is to choose which.
func (w *winsock) socket(n uint32, bind bool) (windows.Handle, error) {
	s, err := windows.Socket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP)
	if err != nil {
		return 0, fmt.Errorf("make a socket: %w", err)
	}
	var from windows.SockaddrInet4
	if w.Sources.IsValid() {
		binary.BigEndian.PutUint32(from.Addr[:], uint32(number(w.Sources.Masked().Addr()))+n>>8&uint32(hosts(w.Sources)))
		bind = true
	}
	if bind {
		err = windows.Bind(s, &from)
	}
	if err == nil && !w.Fin { // it ends by RST
		err = windows.SetsockoptLinger(s, windows.SOL_SOCKET, windows.SO_LINGER, &windows.Linger{Onoff: 1})
	}
	if err != nil {
		_ = windows.Closesocket(s)
		return 0, fmt.Errorf("a socket from %v: %w", windows.Sockaddr(&from), err)
	}
	return s, nil
}

// failure is the counter of an error on a connection that stood.
func (w *winsock) failure(err error) *atomic.Uint64 {
	switch {
	case w.drained.Err() != nil:
		return &w.unfinished
	case err == nil:
		return &w.wrong
	default:
		return &w.reset
	}
}
