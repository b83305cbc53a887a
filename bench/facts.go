package main

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"myriad/bench/internal/page"
)

// facts describe the machine and the run.
func facts(began time.Time) []page.Fact {
	return []page.Fact{
		{Name: "Measured", Value: began.UTC().Format("2006-01-02 15:04 MST") + ", in " + time.Since(began).Round(time.Second).String()},
		{Name: "Processors", Value: strconv.Itoa(runtime.NumCPU()) + " × " + processor()},
		{Name: "System", Value: strings.TrimSpace(runtime.GOOS + " " + kernelRelease() + " " + runtime.GOARCH)},
		{Name: "Go", Value: runtime.Version()},
		{Name: "Wire", Value: "veth pair; the far end, the near kernel and the client share the processors"},
	}
}

func kernelRelease() string {
	text, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				return strings.TrimSpace(value)
			}
		}
	}
	return runtime.GOARCH
}
