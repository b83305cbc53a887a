package progress

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDescribe(t *testing.T) {
	s := State{Connections: 3, Failures: map[string]int{"refused": 2, "timed out": 5, "reset": 2}}
	require.Equal(t, "3 connections, 5 timed out, 2 refused, 2 reset", Describe(s, 100))
	require.Equal(t, "3 conns, 5 timed", Describe(s, 16))
	require.Empty(t, Describe(s, -5))
}

func TestNoTerminalNoLine(t *testing.T) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	bar := Start(w, "pages", func() State { return State{} })
	require.Nil(t, bar)
	bar.Stop()
	require.NoError(t, w.Close())
	n, _ := r.Read(make([]byte, 1))
	require.Zero(t, n)
}
