//go:build !linux

package dnsend

import "errors"

// ErrNotSupported: no XDP here.
var ErrNotSupported = errors.New("dnsend: not supported on this system")

// FarEnd is an attached program.
type FarEnd struct{}

// Attach is not supported.
func Attach(Config) (*FarEnd, error) { return nil, ErrNotSupported }

// Counters is not supported.
func (*FarEnd) Counters() (Counters, error) { return Counters{}, ErrNotSupported }

// Close does nothing.
func (*FarEnd) Close() error { return nil }
