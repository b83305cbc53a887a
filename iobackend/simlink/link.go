package simlink

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
)

// Link joins its ends.
type Link struct {
	clock  *Clock
	config Config
	ends   []*End
	tap    atomic.Pointer[func(Sent)]
	open   int // ends not yet closed
}

// New makes a link. The error names the field that cannot be.
func New(config Config) (*Link, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("simlink: new: %w", err)
	}
	l := &Link{clock: config.Clock, config: config, open: len(config.Ends)}
	if l.clock == nil {
		l.clock = NewClock(config.Start)
		if config.RealTime {
			l.clock = NewRealClock(config.Start)
		}
	}
	for i := range config.Ends {
		l.ends = append(l.ends, newEnd(l, i))
	}
	l.clock.attach()
	return l, nil
}

// Clock returns the clock.
func (l *Link) Clock() *Clock { return l.clock }

// End returns the end with the given index, in the order of Config.Ends.
func (l *Link) End(index int) *End { return l.ends[index] }

// SetUp cuts the link for every end, or mends it. Frames in flight are lost if
// it is still cut when they would arrive.
func (l *Link) SetUp(up bool) {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	for _, e := range l.ends {
		e.up = up
	}
}

// Sent is what a tap sees. Data is valid during the call only.
type Sent struct {
	From *End
	Data []byte
}

// Tap has f see every frame that an end sends, before anything happens to it;
// nil ends that. On a real-time clock, f may be called by several goroutines at
// once.
func (l *Link) Tap(f func(s Sent)) {
	if f == nil {
		l.tap.Store(nil)
		return
	}
	l.tap.Store(&f)
}

// Leaked is the number of received frames that were borrowed and not yet
// released, over all ends, those handed over and waiting to be received
// included. It is 0 when every stack on the link has given back what it had.
func (l *Link) Leaked() int {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	count := 0
	for _, e := range l.ends {
		for _, q := range e.queues {
			count += q.receive.out
		}
	}
	return count
}

// Reserved is the number of send frames reserved and not yet transmitted, over
// all ends.
func (l *Link) Reserved() int {
	l.clock.mu.Lock()
	defer l.clock.mu.Unlock()
	count := 0
	for _, e := range l.ends {
		for _, q := range e.queues {
			count += q.send.out
		}
	}
	return count
}

// Close closes all ends.
func (l *Link) Close() error {
	for _, e := range l.ends {
		e.Close()
	}
	return nil
}

// addressed tells whether a frame goes to an end: between two everything does,
// among more it goes where its destination is, or everywhere if that is
// nobody's.
func (l *Link) addressed(to *End, data []byte) bool {
	if len(l.ends) == 2 {
		return true
	}
	destination := data[:6]
	if bytes.Equal(destination, to.config.HardwareAddr) {
		return true
	}
	for _, e := range l.ends {
		if bytes.Equal(destination, e.config.HardwareAddr) {
			return false
		}
	}
	return true
}

// newRNG makes the random source of the way between two ends.
func newRNG(seed uint64, from, to int) *rand.Rand {
	return rand.New(rand.NewPCG(seed, uint64(from)<<32|uint64(to)))
}
