package transfer

import (
	"cmp"
	"slices"
)

// Compare takes the runs of each of several clients, keeps each one's median,
// and puts Myriad's in proportion to the kernel's.
func Compare(runs [][]Result) (rows []Result) {
	kernel := make(map[string]float64)
	for _, r := range runs {
		if len(r) == 0 {
			continue
		}
		slices.SortFunc(r, func(a, b Result) int { return cmp.Compare(a.MbitPerSecond, b.MbitPerSecond) })
		median := r[len(r)/2]
		if median.Client == Kernel {
			kernel[median.Congestion] = median.MbitPerSecond
		}
		rows = append(rows, median)
	}
	for k := range rows {
		if rows[k].Client == Myriad {
			rows[k].RatioToKernel = ratio(rows[k].MbitPerSecond, kernel[rows[k].Congestion])
			if rows[k].Direction == Upload {
				rows[k].RatioToBBR = ratio(rows[k].MbitPerSecond, kernel["bbr"])
			}
		}
	}
	return rows
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}
