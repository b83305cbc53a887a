package page

import (
	"bytes"
	"fmt"
	"image/color"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// chartWidth is a chart's on the page.
const chartWidth = 18 * vg.Centimeter

// palette is one that colour-blind people can tell apart (Okabe and Ito).
var palette = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{0, 158, 115, 255},
	color.RGBA{204, 121, 167, 255}, color.RGBA{86, 180, 233, 255}, color.RGBA{213, 94, 0, 255},
	color.RGBA{0, 0, 0, 255},
}

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// SVG draws the chart.
func (c *Chart) SVG() ([]byte, error) {
	p := plot.New()
	p.Title.Text, p.Title.Padding = c.Title, vg.Points(8)
	render := c.lines
	if len(c.Bars) > 0 {
		render = c.bars
	}
	svg, err := render(p)
	if err != nil {
		return nil, fmt.Errorf("page: chart %s: %w", c.Name, err)
	}
	var out bytes.Buffer
	if _, err := svg.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("page: chart %s: %w", c.Name, err)
	}
	return out.Bytes(), nil
}

// marks writes an axis' ticks as 1,000,000 and 2.5, not as 1e+06 and 2.50.
type marks struct{ plot.Ticker }

// Ticks implements plot.Ticker.
func (m marks) Ticks(from, to float64) []plot.Tick {
	ticks := m.Ticker.Ticks(from, to)
	for i := range ticks {
		if ticks[i].Label != "" {
			ticks[i].Label = mark(ticks[i].Value)
		}
	}
	return ticks
}

// mark writes a value as short as its size allows.
func mark(v float64) string {
	if v >= 1000 {
		return Rate(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
