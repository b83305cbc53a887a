package kernel

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// stage is what a slot's outstanding call does.
type stage uint8

const (
	idle stage = iota
	connecting
	replying
	finishing // our FIN is sent, the peer's awaited
	leaving   // DisconnectEx
)

// slot is one connection at a time, on one socket where Windows lets it be
// used again.
type slot struct {
	overlapped windows.Overlapped // first: a completion finds the slot by it
	stage      stage
	socket     windows.Handle // 0: none
	received   int
	moved      uint32
	flags      uint32
	buffer     windows.WSABuf
	reply      []byte
}

// overlappedClient is a thread with its completion port.
type overlappedClient struct {
	*winsock
	port    windows.Handle
	slots   []slot
	active  int
	request []byte
}

// overlapped is a thread with its share of Window connections at once.
func (w *winsock) overlapped(k int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	disconnect, err := loadDisconnectEx()
	if err != nil {
		return err
	}
	port, err := windows.CreateIoCompletionPort(windows.InvalidHandle, 0, 0, 1)
	if err != nil {
		return fmt.Errorf("make a completion port: %w", err)
	}
	c := &overlappedClient{winsock: w, port: port, request: make([]byte, w.RequestBytes)}
	c.slots = make([]slot, max(w.Window/w.Processes, 1))
	var pinner runtime.Pinner
	pinner.Pin(&c.slots[0])
	defer pinner.Unpin()
	defer c.close()
	for k := range c.slots {
		s := &c.slots[k]
		s.reply = make([]byte, max(w.ReplyBytes, 1))
		if err := c.begin(s); err != nil {
			return err
		}
	}
	return c.run(disconnect)
}

// run follows the completions until nothing is under way.
func (c *overlappedClient) run(disconnect uintptr) error {
	const look = 100 // milliseconds between two looks at the time
	for c.active > 0 {
		var o *windows.Overlapped
		var n uint32
		var key uintptr
		err := windows.GetQueuedCompletionStatus(c.port, &n, &key, &o, look)
		if o == nil {
			if c.drained.Err() != nil {
				return nil // close ends them
			}
			if err != nil && !errors.Is(err, syscall.Errno(windows.WAIT_TIMEOUT)) {
				return fmt.Errorf("completion port: %w", err)
			}
			continue
		}
		if err := c.step((*slot)(unsafe.Pointer(o)), int(n), err, disconnect); err != nil {
			return err
		}
	}
	return nil
}

// begin opens the slot's next connection.
func (c *overlappedClient) begin(s *slot) error {
	for {
		n, ok := c.take()
		if !ok {
			s.stage = idle
			return nil
		}
		again := s.socket != 0
		err := c.begun(c.dial(s, n))
		if err != nil && again { // a system that does not let sockets be used again
			s.drop()
			err = c.begun(c.dial(s, n))
		}
		if err == nil {
			return nil
		}
		if s.socket == 0 {
			return err // there was none to be had
		}
		s.drop()
		c.connect.Add(1)
	}
}

// dial begins to connect, with the request as the connection's first bytes.
func (c *overlappedClient) dial(s *slot, n uint32) error {
	if s.socket == 0 {
		if err := c.equip(s, n); err != nil {
			return err
		}
	}
	s.stage, s.received, s.overlapped = connecting, 0, windows.Overlapped{}
	var data *byte
	if len(c.request) > 0 {
		data = &c.request[0]
	}
	return windows.ConnectEx(s.socket, c.target(n), data, uint32(len(c.request)), &s.moved, &s.overlapped)
}

// equip makes a socket, which ConnectEx wants bound.
func (c *overlappedClient) equip(s *slot, n uint32) (err error) {
	if s.socket, err = c.winsock.socket(n, true); err != nil {
		s.socket = 0
		return err
	}
	_, err = windows.CreateIoCompletionPort(s.socket, c.port, 0, 0)
	return err
}

