package report

import (
	"bytes"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Size of a chart on the page.
const (
	chartWidth  = 17 * vg.Centimeter
	chartHeight = 8 * vg.Centimeter
)

// palette is one that colour-blind people can tell apart (Okabe and Ito).
var palette = []color.Color{
	color.RGBA{0, 114, 178, 255}, color.RGBA{230, 159, 0, 255}, color.RGBA{0, 158, 115, 255}, color.RGBA{204, 121, 167, 255},
}

// chart is lines or bars, with what its axes show.
type chart struct {
	Title, X, Y string
	logX        bool
	yMax        float64 // at least; 0 is what the data need
	lines       []line
	bars        []bar
	rule        float64 // a dashed line at this height; 0 is none
}

type line struct {
	label  string
	points plotter.XYs
}

type bar struct {
	label string
	value float64
}

// svg draws the chart; nil when there is nothing to draw.
func (c *chart) svg() ([]byte, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = c.Title, c.X, c.Y
	p.Title.Padding, p.Legend.Top = vg.Points(8), true
	p.Y.Tick.Marker = thousands{}
	p.Add(plotter.NewGrid())
	if drawn, err := c.add(p); err != nil || !drawn {
		return nil, err
	}
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, c.yMax)
	if p.Y.Max == 0 {
		p.Y.Max = 1 // an axis needs a length
	}
	w, err := p.WriterTo(chartWidth, chartHeight, "svg")
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	_, err = w.WriteTo(&out)
	return out.Bytes(), err
}

func (c *chart) add(p *plot.Plot) (drawn bool, err error) {
	if c.logX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	for k, l := range c.lines {
		if len(l.points) < 2 {
			continue
		}
		drawn = true
		added, err := plotter.NewLine(l.points)
		if err != nil {
			return false, err
		}
		added.Color, added.Width = palette[k%len(palette)], vg.Points(1.5)
		p.Add(added)
		if len(c.lines) > 1 {
			p.Legend.Add(l.label, added)
		}
	}
	if c.logX && p.X.Min == p.X.Max {
		p.X.Min, p.X.Max = p.X.Min/2, p.X.Max*2 // its logarithm needs a length
	}
	if len(c.bars) > 0 {
		drawn = true
		if err := c.addBars(p); err != nil {
			return false, err
		}
	}
	if c.rule > 0 && drawn {
		rule := plotter.NewFunction(func(float64) float64 { return c.rule })
		rule.Dashes, rule.Color = []vg.Length{vg.Points(4), vg.Points(3)}, color.Gray{90}
		p.Add(rule)
	}
	return drawn, nil
}

func (c *chart) addBars(p *plot.Plot) error {
	values, labels := make(plotter.Values, len(c.bars)), make([]string, len(c.bars))
	for i, b := range c.bars {
		values[i], labels[i] = b.value, b.label
	}
	bars, err := plotter.NewBarChart(values, chartWidth/vg.Length(2*len(c.bars)+2))
	if err != nil {
		return err
	}
	bars.Color, bars.LineStyle.Width = palette[0], 0
	p.Add(bars)
	p.NominalX(labels...)
	p.X.Min, p.X.Max = p.X.Min-0.5, p.X.Max+0.5
	if len(labels) > 3 {
		p.X.Tick.Label.Rotation = math.Pi / 8
		p.X.Tick.Label.XAlign, p.X.Tick.Label.YAlign = -1, -0.5
	}
	return nil
}

// thousands writes the marks of an axis as 1,000,000.
type thousands struct{}

// Ticks implements plot.Ticker.
func (thousands) Ticks(from, to float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(from, to)
	for i := range ticks {
		if ticks[i].Label != "" && ticks[i].Value >= 1000 {
			ticks[i].Label = number(ticks[i].Value)
		}
	}
	return ticks
}

// number writes 1234567 as 1,234,567, and small numbers with what they need.
func number(v float64) string {
	if v > 0 && v < 0.001 {
		return "below 0.001"
	}
	if v < 100 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	s := strconv.FormatFloat(math.Round(v), 'f', 0, 64)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
