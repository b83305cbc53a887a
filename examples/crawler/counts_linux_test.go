package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
	"myriad/internal/testbed"
)

// TestTheCountsAgree counts the lines of each protocol by what became of the
// target, and compares them with the last line of the status, which has what
// -metrics and -report have.
func TestTheCountsAgree(t *testing.T) {
	testbed.Require(t)
	for name, test := range map[string]struct {
		args  []string
		check func(line []byte) error
	}{
		"web":      {[]string{"-demo-pages", "300", "-demo-hosts", "30"}, pagesSchema.Check},
		"gnutella": {[]string{"-protocol", "gnutella", "-demo-nodes", "2000", "-max-known", "90000"}, nodesSchema.Check},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, stderr := endtest.Run(t, program.Finished, append(test.args, "-status", "json")...)
			counts, total := map[string]any{}, 0.0
			for _, line := range endtest.Lines(t, bytes.NewReader(out), test.check) {
				var l struct {
					Error   string
					Parents int // of a leaf, which is no target
				}
				require.NoError(t, json.Unmarshal(line, &l))
				if l.Parents == 0 {
					word := cmp.Or(l.Error, "answered")
					n, _ := counts[word].(float64)
					counts[word] = n + 1
					total++
				}
			}
			status := endtest.LastStatus(t, stderr)
			require.Equal(t, counts, status["outcomes"])
			require.Equal(t, total, status["done"])
			require.Equal(t, total, status["known"])
			require.Equal(t, 100.0, status["percent"])
			require.Equal(t, "finished", status["end"])
		})
	}
}
