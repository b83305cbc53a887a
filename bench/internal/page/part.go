package page

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Part is what one subcommand measured.
type Part struct {
	Name    string // the subcommand's, and the charts' files'
	Title   string
	Text    string // what was measured, in a sentence or two
	Command string // that measures it again
	Skipped string // why it was not measured; empty when it was

	Columns []string
	Rows    [][]string
	More    []Table  // further tables, after the first
	Notes   []string // what disturbed a run
	Charts  []Chart
}

// Table is a further table of a part.
type Table struct {
	Title   string // what it shows, in a sentence
	Columns []string
	Rows    [][]string
}

// Chart is bars, one a label, or lines. Exactly one of Bars and Lines is used.
type Chart struct {
	Name  string // the file's, without .svg
	Title string
	X, Y  string // what the axes show, with units
	LogX  bool
	LogY  bool
	Bars  []Bar
	Lines []Line
}

// Bar is one bar, with its range when it is the median of several.
type Bar struct {
	Label           string
	Value, Min, Max float64
}

// Line is one line.
type Line struct {
	Label string
	X, Y  []float64
}

// WriteText writes the table and the notes.
func (p *Part) WriteText(out io.Writer) error {
	if p.Skipped != "" {
		_, err := fmt.Fprintf(out, "%s: skipped: %s\n", p.Name, p.Skipped)
		return err
	}
	if p.Text != "" {
		fmt.Fprintf(out, "%s\n\n", p.Text)
	}
	if err := writeTable(out, p.Columns, p.Rows); err != nil {
		return err
	}
	for k := range p.More {
		fmt.Fprintf(out, "\n%s\n\n", p.More[k].Title)
		if err := writeTable(out, p.More[k].Columns, p.More[k].Rows); err != nil {
			return err
		}
	}
	for _, note := range p.Notes {
		if _, err := fmt.Fprintln(out, note); err != nil {
			return err
		}
	}
	return nil
}

func writeTable(out io.Writer, columns []string, rows [][]string) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, strings.Join(columns, "\t")+"\t")
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t")+"\t")
	}
	return t.Flush()
}

// Number writes 1234567 as 1,234,567.
func Number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Rate writes a rate, rounded.
func Rate(perSecond float64) string { return Number(uint64(perSecond + 0.5)) }

// Decimal writes two digits after the point.
func Decimal(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
