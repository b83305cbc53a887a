//go:build !linux

package demodns

import (
	"errors"

	"myriad/internal/testbed"
)

var errNotSupported = errors.New("the demo needs Linux; elsewhere give -interface")

// World is the network and its servers.
type World struct {
	Far     *testbed.Namespace
	Program string
}

// Start is not supported.
func Start(*testbed.Namespace, Tree, bool) (*World, error) { return nil, errNotSupported }

// Stop does nothing.
func (w *World) Stop() error { return nil }

// IsServer is false.
func IsServer() bool { return false }

// ServeForever is not supported.
func ServeForever() error { return errNotSupported }
