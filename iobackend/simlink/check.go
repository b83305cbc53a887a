package simlink

import "fmt"

// Check accounts for the frame memory of every queue: each frame is free,
// waits to be received, is on its way to another queue, or is with a queue's
// user. It returns how many receive frames the users have: none, where the
// stacks on the link are between two turns. For simulations.
func (l *Link) Check() (borrowed int, err error) {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	for _, e := range l.ends {
		handed := 0
		for _, q := range e.queues {
			if err := q.check(); err != nil {
				return 0, fmt.Errorf("simlink: %s: queue %d: %w", e.config.Name, q.index, err)
			}
			borrowed += q.receive.out
			handed += q.handed
		}
		borrowed -= handed
	}
	return borrowed, nil
}

func (q *Queue) check() error {
	waiting := 0
	for k := range q.inbox.count {
		if !q.inbox.ring[(q.inbox.head+k)%len(q.inbox.ring)].handed {
			waiting++
		}
	}
	if r := &q.receive; len(r.free)+waiting+r.out != len(r.state) {
		return fmt.Errorf("of %d receive frames %d are free, %d wait and %d are out", len(r.state), len(r.free), waiting, r.out)
	}
	if s := &q.send; len(s.free)+s.out != len(s.state) {
		return fmt.Errorf("of %d send frames %d are free and %d are out", len(s.state), len(s.free), s.out)
	}
	return nil
}
