package simlink

import "time"

// event is a frame that arrives, or a function that is called.
type event struct {
	at     time.Duration
	to     *End
	from   *End
	data   []byte
	spoilt bool // bits were flipped
	call   func()
}

// schedule is events in the order of their instants, and of their serial
// numbers in one instant: a binary heap of their keys, which are small, above
// the events themselves, which stay where they are. It is written out because
// container/heap allocates for each element.
type schedule struct {
	heap   []key
	events []event
	free   []uint32 // of events
}

// key is what an event is ordered by, and where it is.
type key struct {
	at     time.Duration
	serial uint64
	event  uint32
}

func (k *key) before(o *key) bool {
	return k.at < o.at || k.at == o.at && k.serial < o.serial
}

// first returns the instant of the earliest event; ok is false without one.
func (s *schedule) first() (at time.Duration, ok bool) {
	if len(s.heap) == 0 {
		return 0, false
	}
	return s.heap[0].at, true
}

// put adds an event, and reports whether it is the earliest now.
func (s *schedule) put(e event, serial uint64) bool {
	k := key{e.at, serial, uint32(len(s.events))}
	if n := len(s.free); n > 0 {
		k.event = s.free[n-1]
		s.free = s.free[:n-1]
		s.events[k.event] = e
	} else {
		s.events = append(s.events, e)
	}
	s.heap = append(s.heap, k)
	h, i := s.heap, len(s.heap)-1
	for i > 0 {
		parent := (i - 1) / 2
		if !k.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = k
	return i == 0
}

// take removes the earliest event.
func (s *schedule) take() event {
	h := s.heap
	at := h[0].event
	k := h[len(h)-1]
	h = h[:len(h)-1]
	s.heap = h
	for i := 0; len(h) > 0; {
		child := 2*i + 1
		if child+1 < len(h) && h[child+1].before(&h[child]) {
			child++
		}
		if child >= len(h) || !h[child].before(&k) {
			h[i] = k
			break
		}
		h[i] = h[child]
		i = child
	}
	e := s.events[at]
	s.events[at] = event{} // lets go of what it points to
	s.free = append(s.free, at)
	return e
}
