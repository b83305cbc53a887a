//go:build !linux

package netstack

import (
	"context"
	"errors"
	"io"
)

// Run returns an error.
func Run(context.Context, []string, io.Writer) error {
	return errors.New("netstack: only Linux has AF_PACKET")
}
