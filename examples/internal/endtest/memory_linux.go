package endtest

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

var residentMost = regexp.MustCompile(`VmHWM:\s+([0-9]+) kB`)

// Wait waits for a command that was started, and returns the most memory that
// was resident of it, in KiB, as seen while it ran. What the system accounts to
// a process that has ended is no less than what its parent had.
func Wait(cmd *exec.Cmd) (memory int64, err error) {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	status := fmt.Sprintf("/proc/%d/status", cmd.Process.Pid)
	for {
		select {
		case err := <-ended:
			return memory, err
		case <-time.After(20 * time.Millisecond):
		}
		text, _ := os.ReadFile(status)
		if m := residentMost.FindSubmatch(text); m != nil {
			memory, _ = strconv.ParseInt(string(m[1]), 10, 64)
		}
	}
}
