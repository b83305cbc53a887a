//go:build !windows

package kernel

import (
	"context"
	"errors"
)

// RunWinsock returns an error.
func RunWinsock(context.Context, string, Job) (Result, error) {
	return Result{}, errors.New("kernel: only Windows has Winsock")
}
