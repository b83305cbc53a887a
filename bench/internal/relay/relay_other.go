//go:build !linux

package relay

import "errors"

// Relay is only on Linux.
type Relay struct{}

// New is not supported.
func New(first, second string, seed uint64) (*Relay, error) {
	return nil, errors.New("relay: packet sockets are Linux's alone")
}

// Set does nothing.
func (r *Relay) Set(way int, i Impairment) {}

// Fates are none.
func (r *Relay) Fates(way int) Fates { return Fates{} }

// Close does nothing.
func (r *Relay) Close() error { return nil }
