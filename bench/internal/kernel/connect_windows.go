package kernel

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/windows"
)

// lease is the socket of a thread that may be blocked in it.
type lease struct {
	mutex  sync.Mutex
	socket windows.Handle // 0: none
}

func (l *lease) set(s windows.Handle) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.socket = s
}

// end closes the socket, unless that was done; any goroutine may call it.
func (l *lease) end() {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.socket != 0 {
		_ = windows.Closesocket(l.socket)
		l.socket = 0
	}
}

// blocking is a thread that opens one connection after the other.
func (w *winsock) blocking(int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var l lease
	stop := context.AfterFunc(w.drained, l.end)
	defer stop()
	request := make([]byte, w.RequestBytes)
	reply := make([]byte, max(w.ReplyBytes, 1))
	for {
		n, ok := w.take()
		if !ok {
			return nil
		}
		s, err := w.socket(n, false)
		if err != nil {
			return err
		}
		l.set(s)
		w.one(s, w.target(n), request, reply).Add(1)
		l.end()
	}
}

// one does the job of one connection, and returns the counter of how it ended.
func (w *winsock) one(s windows.Handle, to windows.Sockaddr, request, reply []byte) *atomic.Uint64 {
	if err := windows.Connect(s, to); err != nil {
		if w.drained.Err() != nil {
			return &w.unfinished
		}
		return &w.connect
	}
	if len(request) > 0 {
		if err := transfer(s, request, func(b *windows.WSABuf, n *uint32) error {
			return windows.WSASend(s, b, 1, n, 0, nil, nil)
		}); err != nil {
			return &w.reset
		}
		err := transfer(s, reply, func(b *windows.WSABuf, n *uint32) error {
			var flags uint32
			return windows.WSARecv(s, b, 1, n, &flags, nil, nil)
		})
		if err != nil {
			return w.failure(ended(err))
		}
	}
	if w.Fin {
		if err := windows.Shutdown(s, windows.SHUT_WR); err != nil {
			return &w.reset
		}
		var n, flags uint32
		err := windows.WSARecv(s, &windows.WSABuf{Len: 1, Buf: &reply[0]}, 1, &n, &flags, nil, nil)
		if err != nil || n > 0 {
			return w.failure(err)
		}
	}
	return &w.completed
}

// transfer moves all of b by calls that move some of it.
func transfer(s windows.Handle, b []byte, call func(*windows.WSABuf, *uint32) error) error {
	for len(b) > 0 {
		var n uint32
		if err := call(&windows.WSABuf{Len: uint32(len(b)), Buf: &b[0]}, &n); err != nil {
			return err
		}
		if n == 0 {
			return windows.ERROR_HANDLE_EOF
		}
		b = b[n:]
	}
	return nil
}

// ended makes of an early end no error.
func ended(err error) error {
	if err == windows.ERROR_HANDLE_EOF {
		return nil
	}
	return err
}
