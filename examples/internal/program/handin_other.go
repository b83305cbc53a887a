//go:build !unix

package program

import (
	"net"
	"os"

	"myriad/examples/internal/demonet"
)

func handIn(net.Listener) (keep *os.File, err error) { return nil, demonet.ErrNotSupported }

func handedIn() (net.Listener, error) { return nil, nil }
