//go:build !linux

package demonet

import (
	"io"

	"myriad/examples/internal/demoweb"
)

// World is the demo's network and its server.
type World struct{}

// Enter is not supported.
func Enter() (exitCode int, err error) { return 0, ErrNotSupported }

// Inside is false.
func Inside() bool { return false }

// Privileged is false.
func Privileged() bool { return false }

// Start is not supported.
func Start(demoweb.Web) (*World, error) { return nil, ErrNotSupported }

// Stop does nothing.
func (w *World) Stop() (Result, error) { return Result{}, nil }

// IsServer is false.
func IsServer() bool { return false }

// Serve is not supported.
func Serve(io.Reader, io.Writer) error { return ErrNotSupported }
