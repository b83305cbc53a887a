package page

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Measures of a chart of bars, which lie on their side so that there is room
// for what each is called.
const (
	barStep   = 0.7 * vg.Centimeter // from one bar to the next
	barWidth  = 0.4 * vg.Centimeter
	barsFrame = 2.6 * vg.Centimeter // title and axis
	valueRoom = 1.2                 // of the axis, for the value behind the longest bar
)

// bars draws one bar under the other, in their order, each with its value.
func (c *Chart) bars(p *plot.Plot) (*vgsvg.Canvas, error) {
	p.X.Label.Text, p.Y.Label.Text = c.Y, c.X
	p.X.Tick.Marker = marks{plot.DefaultTicks{}}
	count := len(c.Bars)
	values, names := make(plotter.Values, count), make([]string, count)
	var ranges ranged
	written := plotter.XYLabels{XYs: make(plotter.XYs, count), Labels: make([]string, count)}
	for i, b := range c.Bars {
		at := count - 1 - i // the axis has the first at the bottom
		values[at], names[at] = b.Value, b.Label
		written.XYs[at] = plotter.XY{X: max(b.Value, b.Max), Y: float64(at)}
		written.Labels[at] = mark(b.Value)
		if b.Max > 0 {
			ranges.XYs = append(ranges.XYs, plotter.XY{X: b.Value, Y: float64(at)})
			ranges.XErrors = append(ranges.XErrors, struct{ Low, High float64 }{b.Value - b.Min, b.Max - b.Value})
		}
	}
	bars, err := plotter.NewBarChart(values, barWidth)
	if err != nil {
		return nil, err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, palette[0], 0
	text, err := plotter.NewLabels(written)
	if err != nil {
		return nil, err
	}
	text.Offset = vg.Point{X: vg.Points(4), Y: -vg.Points(4)}
	for i := range text.TextStyle {
		text.TextStyle[i].Font = p.X.Tick.Label.Font
	}
	grid := plotter.NewGrid()
	grid.Horizontal.Width = 0
	p.Add(grid, bars, text)
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, p.X.Max*valueRoom
	if len(ranges.XYs) > 0 {
		errorBars, err := plotter.NewXErrorBars(ranges)
		if err != nil {
			return nil, err
		}
		p.Add(errorBars)
	}
	svg := vgsvg.New(chartWidth, barsFrame+vg.Length(count)*barStep)
	p.Draw(draw.New(svg))
	return svg, nil
}

// ranged are points with a range.
type ranged struct {
	plotter.XYs
	plotter.XErrors
}
