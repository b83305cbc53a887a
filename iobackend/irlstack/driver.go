package irlstack

import "time"

// driver moves whole request buffers to and from the driver in the kernel. A
// request has a number, chosen by the caller, which has at most one request
// outstanding; its buffer is the driver's from read or write until it was
// completed. One goroutine calls it, but for wake.
type driver interface {
	// control asks something before the first request, and waits for the
	// answer.
	control(message, answer []byte) (int, error)
	// read and write begin a request. With an error it has not begun.
	read(number int, buffer []byte) error
	write(number int, buffer []byte) error
	// completed collects requests that have ended, and wakes; while there are
	// none it waits for at most wait. The error says that the driver cannot be
	// asked any more.
	completed(done []completion, wait time.Duration) (int, error)
	// wake ends the present or the next wait. Any goroutine may call it until
	// close.
	wake()
	// cancel ends all outstanding requests, which are then completed with an
	// error.
	cancel()
	// close gives the handle back. No request is outstanding any more, or, if
	// some are, their memory is never used again.
	close() error
}

// woken stands for a wake among completions.
const woken = -1

// completion is how a request ended.
type completion struct {
	number int   // of the request, or woken
	bytes  int   // that were moved
	err    error // errTruncated, iobackend.ErrDeviceGone wrapped, or another
}
