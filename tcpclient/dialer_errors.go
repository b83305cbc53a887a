package tcpclient

import (
	"context"
	"errors"
	"fmt"
	"os"

	"myriad/internal/errno"
)

// timeoutError is what a dial returns whose time has passed: code looks for
// either of the two errors it stands for.
type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
func (timeoutError) Is(target error) bool {
	return target == context.DeadlineExceeded || target == os.ErrDeadlineExceeded
}

// dialCause words an error as the kernel's dialer does.
func dialCause(err error) error {
	switch {
	case err == context.DeadlineExceeded, err == os.ErrDeadlineExceeded:
		return timeoutError{}
	case errors.Is(err, ErrNoRoute):
		return fmt.Errorf("connect: %w (%w)", errno.NetUnreachable, ErrNoRoute)
	}
	return callCause("connect", err)
}

// callCause names the call that an errno belongs to, as the kernel's
// connections do ("read: connection reset by peer").
func callCause(call string, err error) error {
	if errno.Is(err) {
		return os.NewSyscallError(call, err)
	}
	return err
}
