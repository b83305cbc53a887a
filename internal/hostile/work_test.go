package hostile

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// counted are the packages whose statements are work, beside those of the
// library that a client is made of: what they call per packet.
var countedBeside = []string{"github.com/google/btree", "gvisor.dev/gvisor/pkg/tcpip/header", "gvisor.dev/gvisor/pkg/tcpip/checksum"}

// work has every attack measured, in a build that counts statements. It returns
// how many were executed, by attack and size.
func work(t *testing.T, sizes ...int) [][]float64 {
	t.Helper()
	directory := t.TempDir()
	binary := filepath.Join(directory, "measure")
	packages := append([]string{"myriad/internal/hostile/measure"}, countedBeside...)
	for _, p := range strings.Fields(run(t, "go", "list", "-deps", "myriad/tcpclient")) {
		if strings.HasPrefix(p, "myriad/") && !strings.Contains(p, "/iobackend") {
			packages = append(packages, p)
		}
	}
	run(t, "go", "build", "-buildvcs=false", "-cover", "-covermode=atomic", "-coverpkg="+strings.Join(packages, ","), "-o", binary, "myriad/internal/hostile/measure")
	arguments := []string{directory}
	for _, n := range sizes {
		arguments = append(arguments, strconv.Itoa(n))
	}
	run(t, binary, arguments...)
	all := make([][]float64, len(Attacks()))
	for k := range all {
		for _, n := range sizes {
			all[k] = append(all[k], statements(t, filepath.Join(directory, fmt.Sprintf("%d-%d", k, n))))
		}
	}
	return all
}

func run(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	c := exec.Command(name, arguments...)
	exit := t.TempDir()
	c.Env = append(os.Environ(), "GOCOVERDIR="+exit) // what it counts on leaving
	var problems strings.Builder
	c.Stderr = &problems
	out, err := c.Output()
	require.NoError(t, err, "%s: %s", c, problems.String())
	return string(out)
}

// statements sums up one run: each line of the profile is a stretch of code, its
// number of statements, and how often it was executed.
func statements(t *testing.T, directory string) (sum float64) {
	t.Helper()
	profile := directory + ".txt"
	run(t, "go", "tool", "covdata", "textfmt", "-i="+directory, "-o="+profile)
	file, err := os.Open(profile)
	require.NoError(t, err)
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) != 3 {
			continue // the mode
		}
		size, err := strconv.ParseFloat(fields[1], 64)
		require.NoError(t, err)
		times, err := strconv.ParseFloat(fields[2], 64)
		require.NoError(t, err)
		sum += size * times
	}
	require.NotZero(t, sum)
	return sum
}
