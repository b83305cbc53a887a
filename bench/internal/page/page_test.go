package page

import (
	"encoding/xml"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func example() Report {
	return Report{
		Title: "A <report>",
		Facts: []Fact{{"Processors", "2 & more"}},
		Parts: []Part{{
			Name: "one", Title: "Part one", Text: "What it is.", Command: "go run ./bench one",
			Columns: []string{"", "rate"}, Rows: [][]string{{"fast", "1,000"}, {"<slow>", "not measured"}},
			More:  []Table{{Title: "One more.", Columns: []string{"", "share"}, Rows: [][]string{{"half", "0.50"}}}},
			Notes: []string{"fast: failed timed out 3"},
			Charts: []Chart{
				{Name: "one-bars", Title: "Bars", Bars: []Bar{{Label: "a", Value: 1000, Min: 900, Max: 1100}, {Label: "b", Value: 20}}},
				{Name: "one-lines", Title: "Lines", LogX: true, LogY: true, Lines: []Line{
					{Label: "l", X: []float64{0, 1, 10, 100}, Y: []float64{5, 1, 20, 0}},
				}},
				{Name: "one-point", Title: "Point", LogX: true, Lines: []Line{{Label: "l", X: []float64{1}, Y: []float64{5}}}},
			},
		}, {Name: "two", Title: "Part two", Skipped: "needs root"}},
	}
}

func requireXML(t testing.TB, text string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err != nil {
			require.True(t, errors.Is(err, io.EOF), err)
			return
		}
	}
}

// The page has every table and chart, and refers to nothing outside of it.
func TestPageIsWholeAndOffline(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "new", "out")
	r := example()
	require.NoError(t, r.Write(directory))
	text, err := os.ReadFile(filepath.Join(directory, FileName))
	require.NoError(t, err)
	require.NotContains(t, string(text), "ZgotmplZ", "refused by html/template")
	page := string(text)
	require.Equal(t, 3, strings.Count(html.UnescapeString(page), `src="data:image/svg+xml;base64,`))
	for _, want := range []string{"A &lt;report&gt;", "2 &amp; more", "1,000", "&lt;slow&gt;", "not measured",
		"One more.", "0.50", "fast: failed timed out 3", "Skipped: needs root", "go run ./bench one"} {
		require.Contains(t, page, want)
	}
	require.NotContains(t, page, "http")
	for _, name := range []string{"one-bars", "one-lines", "one-point"} {
		svg, err := os.ReadFile(filepath.Join(directory, name+".svg"))
		require.NoError(t, err)
		requireXML(t, string(svg))
	}
}

// The tables are there for who reads them in a repository, too.
func TestTablesInMarkdown(t *testing.T) {
	directory := t.TempDir()
	r := example()
	require.NoError(t, r.Write(directory))
	text, err := os.ReadFile(filepath.Join(directory, TablesName))
	require.NoError(t, err)
	for _, want := range []string{
		"# A &lt;report>\n", "\n- Processors: 2 & more\n", "\n## Part one\n", "|  | rate |\n|---|--:|\n| fast | 1,000 |\n| &lt;slow> | not measured |\n",
		"\nOne more.\n\n|  | share |\n", "\n- fast: failed timed out 3\n", "\n![Bars](one-bars.svg)\n", "\n## Part two\n\nSkipped: needs root\n",
	} {
		require.Contains(t, string(text), want)
	}
}

func TestTableInText(t *testing.T) {
	r := example()
	var out strings.Builder
	require.NoError(t, r.Parts[0].WriteText(&out))
	require.Contains(t, out.String(), "<slow>  not measured")
	require.Contains(t, out.String(), "\nOne more.\n\n        share\n  half   0.50\n")
	require.Contains(t, out.String(), "\nfast: failed timed out 3\n")
	out.Reset()
	require.NoError(t, r.Parts[1].WriteText(&out))
	require.Equal(t, "two: skipped: needs root\n", out.String())
}

// Every bar and every line can be told from the others, and bars have their
// values beside them.
func TestChartsNameWhatTheyShow(t *testing.T) {
	bars := Chart{Title: "Bars", X: "method", Y: "frames/s"}
	lines := Chart{Title: "Lines", X: "batch", Y: "ns", LogX: true}
	want := []string{}
	for k := range 3 * len(palette) {
		name := fmt.Sprintf("a method of a long name %d", k)
		want = append(want, name)
		bars.Bars = append(bars.Bars, Bar{Label: name, Value: float64(1_234_567 + k)})
		lines.Lines = append(lines.Lines, Line{Label: name, X: []float64{1, 100_000}, Y: []float64{float64(k), 2.5}})
	}
	svg, err := bars.SVG()
	require.NoError(t, err)
	for k, name := range want {
		require.Contains(t, string(svg), name+"<")
		require.Contains(t, string(svg), fmt.Sprintf(">%s<", Number(uint64(1_234_567+k))))
	}
	svg, err = lines.SVG()
	require.NoError(t, err)
	for _, name := range append(want, "100,000") {
		require.Contains(t, string(svg), name+"<")
	}
	require.Contains(t, string(svg), "dasharray", "more lines than colours")
}

func TestNothingToDrawIsAnError(t *testing.T) {
	c := Chart{Name: "none", Lines: []Line{{Label: "l"}}}
	_, err := c.SVG()
	require.ErrorContains(t, err, "none")
}
