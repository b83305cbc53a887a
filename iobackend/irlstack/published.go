package irlstack

import (
	"sync/atomic"
	"unsafe"

	"myriad/iobackend"
)

// totals are all that a queue counts, in words of eight bytes.
type totals struct {
	counters iobackend.Counters
	faults   Faults
}

const totalsWords = unsafe.Sizeof(totals{}) / 8

// published are the totals as other goroutines read them.
type published [totalsWords]atomic.Uint64

// store is for the queue's own goroutine.
func (p *published) store(t *totals) {
	for k, v := range (*[totalsWords]uint64)(unsafe.Pointer(t)) {
		if p[k].Load() != v { // a load costs less than a store, and most have not changed
			p[k].Store(v)
		}
	}
}

func (p *published) load() (t totals) {
	words := (*[totalsWords]uint64)(unsafe.Pointer(&t))
	for k := range p {
		words[k] = p[k].Load()
	}
	return t
}
