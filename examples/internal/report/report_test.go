package report

import (
	"encoding/base64"
	"encoding/xml"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"html"
	"myriad/examples/internal/account"
	"myriad/examples/internal/latency"
)

func example() *Report {
	r := &Report{
		Program: "scan", Unit: "targets", Command: "scan -rate 5 <x>", Started: time.Unix(0, 0), Took: 90 * time.Second, End: "finished",
		Account: account.Account{
			Done: 1_234_567, Known: 1_234_567, Found: 3, Outcomes: map[string]int64{"open": 3, "timed out": 1_234_560, "excluded": 4},
			Bounds: []account.Bound{{Name: "connections per host", Limit: 4, Peak: 2}, {Name: "free", Peak: 7}, {Name: "unlimited"}, {Name: "pause", Peak: 5.7e-8, Least: true}},
		},
	}
	var delays latency.Histogram
	for k := range 90 {
		r.Samples = append(r.Samples, Sample{At: time.Duration(k) * time.Second, Done: int64(k * k), Opened: int64(k)})
		delays.Observe(time.Duration(k) * time.Millisecond)
	}
	r.Account.Latency = delays.Distribution()
	return r
}

var images = regexp.MustCompile(`data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)`)

func TestPageIsWholeAndOffline(t *testing.T) {
	path := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, example().Write(path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	text := html.UnescapeString(string(content))
	for _, part := range []string{"1,234,567 done", "3 found, 4 not looked at", "scan -rate 5 <x>", "connections per host", "99.9 %", "timed out", "not seen", "below 0.001"} {
		require.Contains(t, text, part)
	}
	require.NotContains(t, string(content), "<x>")
	require.NotContains(t, text, "http")
	charts := images.FindAllStringSubmatch(text, -1)
	require.Len(t, charts, 5)
	var drawn string
	for _, c := range charts {
		svg, err := base64.StdEncoding.DecodeString(c[1])
		require.NoError(t, err)
		requireXML(t, string(svg))
		drawn += string(svg)
	}
	for _, title := range []string{"Rate over time", "Latency of answers", "Outcomes", "Politeness"} {
		require.Contains(t, drawn, title)
	}
}

func requireXML(t *testing.T, text string) {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else {
			require.NoError(t, err)
		}
	}
}

// A run that did nothing has a page, too.
func TestNothingDone(t *testing.T) {
	r := &Report{Program: "scan", Unit: "targets", Account: account.Account{Latency: new(latency.Distribution)}}
	require.NoError(t, r.Write(filepath.Join(t.TempDir(), "r.html")))
	r.Samples = []Sample{{}, {}}
	var delays latency.Histogram
	delays.Observe(0)
	r.Account.Latency = delays.Distribution()
	r.Account.Outcomes = map[string]int64{"x": 0}
	r.Account.Bounds = []account.Bound{{Name: "b", Limit: 1}}
	require.NoError(t, r.Write(filepath.Join(t.TempDir(), "r.html")))
	require.ErrorIs(t, r.Write(filepath.Join(t.TempDir(), "none", "r.html")), ErrWrite)
}
