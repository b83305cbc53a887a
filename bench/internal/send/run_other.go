//go:build !linux

package send

import (
	"context"
	"errors"
)

// Run returns an error.
func Run(context.Context, Config) (Result, error) {
	return Result{}, errors.New("send: only Linux has these ways to send")
}
