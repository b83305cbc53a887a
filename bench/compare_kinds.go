package main

import (
	"strings"

	"myriad/bench/internal/report"
)

// kind is all rounds of one method at one job.
type kind struct {
	method, job       string
	rates             []float64
	completed, failed uint64
	cpu               float64 // seconds
}

type kinds []*kind

// kindsOf groups the rows, in their order.
func kindsOf(rows []report.Row) (all kinds) {
	for i := range rows {
		r := &rows[i]
		var k *kind
		for _, candidate := range all {
			if candidate.method == r.Method {
				k = candidate
			}
		}
		if k == nil {
			k = &kind{method: r.Method, job: jobOf(r.Method)}
			all = append(all, k)
		}
		k.rates = append(k.rates, r.ConnectionsPerSecond)
		k.completed += r.Completed
		k.failed += r.Failed
		k.cpu += r.UserSeconds + r.SystemSeconds
	}
	return all
}

// jobOf is a row's method without the client's name; Myriad's has none.
func jobOf(method string) string {
	for _, name := range methodNames {
		method = strings.TrimPrefix(method, name+"-")
	}
	return method
}

// find returns Myriad's rounds at a job; nil when there are none.
func (all kinds) find(job string) *kind {
	for _, k := range all {
		if k.method == job {
			return k
		}
	}
	return nil
}
