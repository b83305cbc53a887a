//go:build !linux

package kernel

import (
	"context"
	"errors"
	"io"
	"os/exec"
)

var errNotLinux = errors.New("kernel: only Linux has epoll and network namespaces")

// NetDialCommand is without meaning here.
const NetDialCommand = "kernel-netdial"

// Epoll cannot be had here.
type Epoll struct{}

// CompileEpoll returns an error.
func CompileEpoll() (*Epoll, error) { return nil, errNotLinux }

// Close does nothing.
func (e *Epoll) Close() error { return nil }

// Run returns an error.
func (e *Epoll) Run(context.Context, Job, func(*exec.Cmd) error) (Result, error) {
	return Result{}, errNotLinux
}

// RunNetDial returns an error.
func RunNetDial(context.Context, Job, func(*exec.Cmd) error) (Result, error) {
	return Result{}, errNotLinux
}

// RunSelf returns an error.
func RunSelf(context.Context, string, Job, func(*exec.Cmd) error) (Result, error) {
	return Result{}, errNotLinux
}

// NetDial returns an error.
func NetDial(context.Context, []string, io.Writer) error { return errNotLinux }
