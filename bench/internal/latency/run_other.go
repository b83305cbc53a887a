//go:build !linux

package latency

import "context"

// Run returns ErrNotSupported.
func Run(context.Context, Case, func(*Result) error) error { return ErrNotSupported }
