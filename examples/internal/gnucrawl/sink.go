package gnucrawl

import (
	"sync"
	"sync/atomic"

	"myriad/examples/internal/jsonl"
)

const (
	// sinkBytes is written at once.
	sinkBytes = 64 * jsonl.PageBytes
	// behindMost is how many such pieces may wait before no more connections
	// are opened.
	behindMost = 32
)

// sink writes what the workers have to say, on a goroutine of its own: a disk
// must not stop a worker.
type sink struct {
	write   func([]byte) error
	caught  func() // called when the sink is no longer behind
	pieces  chan []byte
	free    sync.Pool
	waiting atomic.Int32
	err     error // read after done
	failed  chan struct{}
	done    chan struct{}
}

func newSink(write func([]byte) error, caught func()) *sink {
	s := &sink{
		write: write, caught: caught,
		pieces: make(chan []byte, 64*behindMost), // more than connections under way can fill
		failed: make(chan struct{}), done: make(chan struct{}),
	}
	s.free.New = func() any { b := make([]byte, 0, sinkBytes); return &b }
	go s.run()
	return s
}

func (s *sink) run() {
	defer close(s.done)
	for b := range s.pieces {
		if s.err == nil {
			if s.err = s.write(b); s.err != nil {
				close(s.failed)
			}
		}
		b = b[:0]
		s.free.Put(&b)
		if s.waiting.Add(-1) == behindMost/2 {
			s.caught()
		}
	}
}

func (s *sink) behind() bool { return s.waiting.Load() >= behindMost }

// close waits until everything is written.
func (s *sink) close() error {
	close(s.pieces)
	<-s.done
	return s.err
}

// lines collects lines for the sink, each within a page; it belongs to one
// goroutine.
type lines struct {
	sink *sink
	buf  []byte
}

func (l *lines) add(line []byte) {
	if l.buf == nil {
		l.buf = (*l.sink.free.Get().(*[]byte))[:0]
	}
	if used := len(l.buf) % jsonl.PageBytes; used > 0 && used+len(line) > jsonl.PageBytes {
		l.fill(jsonl.PageBytes - used)
	}
	if len(l.buf)+len(line) > sinkBytes {
		l.flush()
		l.add(line)
		return
	}
	l.buf = append(l.buf, line...)
}

// fill moves the last line break to the end of its page.
func (l *lines) fill(count int) {
	l.buf[len(l.buf)-1] = ' '
	for range count - 1 {
		l.buf = append(l.buf, ' ')
	}
	l.buf = append(l.buf, '\n')
}

// flush hands over what there is.
func (l *lines) flush() {
	if len(l.buf) == 0 {
		return
	}
	if used := len(l.buf) % jsonl.PageBytes; used > 0 {
		l.fill(jsonl.PageBytes - used)
	}
	l.sink.waiting.Add(1)
	l.sink.pieces <- l.buf
	l.buf = nil
}
