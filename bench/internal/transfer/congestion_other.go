//go:build !linux

package transfer

import "syscall"

func congestionControl(string) func(network, address string, c syscall.RawConn) error { return nil }
