//go:build !linux

package farend

import (
	"fmt"
	"io"
	"time"

	"myriad/iobackend"
)

// FarEnd is an attached program; there is none on this system.
type FarEnd struct{}

// Attach returns ErrNotSupported: XDP is Linux's.
func Attach(Config) (*FarEnd, error) {
	return nil, fmt.Errorf("farend: attaching: %w", iobackend.ErrNotSupported)
}

// Counters returns zeros.
func (f *FarEnd) Counters() (Counters, error) { return Counters{}, nil }

// CountTime returns ErrNotSupported.
func CountTime() (io.Closer, error) {
	return nil, fmt.Errorf("farend: counting programs' time: %w", iobackend.ErrNotSupported)
}

// Took returns 0.
func (f *FarEnd) Took() (time.Duration, error) { return 0, nil }

// Close does nothing.
func (f *FarEnd) Close() error { return nil }
