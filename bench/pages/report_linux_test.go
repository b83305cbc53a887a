package pages

import (
	"slices"
	"testing"
)

// turns are what came of each method's turns, by its name.
type turns map[string][]turn

// Figures of a turn.
func rate(t turn) float64   { return t.Pages / t.Took }
func cpu(t turn) float64    { return 1000 * t.CPU / t.Pages }
func farCPU(t turn) float64 { return 1000 * t.Far / t.Pages }

// report prints the medians of each method, and has the ratios as metrics.
func report(b *testing.B, all turns) {
	for _, m := range methods {
		some := all[m.name]
		if some == nil {
			continue
		}
		b.Logf("%-13s %6.0f pages a second, CPU seconds per 1,000 pages: %.3f the client's, %.3f nginx's",
			m.name, median(some, rate), median(some, cpu), median(some, farCPU))
		if m.device != ours {
			continue
		}
		count := func(name string) float64 {
			return median(some, func(t turn) float64 { return float64(t.Counted[name]) / t.Pages })
		}
		b.Logf("%-13s each %.1f frames in, %.1f out, %.2f system calls to send, %.2f to wait",
			"", count("in"), count("out"), count("kicks"), count("waits"))
	}
	for _, pair := range [][2]string{{"Handler", "net.Dial"}, {"Handler", "net.Dial-bare"}, {"Dialer", "net/http"}, {"Dialer", "net/http-bare"}} {
		x, y := all[pair[0]], all[pair[1]]
		if x != nil && y != nil {
			name := pair[0] + "/" + pair[1]
			b.ReportMetric(ratio(x, y, rate), name)
			b.ReportMetric(ratio(x, y, cpu), name+"-CPU")
		}
	}
}

// ratio is the median of the rounds' ratios.
func ratio(x, y []turn, of func(turn) float64) float64 {
	var each []float64
	for k := range x {
		each = append(each, of(x[k])/of(y[k]))
	}
	return middle(each)
}

func median(some []turn, of func(turn) float64) float64 {
	var each []float64
	for _, t := range some {
		each = append(each, of(t))
	}
	return middle(each)
}

func middle(each []float64) float64 {
	slices.Sort(each)
	return each[len(each)/2]
}
