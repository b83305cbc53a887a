package tcpclient

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMemoryIsWhatTheProcessMayUse(t *testing.T) {
	statm, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.ParseUint(strings.Fields(string(statm))[0], 10, 64)
	require.NoError(t, err)
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_AS, &before))

	const left = 1 << 30
	limit := before
	limit.Cur = pages*uint64(os.Getpagesize()) + left
	if limit.Cur > before.Cur {
		t.Skip("the address space is limited already")
	}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_AS, &limit))
	available, known := memoryAvailable()
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_AS, &before))
	require.True(t, known)
	require.LessOrEqual(t, available, int64(left/2))

	cfg := (&Config{ConnectionsMax: 1 << 20}).withDefaults()
	require.NoError(t, checkMemory(&cfg))
}
