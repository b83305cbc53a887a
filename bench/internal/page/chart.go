package page

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Size of a chart on the page.
const (
	chartWidth  = 16 * vg.Centimeter
	chartHeight = 9 * vg.Centimeter
)

// palette is one that colour-blind people can tell apart (Okabe and Ito).
var palette = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{0, 158, 115, 255},
	color.RGBA{204, 121, 167, 255}, color.RGBA{86, 180, 233, 255}, color.RGBA{213, 94, 0, 255},
	color.RGBA{0, 0, 0, 255},
}

// SVG draws the chart.
func (c *Chart) SVG() ([]byte, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	p.Title.Padding = vg.Points(8)
	if !c.LogY {
		p.Y.Min = 0
	}
	p.Y.Tick.Marker = thousands{}
	p.Add(plotter.NewGrid())
	add := c.addLines
	if len(c.Bars) > 0 {
		add = c.addBars
	}
	if err := add(p); err != nil {
		return nil, fmt.Errorf("page: chart %s: %w", c.Name, err)
	}
	w, err := p.WriterTo(chartWidth, chartHeight, "svg")
	if err != nil {
		return nil, fmt.Errorf("page: chart %s: %w", c.Name, err)
	}
	var out bytes.Buffer
	if _, err := w.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("page: chart %s: %w", c.Name, err)
	}
	return out.Bytes(), nil
}

func (c *Chart) addBars(p *plot.Plot) error {
	values := make(plotter.Values, len(c.Bars))
	labels := make([]string, len(c.Bars))
	var ranges ranged
	for i, b := range c.Bars {
		values[i], labels[i] = b.Value, b.Label
		if b.Max > 0 {
			ranges.XYs = append(ranges.XYs, plotter.XY{X: float64(i), Y: b.Value})
			ranges.YErrors = append(ranges.YErrors, struct{ Low, High float64 }{b.Value - b.Min, b.Max - b.Value})
		}
	}
	bars, err := plotter.NewBarChart(values, chartWidth/vg.Length(2*len(c.Bars)+2))
	if err != nil {
		return err
	}
	bars.Color, bars.LineStyle.Width = palette[0], 0
	p.Add(bars)
	p.NominalX(labels...)
	if len(ranges.XYs) == 0 {
		return nil
	}
	errorBars, err := plotter.NewYErrorBars(ranges)
	if err != nil {
		return err
	}
	p.Add(errorBars)
	return nil
}

// ranged are points with a range.
type ranged struct {
	plotter.XYs
	plotter.YErrors
}

func (c *Chart) addLines(p *plot.Plot) error {
	if c.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if c.LogY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	points := 0
	for k, l := range c.Lines {
		xys := c.points(&l)
		points += len(xys)
		if len(xys) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return err
		}
		line.Color, line.Width = palette[k%len(palette)], vg.Points(1.5)
		dots.Color, dots.Shape = line.Color, draw.CircleGlyph{}
		p.Add(line, dots)
		p.Legend.Add(l.Label, line, dots)
	}
	if points == 0 {
		return errors.New("there is nothing to draw")
	}
	p.Legend.Top = true
	if c.LogX {
		widen(&p.X)
	}
	if c.LogY {
		widen(&p.Y)
	}
	return nil
}

// widen gives a logarithmic axis whose values are all the same a length; plot
// itself would begin it below what has a logarithm.
func widen(a *plot.Axis) {
	if a.Min == a.Max {
		a.Min, a.Max = a.Min/2, a.Max*2
	}
}

// points leaves out what a logarithm cannot show.
func (c *Chart) points(l *Line) (xys plotter.XYs) {
	for i := range l.X {
		if (!c.LogX || l.X[i] > 0) && (!c.LogY || l.Y[i] > 0) {
			xys = append(xys, plotter.XY{X: l.X[i], Y: l.Y[i]})
		}
	}
	return xys
}

// thousands writes the marks of an axis as 1,000,000.
type thousands struct{}

// Ticks implements plot.Ticker.
func (thousands) Ticks(from, to float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(from, to)
	for i := range ticks {
		if ticks[i].Label != "" && ticks[i].Value >= 1000 {
			ticks[i].Label = Rate(ticks[i].Value)
		}
	}
	return ticks
}
