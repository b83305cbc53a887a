package main

import (
	"cmp"
	"net/netip"

	"myriad/bench/internal/wire"
)

// connectJob is what each connection of a run does, and over what.
type connectJob struct {
	queues       int    // 0 is all of an -interface
	destinations string // one, unique
	request      int    // bytes; 0 is handshake only
	separate     bool   // the request follows the handshake's ACK instead of going with it
	fin          bool
}

// connectKinds are the kinds of jobs, in the order of the tables.
var connectKinds = []string{"rst", "request", "separate", "fin", "request-fin"}

// kind names what each connection does.
func (j *connectJob) kind() string {
	switch {
	case j.request == 0 && j.fin:
		return "fin"
	case j.request == 0:
		return "rst"
	case j.fin:
		return "request-fin"
	case j.separate:
		return "separate"
	default:
		return "request"
	}
}

// targets are whom a job connects to.
func (j *connectJob) targets() netip.Prefix {
	if j.destinations == "one" {
		return netip.PrefixFrom(wire.Targets.Addr().Next().Next(), 32)
	}
	return wire.Targets
}

// jobs are the runs, one after the other. A run that holds is one, since memory
// is a process's.
func (o *connectOptions) jobs() (jobs []connectJob) {
	for _, queues := range o.queues {
		for _, destinations := range o.destinations {
			for _, kind := range o.kindsAsked() {
				job := connectJob{queues: queues, destinations: destinations, request: o.request}
				switch kind {
				case "rst":
					job.request = 0
				case "separate":
					job.separate = true
				case "fin":
					job.request, job.fin = 0, true
				case "request-fin":
					job.fin = true
				}
				jobs = append(jobs, job)
			}
		}
	}
	return jobs
}

// kindsAsked are the kinds of -jobs, or those of -request and -close.
func (o *connectOptions) kindsAsked() []string {
	if o.kinds != nil {
		return o.kinds
	}
	without, with := "rst", "request"
	if o.close == "fin" {
		without, with = "fin", "request-fin"
	}
	switch {
	case !o.requestSet && o.connections == 0:
		return []string{without, with}
	case o.request == 0:
		return []string{without}
	default:
		return []string{with}
	}
}

// workers is the number of queues of a job whose ends are made here.
func (j *connectJob) workers() int { return cmp.Or(j.queues, queuesDefault) }
