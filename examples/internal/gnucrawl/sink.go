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
	journal *Journal // nil without
	caught  func()   // called when the sink is no longer behind
	pieces  chan piece
	free    sync.Pool
	waiting atomic.Int32
	err     error // read after done
	failed  chan struct{}
	done    chan struct{}
}

// piece is what is written at once: lines, and after them the entries of the
// same nodes; or something to be done when all before is written.
type piece struct {
	lines   []byte
	entries []byte
	then    func() error
}

func newSink(write func([]byte) error, journal *Journal, caught func()) *sink {
	s := &sink{
		write: write, journal: journal, caught: caught,
		pieces: make(chan piece, 64*behindMost), // more than connections under way can fill
		failed: make(chan struct{}), done: make(chan struct{}),
	}
	s.free.New = func() any { return &piece{lines: make([]byte, 0, sinkBytes)} }
	go s.run()
	return s
}

func (s *sink) run() {
	defer close(s.done)
	for p := range s.pieces {
		if s.err == nil {
			if s.err = s.put(&p); s.err != nil {
				close(s.failed)
			}
		}
		if p.then == nil {
			s.free.Put(&piece{lines: p.lines[:0], entries: p.entries[:0]})
		}
		if s.waiting.Add(-1) == behindMost/2 {
			s.caught()
		}
	}
}

func (s *sink) put(p *piece) error {
	if p.then != nil {
		return p.then()
	}
	if err := s.write(p.lines); err != nil {
		return err
	}
	if len(p.entries) > 0 {
		return s.journal.write(p.entries)
	}
	return nil
}

// then has something done when all before is written; nil is nothing.
func (s *sink) then(do func() error) {
	if do != nil {
		s.waiting.Add(1)
		s.pieces <- piece{then: do}
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
	sink    *sink
	buf     []byte
	entries []byte // of the nodes whose lines are in buf
}

func (l *lines) add(line []byte) {
	if l.buf == nil {
		p := l.sink.free.Get().(*piece)
		l.buf, l.entries = p.lines, p.entries
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
	l.sink.pieces <- piece{lines: l.buf, entries: l.entries}
	l.buf, l.entries = nil, nil
}
