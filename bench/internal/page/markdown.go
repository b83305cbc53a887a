package page

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// TablesName is the name of the tables for those who read a repository's files
// where they lie; the charts are beside it.
const TablesName = "README.md"

// writeTables writes them.
func (r *Report) writeTables(directory string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\nThe same on one page, with the charts in it: `%s`. The rows: `rows.jsonl`.\n\n", plain(r.Title), FileName)
	for _, f := range r.Facts {
		fmt.Fprintf(&b, "- %s: %s\n", plain(f.Name), plain(f.Value))
	}
	for k := range r.Parts {
		r.Parts[k].markdown(&b)
	}
	if err := os.WriteFile(filepath.Join(directory, TablesName), []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

func (p *Part) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", plain(p.Title))
	if p.Skipped != "" {
		fmt.Fprintf(b, "Skipped: %s\n", plain(p.Skipped))
		return
	}
	fmt.Fprintf(b, "`%s`\n\n%s\n\n", p.Command, plain(p.Text))
	table(b, p.Columns, p.Rows)
	for k := range p.More {
		fmt.Fprintf(b, "\n%s\n\n", plain(p.More[k].Title))
		table(b, p.More[k].Columns, p.More[k].Rows)
	}
	if len(p.Notes) > 0 {
		b.WriteString("\nNotes:\n\n")
	}
	for _, n := range p.Notes {
		fmt.Fprintf(b, "- %s\n", plain(n))
	}
	for k := range p.Charts {
		fmt.Fprintf(b, "\n![%s](%s.svg)\n", plain(p.Charts[k].Title), p.Charts[k].Name)
	}
}

func table(b *strings.Builder, columns []string, rows [][]string) {
	if len(rows) == 0 {
		return
	}
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + plain(c) + " ")
		}
		b.WriteString("|\n")
	}
	line(columns)
	b.WriteString("|---" + strings.Repeat("|--:", max(len(columns)-1, 0)) + "|\n")
	for _, r := range rows {
		line(r)
	}
}

// plain keeps text from being read as a mark, and on one line.
func plain(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ", "*", `\*`, "_", `\_`).Replace(s)
}
