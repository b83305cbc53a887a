//go:build !linux

package scannet

import (
	"io"

	"myriad/examples/internal/demonet"
)

// World is the demo's network and its far end.
type World struct{}

// Start is not supported.
func Start(Config) (*World, error) { return nil, demonet.ErrNotSupported }

// Stop does nothing.
func (w *World) Stop() (Result, error) { return Result{}, nil }

// IsServer is false.
func IsServer() bool { return false }

// Serve is not supported.
func Serve(io.Reader, io.Writer) error { return demonet.ErrNotSupported }