// step goes on with a slot whose call has ended with n bytes.
func (c *overlappedClient) step(s *slot, n int, failed error, disconnect uintptr) error {
	c.active--
	switch s.stage {
	case connecting:
		if failed != nil {
			return c.give(s, &c.connect)
		}
		failed = windows.Setsockopt(s.socket, windows.SOL_SOCKET, windows.SO_UPDATE_CONNECT_CONTEXT, nil, 0)
		if failed == nil && c.ReplyBytes > 0 {
			failed = c.await(s, replying)
		} else if failed == nil {
			failed = c.leave(s, disconnect)
		}
	case replying:
		s.received += n
		switch {
		case failed != nil:
		case n == 0:
			return c.give(s, &c.wrong)
		case s.received < c.ReplyBytes:
			failed = c.await(s, replying)
		default:
			failed = c.leave(s, disconnect)
		}
	case finishing:
		if failed == nil && n > 0 {
			return c.give(s, &c.wrong)
		}
		if failed == nil {
			failed = c.disconnect(s, disconnect)
		}
	case leaving:
		c.completed.Add(1)
		if failed != nil {
			s.drop() // not fit to be used again
		}
		return c.begin(s)
	}
	if failed != nil {
		return c.give(s, c.failure(failed))
	}
	return nil
}

// give counts a connection that failed, and goes on with the next.
func (c *overlappedClient) give(s *slot, counter *atomic.Uint64) error {
	counter.Add(1)
	s.drop()
	return c.begin(s)
}

// await begins to receive the rest of the reply, or the peer's FIN.
func (c *overlappedClient) await(s *slot, next stage) error {
	rest := s.reply
	if next == replying {
		rest = s.reply[s.received:]
	}
	s.stage, s.flags, s.overlapped = next, 0, windows.Overlapped{}
	s.buffer = windows.WSABuf{Len: uint32(len(rest)), Buf: &rest[0]}
	return c.begun(windows.WSARecv(s.socket, &s.buffer, 1, &s.moved, &s.flags, &s.overlapped, nil))
}

// leave ends the connection: by FIN both ways, or at once.
func (c *overlappedClient) leave(s *slot, disconnect uintptr) error {
	if !c.Fin {
		return c.disconnect(s, disconnect)
	}
	if err := windows.Shutdown(s.socket, windows.SHUT_WR); err != nil {
		return err
	}
	return c.await(s, finishing)
}

// disconnect makes the socket ready for another connection.
func (c *overlappedClient) disconnect(s *slot, proc uintptr) error {
	s.stage, s.overlapped = leaving, windows.Overlapped{}
	ok, _, code := syscall.SyscallN(proc, uintptr(s.socket), uintptr(unsafe.Pointer(&s.overlapped)), windows.TF_REUSE_SOCKET, 0)
	if ok != 0 {
		return c.begun(nil)
	}
	return c.begun(code)
}

func (c *overlappedClient) begun(err error) error {
	if err == nil || errors.Is(err, windows.ERROR_IO_PENDING) {
		c.active++
		return nil
	}
	return err
}

// drop closes the slot's socket.
func (s *slot) drop() {
	if s.socket != 0 {
		_ = windows.Closesocket(s.socket)
		s.socket = 0
	}
}

// close ends what is under way, and waits for its end, since its memory is
// Windows' until then.
func (c *overlappedClient) close() {
	c.unfinished.Add(uint64(c.active))
	for k := range c.slots {
		c.slots[k].drop()
	}
	for c.active > 0 {
		var o *windows.Overlapped
		var n uint32
		var key uintptr
		if err := windows.GetQueuedCompletionStatus(c.port, &n, &key, &o, drainMilliseconds); o == nil && err != nil {
			break
		}
		c.active--
	}
	_ = windows.CloseHandle(c.port)
}

// loadDisconnectEx asks Winsock where the function is.
func loadDisconnectEx() (uintptr, error) {
	s, err := windows.Socket(windows.AF_INET, windows.SOCK_STREAM, windows.IPPROTO_TCP)
	if err != nil {
		return 0, err
	}
	defer windows.Closesocket(s)
	id := windows.GUID{Data1: 0x7fda2e11, Data2: 0x8630, Data3: 0x436f, Data4: [8]byte{0xa0, 0x31, 0xf5, 0x36, 0xa6, 0xee, 0xc1, 0x57}} // WSAID_DISCONNECTEX
	var proc uintptr
	var n uint32
	err = windows.WSAIoctl(s, windows.SIO_GET_EXTENSION_FUNCTION_POINTER, (*byte)(unsafe.Pointer(&id)), uint32(unsafe.Sizeof(id)),
		(*byte)(unsafe.Pointer(&proc)), uint32(unsafe.Sizeof(proc)), &n, nil, 0)
	if err != nil {
		return 0, fmt.Errorf("find DisconnectEx: %w", err)
	}
	return proc, nil
}
