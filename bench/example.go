package main

import (
	"bytes"
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
	if _, err := exec.LookPath("go"); err != nil {
		os.RemoveAll(dir)
		return "", "", fmt.Errorf("build examples/%s: %w: install Go, or add where it is to PATH", name, err)
	}
	if text, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "myriad/examples/"+name).CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", "", fmt.Errorf("build examples/%s, which needs to run within the repository: %w: %s", name, err, bytes.TrimSpace(text))
	}
	return dir, binary, nil
}
