package netinfo

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PortTaken returns a TCP port from min to max that the kernel uses, or may
// choose by itself for a connection, and what it uses it for; ok is false when
// there is none.
func PortTaken(min, max uint16) (port uint16, use string, ok bool) {
	if text, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		var low, high uint16
		if n, _ := fmt.Sscan(string(text), &low, &high); n == 2 && low <= max && high >= min {
			return maxPort(low, min), "net.ipv4.ip_local_port_range, from which the kernel chooses", true
		}
	}
	for _, name := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		if port, ok := boundPort(name, min, max); ok {
			return port, "a socket of the kernel's", true
		}
	}
	return 0, "", false
}

func maxPort(a, b uint16) uint16 {
	if a > b {
		return a
	}
	return b
}

// boundPort looks through a table of sockets for a local port.
func boundPort(name string, min, max uint16) (uint16, bool) {
	f, err := os.Open(name)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 2 {
			continue
		}
		_, hex, ok := strings.Cut(fields[1], ":")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(hex, 16, 16)
		if port := uint16(n); err == nil && port >= min && port <= max {
			return port, true
		}
	}
	return 0, false
}
