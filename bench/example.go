package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// buildExample builds examples/NAME, to be measured as a process of its own,
// into a folder, which is the caller's to remove.
func buildExample(ctx context.Context, name string) (dir, binary string, err error) {
	if dir, err = os.MkdirTemp("", "myriad-bench-"); err != nil {
		return "", "", err
	}
	binary = filepath.Join(dir, name)
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "myriad/examples/"+name).CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", "", fmt.Errorf("build examples/%s: %w: %s", name, err, text)
	}
	return dir, binary, nil
}
