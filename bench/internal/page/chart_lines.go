package page

import (
	"errors"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	linesHeight = 9 * vg.Centimeter
	legendGap   = 0.4 * vg.Centimeter // between the plot and the names of its lines
)

// dashes tell the lines apart once the colours begin again.
var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}}

// lines draws the lines, and beside them what each is called.
func (c *Chart) lines(p *plot.Plot) (*vgsvg.Canvas, error) {
	p.X.Label.Text, p.Y.Label.Text = c.X, c.Y
	p.Add(plotter.NewGrid())
	axis(&p.X, c.LogX)
	axis(&p.Y, c.LogY)
	points, legend := 0, plot.NewLegend()
	for k, l := range c.Lines {
		xys := c.points(&l)
		points += len(xys)
		if len(xys) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(xys)
		if err != nil {
			return nil, err
		}
		line.Color, line.Width = palette[k%len(palette)], vg.Points(1.5)
		line.Dashes = dashes[k/len(palette)%len(dashes)]
		dots.Color, dots.Shape = line.Color, draw.CircleGlyph{}
		p.Add(line, dots)
		legend.Add(l.Label, line, dots)
	}
	if points == 0 {
		return nil, errors.New("there is nothing to draw")
	}
	if c.LogX {
		widen(&p.X)
	}
	if c.LogY {
		widen(&p.Y)
	} else {
		p.Y.Min = 0
	}
	return beside(p, legend), nil
}

// beside draws the plot with its legend to the right of it.
func beside(p *plot.Plot, legend plot.Legend) *vgsvg.Canvas {
	svg := vgsvg.New(chartWidth, linesHeight)
	whole := draw.New(svg)
	whole.SetColor(color.White)
	whole.Fill(whole.Rectangle.Path())
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(3)
	size := legend.Rectangle(whole).Size()
	p.Draw(draw.Crop(whole, 0, -size.X-2*legendGap, 0, 0))
	legend.Draw(draw.Crop(whole, whole.Max.X-whole.Min.X-size.X-legendGap, 0, 0, -2*legendGap))
	return svg
}

// axis has an axis written our way.
func axis(a *plot.Axis, log bool) {
	a.Tick.Marker = marks{plot.DefaultTicks{}}
	if log {
		a.Scale, a.Tick.Marker = plot.LogScale{}, marks{plot.LogTicks{Prec: -1}}
	}
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
