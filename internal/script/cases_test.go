package script

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCasesNameScripts: what CASES.md says to cover an area exists.
func TestCasesNameScripts(t *testing.T) {
	text, err := os.ReadFile("CASES.md")
	require.NoError(t, err)
	_, tables, ok := strings.Cut(string(text), "\n## ")
	require.True(t, ok)
	named := regexp.MustCompile("`([a-z0-9_*]+_[a-z0-9_*]+)`").FindAllStringSubmatch(tables, -1)
	require.NotEmpty(t, named)
	for _, m := range named {
		require.NotEmpty(t, scripts(t, m[1]), "no script %s", m[1])
	}
}
