package summary

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/tcpclient"
)

func TestSummary(t *testing.T) {
	var out bytes.Buffer
	s := New(&out)
	s.Line("outcomes", "%s", Words(map[string]int64{"refused": 2, "open": 5, "none": 0, "closed": 2}))
	s.CPU("process", time.Second, 20*time.Millisecond)
	s.Frames(&tcpclient.Stats{FramesSent: 7, Drops: map[string]uint64{"bad_checksum": 1}})
	s.Flush()
	require.Equal(t, "  outcomes  open: 5, closed: 2, refused: 2\n"+
		"  process   1.00 user, 0.02 system CPU seconds\n"+
		"  frames    7 sent, 0 received; 0 segments sent again; dropped 1 (bad_checksum: 1)\n", out.String())
	require.Empty(t, List(map[int]uint64{1: 0}))
	require.Equal(t, " (1: 3)", List(map[int]uint64{1: 3}))
	require.Equal(t, 5, Sum(map[string]int{"a": 2, "b": 3}))
}
