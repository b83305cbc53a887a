package iterate

import (
	"container/heap"
	"time"
)

// apart is the least time between two requests of one engine to one server,
// when rate a second are divided among engines; 0 is none.
func apart(rate float64, engines int) time.Duration {
	if rate <= 0 {
		return 0
	}
	return max(time.Duration(float64(engines)/rate*float64(time.Second)), 1)
}

// inTurn reports whether the task's request may leave now; else the task waits
// at its server.
func (e *Engine) inTurn(t *task) bool {
	s := t.server
	if e.apart == 0 || s.next <= e.net.Now() {
		return true
	}
	s.paced = append(s.paced, t)
	if !s.resting {
		s.resting, s.wakes = true, s.next
		heap.Push(&e.resting, s)
	}
	return false
}

// rouse makes one request ready of each server whose time has come.
func (e *Engine) rouse() {
	now := e.net.Now()
	for len(e.resting) > 0 && e.resting[0].wakes <= now {
		s := e.resting[0]
		e.ready.push(s.paced[0])
		s.paced = s.paced[1:]
		if len(s.paced) == 0 {
			s.resting = false
			heap.Pop(&e.resting)
			continue
		}
		s.wakes = now + e.apart
		heap.Fix(&e.resting, 0)
	}
}

// left accounts for a request's leaving.
func (s *Server) left(now, apart time.Duration) (inSecond int) {
	s.next = now + apart
	if now-s.second >= time.Second {
		s.second, s.inSecond = now, 0
	}
	s.inSecond++
	return s.inSecond
}

// resting is a heap of servers with requests that wait, by when the next may
// leave.
type resting []*Server

func (r resting) Len() int           { return len(r) }
func (r resting) Less(i, j int) bool { return r[i].wakes < r[j].wakes }
func (r resting) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// Push implements heap.Interface.
func (r *resting) Push(x any) { *r = append(*r, x.(*Server)) }

// Pop implements heap.Interface.
func (r *resting) Pop() any {
	last := (*r)[len(*r)-1]
	*r = (*r)[:len(*r)-1]
	return last
}
