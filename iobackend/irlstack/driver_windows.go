package irlstack

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"myriad/iobackend"
)

// Completion keys.
const (
	keyRequest = 1
	keyWake    = 2
)

// handle is the driver's handle with its completion port.
type handle struct {
	file, port windows.Handle
	name       string
	pipe       bool
	operations []operationState
	entries    [completionsMax]entry
	entryCount uint32
	pinner     runtime.Pinner
}

var _ driver = (*handle)(nil)

// operationState is a request as Windows sees it, which names it by the
// address of its first field: it must stay where it is while the request is
// outstanding.
type operationState struct {
	overlapped windows.Overlapped
	number     int
}

// controlLimit is how long the driver may take for a control message.
const controlLimit = 5 * time.Second

// control asks the driver and waits for the answer on the completion port:
// nothing else is outstanding yet.
func (h *handle) control(message, answer []byte) (int, error) {
	code := uint32(ioctlControl)
	if h.pipe {
		code = ioctlPipe
	}
	o := &h.operations[0]
	o.overlapped = windows.Overlapped{}
	var count uint32
	err := windows.DeviceIoControl(h.file, code, &message[0], uint32(len(message)), &answer[0], uint32(len(answer)), &count, &o.overlapped)
	if err != nil && !errors.Is(err, windows.ERROR_IO_PENDING) {
		return 0, h.explainControl(err)
	}
	var done [1]completion
	n, err := h.completed(done[:], controlLimit)
	if n == 0 && err == nil {
		h.cancel()
		if n, err = h.completed(done[:], controlLimit); n == 0 || done[0].err != nil {
			return 0, fmt.Errorf("%s: the driver does not answer: restart it", h.name)
		}
	}
	if err == nil {
		err = done[0].err
	}
	if err != nil {
		return 0, h.explainControl(err)
	}
	return done[0].bytes, nil
}

// explainControl says why the driver cannot be asked.
func (h *handle) explainControl(err error) error {
	if errors.Is(err, windows.ERROR_INVALID_FUNCTION) || errors.Is(err, windows.ERROR_NOT_SUPPORTED) {
		return fmt.Errorf("%s: %w: it does not know this program's control code: %s: %w", h.name, ErrVersion, remedy, err)
	}
	return fmt.Errorf("%s: ask the driver: %w", h.name, err)
}

// read begins a ReadFile.
func (h *handle) read(number int, buffer []byte) error {
	o := &h.operations[number]
	o.overlapped = windows.Overlapped{}
	return h.begun(windows.ReadFile(h.file, buffer, nil, &o.overlapped))
}

// write begins a WriteFile.
func (h *handle) write(number int, buffer []byte) error {
	o := &h.operations[number]
	o.overlapped = windows.Overlapped{}
	return h.begun(windows.WriteFile(h.file, buffer, nil, &o.overlapped))
}

// begun tells whether a request has begun: also one that has ended at once is
// completed through the port, with all its bytes or with those that its buffer
// holds.
func (h *handle) begun(err error) error {
	if err == nil || errors.Is(err, windows.ERROR_IO_PENDING) || errors.Is(err, windows.ERROR_MORE_DATA) {
		return nil
	}
	return h.translate(err)
}

// entry is OVERLAPPED_ENTRY of minwinbase.h.
type entry struct {
	key        uintptr
	overlapped *operationState
	internal   uintptr
	bytes      uint32
}

var collectProc = kernel32.NewProc("GetQueuedCompletionStatusEx")

// completed collects from the completion port, in one call: x/sys has only the
// call for one at a time, which besides allocates an error when there is none.
func (h *handle) completed(done []completion, wait time.Duration) (count int, err error) {
	entries := h.entries[:min(len(done), len(h.entries))]
	ok, _, code := syscall.SyscallN(collectProc.Addr(), uintptr(h.port), uintptr(unsafe.Pointer(&entries[0])),
		uintptr(len(entries)), uintptr(unsafe.Pointer(&h.entryCount)), uintptr(milliseconds(wait)), 0)
	if ok == 0 {
		if code == windows.WAIT_TIMEOUT {
			return 0, nil
		}
		return 0, fmt.Errorf("%s: completion port: %w: %w", h.name, iobackend.ErrDeviceGone, code)
	}
	for k := range entries[:h.entryCount] {
		e := &entries[k]
		if e.key == keyWake {
			done[count] = completion{number: woken}
			count++
			continue
		}
		c := completion{number: e.overlapped.number, bytes: int(e.bytes)}
		if status := windows.NTStatus(e.overlapped.overlapped.Internal); status != 0 {
			c.err = h.translate(status.Errno())
		}
		done[count] = c
		count++
		e.overlapped = nil
	}
	return count, nil
}

// milliseconds rounds up, so that a deadline has come when the wait is over.
func milliseconds(wait time.Duration) uint32 {
	const longest = time.Hour
	return uint32((min(max(wait, 0), longest) + time.Millisecond - 1) / time.Millisecond)
}

// translate names the errors that mean more than one request.
func (h *handle) translate(err error) error {
	var code windows.Errno
	if err == nil || !errors.As(err, &code) {
		return err
	}
	switch code {
	case windows.ERROR_MORE_DATA:
		return errTruncated
	case windows.ERROR_BROKEN_PIPE, windows.ERROR_NO_DATA, windows.ERROR_PIPE_NOT_CONNECTED, windows.ERROR_BAD_PIPE,
		windows.ERROR_DEVICE_NOT_CONNECTED, windows.ERROR_DEVICE_REMOVED, windows.ERROR_DEV_NOT_EXIST,
		windows.ERROR_NO_SUCH_DEVICE, windows.ERROR_INVALID_HANDLE, windows.ERROR_HANDLE_EOF, windows.ERROR_FILE_NOT_FOUND:
		return fmt.Errorf("%s: %w: %w", h.name, iobackend.ErrDeviceGone, err)
	}
	return err
}

// wake ends the present or the next wait.
func (h *handle) wake() { _ = windows.PostQueuedCompletionStatus(h.port, 0, keyWake, nil) }

// cancel ends all outstanding requests.
func (h *handle) cancel() { _ = windows.CancelIoEx(h.file, nil) }

// close closes the handle and its port.
func (h *handle) close() error {
	_ = windows.TimeEndPeriod(1)
	err := errors.Join(windows.CloseHandle(h.file), windows.CloseHandle(h.port))
	h.pinner.Unpin()
	return err
}
