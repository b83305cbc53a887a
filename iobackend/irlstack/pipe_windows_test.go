package irlstack

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/windows"

	"myriad/iobackend"
)

// Pipe is a StandIn at the other end of a named pipe.
type Pipe struct {
	*StandIn
	Name string

	pipe  windows.Handle
	stop  windows.Handle // event: end what is outstanding
	idle  atomic.Bool    // takes no more requests
	taken chan struct{}  // closed when somebody has opened it
	ended chan error
}

var pipes atomic.Int32

// NewPipe makes the pipe and serves whoever opens it.
func NewPipe(t testing.TB, s *StandIn) *Pipe { return newPipe(t, s, PipeName(), 1) }

// PipeName is a name that no pipe has yet.
func PipeName() string { return fmt.Sprintf(`\\.\pipe\myriad-%d-%d`, os.Getpid(), pipes.Add(1)) }

// ServePipes has a stand-in for each that opens the pipe of the name, until end
// is closed.
func ServePipes(t testing.TB, name string, standIn func() *StandIn, end <-chan struct{}) {
	for {
		p := newPipe(t, standIn(), name, windows.PIPE_UNLIMITED_INSTANCES)
		select {
		case <-p.taken:
		case <-end:
			return
		}
	}
}

// newPipe makes a pipe that so many may have open.
func newPipe(t testing.TB, s *StandIn, pipe string, instances uint32) *Pipe {
	p := &Pipe{StandIn: s, Name: pipe, taken: make(chan struct{}), ended: make(chan error, 1)}
	name, err := windows.UTF16PtrFromString(p.Name)
	require.NoError(t, err)
	p.pipe, err = windows.CreateNamedPipe(name, windows.PIPE_ACCESS_DUPLEX|windows.FILE_FLAG_OVERLAPPED,
		windows.PIPE_TYPE_MESSAGE|windows.PIPE_READMODE_MESSAGE, instances, 1<<20, 1<<20, 0, nil)
	require.NoError(t, err)
	p.stop, err = windows.CreateEvent(nil, 1, 0, nil)
	require.NoError(t, err)
	go func() { p.ended <- p.serve() }()
	t.Cleanup(func() { p.Vanish() })
	return p
}

// Vanish closes the pipe with everything outstanding.
func (p *Pipe) Vanish() {
	if p.ended == nil {
		return
	}
	_ = windows.SetEvent(p.stop)
	<-p.ended
	p.ended = nil
	_ = windows.CloseHandle(p.stop)
}

// Freeze has the stand-in take no further request, and complete none.
func (p *Pipe) Freeze() { p.idle.Store(true) }

var errStopped = errors.New("stopped")

// do runs one overlapped operation to its end.
func (p *Pipe) do(begin func(*windows.Overlapped) error) (int, error) {
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return 0, err
	}
	defer windows.CloseHandle(event)
	o := &windows.Overlapped{HEvent: event}
	if err := begin(o); err != nil && !errors.Is(err, windows.ERROR_IO_PENDING) {
		return 0, err
	}
	which, err := windows.WaitForMultipleObjects([]windows.Handle{event, p.stop}, false, windows.INFINITE)
	if err != nil {
		return 0, err
	}
	if which != windows.WAIT_OBJECT_0 {
		_ = windows.CancelIoEx(p.pipe, o)
	}
	var n uint32
	err = windows.GetOverlappedResult(p.pipe, o, &n, true)
	if which != windows.WAIT_OBJECT_0 {
		err = errStopped
	}
	return int(n), err
}

func (p *Pipe) serve() error {
	defer windows.CloseHandle(p.pipe)
	_, err := p.do(func(o *windows.Overlapped) error { return windows.ConnectNamedPipe(p.pipe, o) })
	if err != nil && !errors.Is(err, windows.ERROR_PIPE_CONNECTED) {
		return err
	}
	close(p.taken)
	buffer := make([]byte, p.requestBytes())
	for registered := false; ; {
		if p.idle.Load() {
			_, _ = windows.WaitForSingleObject(p.stop, windows.INFINITE)
			return errStopped
		}
		n, err := p.do(func(o *windows.Overlapped) error { return windows.ReadFile(p.pipe, buffer, nil, o) })
		if err != nil {
			return err
		}
		up := [][]byte(nil)
		if registered {
			up = p.Down(buffer[:n])
		} else {
			var answer []byte
			answer, registered = p.Control(buffer[:n])
			up = append(up, answer)
		}
		for _, b := range up {
			if err := p.Up(b); err != nil {
				return err
			}
			p.Recycle(b)
		}
	}
}

// Up sends one buffer up.
func (p *Pipe) Up(b []byte) error {
	_, err := p.do(func(o *windows.Overlapped) error { return windows.WriteFile(p.pipe, b, nil, o) })
	return err
}

func openPipe(t *testing.T, s *StandIn) (*Pipe, *Device, iobackend.Queue) {
	t.Helper()
	p := NewPipe(t, s)
	c := testConfig()
	c.Interface = p.Name
	d, err := OpenWith(c, Options{RequestFrames: 8})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return p, d.(*Device), d.Queue(0)
}
