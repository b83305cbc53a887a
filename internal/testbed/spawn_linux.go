package testbed

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
)

// spawner starts commands from one thread that lives as long as the process:
// the kernel sends a parent-death signal when the thread that forked ends, so
// a thread that may end earlier would kill its children.
var spawner = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Start starts cmd inside the namespace. It is killed when this process dies, or
// gets what cmd.SysProcAttr.Pdeathsig says.
func (ns *Namespace) Start(cmd *exec.Cmd) error {
	done := make(chan error)
	spawner() <- func() {
		done <- ns.Do(func() error {
			if cmd.SysProcAttr == nil {
				cmd.SysProcAttr = &syscall.SysProcAttr{}
			}
			if cmd.SysProcAttr.Pdeathsig == 0 {
				cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
			}
			return cmd.Start()
		})
	}
	if err := <-done; err != nil {
		return fmt.Errorf("testbed: start %s: %w", cmd.Path, err)
	}
	return nil
}
