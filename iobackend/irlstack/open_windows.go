package irlstack

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// Open opens the driver for the interface with the given name, as "Ethernet".
// A name that begins with \\.\ is the device's own, or a named pipe's on which
// a stand-in speaks for the driver.
func Open(c iobackend.Config) (iobackend.Device, error) { return OpenWith(c, Options{}) }

// OpenWith is Open with options of this backend's.
func OpenWith(c iobackend.Config, o Options) (iobackend.Device, error) {
	if err := withDefaults(&c, &o); err != nil {
		return nil, err
	}
	path, index := c.Interface, uint32(0)
	if !strings.HasPrefix(path, localPrefix) {
		info, err := netinfo.Lookup(c.Interface)
		if err != nil {
			return nil, fmt.Errorf("irlstack: open: %w", err)
		}
		path, index = devicePath, uint32(info.Index)
	}
	d, err := openDriver(path, c.ReceiveFrames/o.RequestFrames+c.SendFrames)
	if err != nil {
		return nil, fmt.Errorf("irlstack: open: %w", err)
	}
	dev, err := newDevice(d, c, o, index)
	if err != nil {
		return nil, err
	}
	return dev, nil
}

// openDriver opens the driver's handle for the given number of requests, and
// ties it to a completion port.
func openDriver(path string, requests int) (d *handle, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, fmt.Errorf("%q cannot be a device's name: %w", path, err)
	}
	d = &handle{pipe: strings.HasPrefix(strings.ToLower(path), pipePrefix), name: path, operations: make([]operationState, requests)}
	d.file, err = windows.CreateFile(name, windows.GENERIC_READ|windows.GENERIC_WRITE, 0, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_OVERLAPPED, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	defer func() {
		if err != nil {
			_ = windows.CloseHandle(d.file)
		}
	}()
	if d.pipe { // a request is a message
		mode := uint32(windows.PIPE_READMODE_MESSAGE)
		if err = windows.SetNamedPipeHandleState(d.file, &mode, nil, nil); err != nil {
			return nil, fmt.Errorf("%s: read messages: %w", path, err)
		}
	}
	if d.port, err = windows.CreateIoCompletionPort(d.file, 0, keyRequest, 1); err != nil {
		return nil, fmt.Errorf("%s: make a completion port: %w", path, err)
	}
	for k := range d.operations {
		d.operations[k].number = k
	}
	d.pinner.Pin(&d.operations[0])
	_ = windows.TimeBeginPeriod(1) // without it Wait's grain is 15 ms
	return d, nil
}

// explain says in one sentence why the device cannot be opened, and what to
// do.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND), errors.Is(err, windows.ERROR_PATH_NOT_FOUND):
		return fmt.Errorf("%s: %w: install the IRLstack driver and start it: %w", path, ErrMissing, err)
	case errors.Is(err, windows.ERROR_ACCESS_DENIED): // also what an exclusive device says to the second who opens it
		return fmt.Errorf("%s: Windows denies access to the driver: run as administrator, and end any other program that uses it: %w", path, err)
	case errors.Is(err, windows.ERROR_PIPE_BUSY), errors.Is(err, windows.ERROR_SHARING_VIOLATION), errors.Is(err, windows.ERROR_BUSY):
		return fmt.Errorf("%s: %w: end that program: %w", path, ErrBusy, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}
