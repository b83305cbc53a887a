//go:build !linux

package transact

import (
	"context"
	"errors"
	"io"
)

// ServeCommand is without meaning here.
const ServeCommand = "transact-serve"

var errNotLinux = errors.New("transact: only Linux has epoll and network namespaces")

// Serve returns an error.
func Serve([]string, io.Writer) error { return errNotLinux }

// Run returns an error.
func Run(context.Context, Case) (Result, error) {
	return Result{}, errNotLinux
}
