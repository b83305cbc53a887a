//go:build !linux

package tcpclient

import "runtime"

// pin ties the worker to a thread.
func (c *Client) pin(w *Worker) {
	if !w.link.parks {
		runtime.LockOSThread()
	}
}
