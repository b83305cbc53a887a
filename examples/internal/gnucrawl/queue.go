package gnucrawl

// queue is first in, first out. It grows as needed.
type queue struct {
	ring  []task
	first int
	count int
}

func (q *queue) len() int { return q.count }

func (q *queue) push(t task) {
	if q.count == len(q.ring) {
		larger := make([]task, max(1024, 2*len(q.ring)))
		n := copy(larger, q.ring[q.first:])
		copy(larger[n:], q.ring[:q.first])
		q.ring, q.first = larger, 0
	}
	q.ring[(q.first+q.count)&(len(q.ring)-1)] = t
	q.count++
}

func (q *queue) pop() task {
	t := q.ring[q.first]
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
	return t
}
