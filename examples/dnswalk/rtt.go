package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"myriad/examples/internal/iterate"
	"myriad/examples/internal/jsonl"
)

// delays are what -rtt says of a server.
type delays struct {
	Server   netip.Addr `json:"server"`
	Requests int        `json:"requests"`
	Replies  int        `json:"replies"`
	Min      int64      `json:"min_us,omitempty"`
	Mean     int64      `json:"mean_us,omitempty"`
	Max      int64      `json:"max_us,omitempty"`
}

// writeRTT writes a line per server, in the order of addresses. The workers
// have ended.
func (s *session) writeRTT() (count int, err error) {
	all := map[netip.Addr]*iterate.Server{}
	for _, h := range s.handlers {
		h.engine.Servers(func(v *iterate.Server) {
			if all[v.Addr] == nil {
				all[v.Addr] = v
				return
			}
			all[v.Addr].Merge(v)
		})
	}
	w, f, err := jsonl.Open(s.o.RTT)
	if err != nil {
		return 0, fmt.Errorf("-rtt: %w", err)
	}
	defer f.Close()
	addrs := make([]netip.Addr, 0, len(all))
	for a := range all {
		addrs = append(addrs, a)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	for _, a := range addrs {
		v := all[a]
		d := delays{Server: a, Requests: v.Queries, Replies: v.Replies, Min: v.Min.Microseconds(), Max: v.Max.Microseconds()}
		if v.Replies > 0 {
			d.Mean = (v.Sum / time.Duration(v.Replies)).Microseconds()
		}
		if err := w.Write(d); err != nil {
			return count, fmt.Errorf("-rtt: %w", err)
		}
		count++
	}
	return count, nil
}
