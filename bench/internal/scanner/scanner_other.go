//go:build !linux

package scanner

import (
	"context"
	"os/exec"
)

// Tools: none here.
var Tools []string

// Find returns ErrMissing.
func Find(string) (string, error) { return "", ErrMissing }

// Run returns ErrMissing.
func Run(context.Context, string, Job, func(*exec.Cmd) error) (Result, error) {
	return Result{}, ErrMissing
}
