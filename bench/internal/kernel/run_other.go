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

// Programs: none here.
var Programs []string

// Program cannot be had here.
type Program struct{}

// CompileProgram returns an error.
func CompileProgram(string) (*Program, error) { return nil, errNotLinux }

// Close does nothing.
func (p *Program) Close() error { return nil }

// Run returns an error.
func (p *Program) Run(context.Context, Job, func(*exec.Cmd) error) (Result, error) {
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
