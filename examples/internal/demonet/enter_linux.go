package demonet

import (
	"fmt"
	"os"
	"syscall"

	"myriad/examples/internal/farside"
	"myriad/internal/testbed"
)

// insideMark is in the environment of a process that Enter has moved.
const insideMark = "MYRIAD_DEMO_INSIDE"

// Inside reports whether the process is in the near namespace.
func Inside() bool { return os.Getenv(insideMark) != "" }

// Privileged reports whether the process has the rights of root, rather than
// those of root in a user namespace.
func Privileged() bool { return testbed.Privileged() }

// Enter executes the process anew inside the near namespace. With the rights
// of root the process stays the same one and Enter does not return; without
// them it is a child in a user namespace, and Enter returns its exit code.
// The error says what the system does not allow.
func Enter() (exitCode int, err error) {
	mark := insideMark + "=1"
	if !testbed.Privileged() {
		return testbed.ReexecUnprivileged(mark)
	}
	near, err := testbed.NewNamespace()
	if err != nil {
		return 0, err
	}
	defer near.Close()
	// The thread that executes becomes the process, and its namespace the
	// process's.
	err = near.Do(func() error {
		return syscall.Exec(farside.Executable(), os.Args, append(os.Environ(), mark))
	})
	return 0, fmt.Errorf("demonet: execute anew: %w", err)
}
