package page

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"first": func(i int) bool { return i == 0 },
}).Parse(pageText))

// FileName is the page's name in its directory.
const FileName = "index.html"

// Report is everything on the page.
type Report struct {
	Title string
	// Facts describe the machine and the run, in order.
	Facts []Fact
	Parts []Part
}

// Fact is one line about the run.
type Fact struct{ Name, Value string }

// view is what the template shows of a part.
type view struct {
	Part
	Images []image
}

type image struct {
	Name, Title string
	Source      template.URL // the chart itself
}

// Write makes the directory, and in it the page, each chart, and the tables in
// Markdown. The page holds the charts too, and refers to nothing outside of
// itself.
func (r *Report) Write(directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	var views []view
	for _, p := range r.Parts {
		v := view{Part: p}
		for i := range p.Charts {
			c := &p.Charts[i]
			svg, err := c.SVG()
			if err == nil {
				err = os.WriteFile(filepath.Join(directory, c.Name+".svg"), svg, 0o644)
			}
			if err != nil {
				return err
			}
			source := "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString(svg)
			v.Images = append(v.Images, image{c.Name, c.Title, template.URL(source)})
		}
		views = append(views, v)
	}
	var out bytes.Buffer
	err := pageTemplate.Execute(&out, struct {
		Report
		Views []view
	}{*r, views})
	if err == nil {
		err = os.WriteFile(filepath.Join(directory, FileName), out.Bytes(), 0o644)
	}
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return r.writeTables(directory)
}
