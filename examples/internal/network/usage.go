package network

import (
	"time"

	"myriad/tcpclient"
)

// Usage is processor time.
type Usage struct {
	User, System time.Duration
}

// Add and Sub do as they say.
func (u Usage) Add(v Usage) Usage { return Usage{u.User + v.User, u.System + v.System} }

// Sub returns u less v.
func (u Usage) Sub(v Usage) Usage { return Usage{u.User - v.User, u.System - v.System} }

// Workers is the processor time that the stack's workers have used since Open.
func (n *Network) Workers() Usage {
	var total Usage
	for i, u := range n.threads() {
		if u != (Usage{}) { // else it has ended, and what it used is not known
			total = total.Add(u.Sub(n.before[i]))
		}
	}
	return total
}

// threads asks each worker for the processor time of its thread.
func (n *Network) threads() []Usage {
	used := make([]Usage, n.client.Workers())
	for i := range used {
		answer := make(chan Usage, 1)
		err := n.client.Do(i, func(*tcpclient.Worker) { answer <- threadUsage() })
		if err != nil {
			continue
		}
		select {
		case used[i] = <-answer:
		case <-time.After(time.Second): // a worker whose device has gone
		}
	}
	return used
}
