package main

import (
	"sync"

	"myriad/examples/internal/iterate"
	"myriad/examples/internal/jsonl"
	"myriad/tcpclient"
)

// handler joins one worker, its engine, the list and the output.
type handler struct {
	s      *session
	engine *iterate.Engine
	idle   bool // takes no names: another worker has its share
	batch  []iterate.Question
	ended  bool // the list is
	full   bool // the output waits
	lines  []byte
	over   sync.Once

	mu       sync.Mutex // what others look at
	counts   iterate.Counts
	outcomes map[string]int
}

func newHandler(s *session, w *tcpclient.Worker) *handler {
	h := &handler{s: s, outcomes: map[string]int{}}
	h.engine = iterate.New(iterate.Config{
		Roots: s.roots, Parallel: s.o.Parallel, PerServer: s.o.PerServer, Streams: streamsMax,
		Zones: s.o.Cache, Timeout: s.o.Timeout, Tries: s.o.Tries, QueriesPerName: s.o.Requests, Port: 53,
		Next: h.next, Done: h.done, Turn: h.turn,
	}, w)
	return h
}

// Events gives the engine what happened.
func (h *handler) Events(_ *tcpclient.Worker, events []tcpclient.Event) { h.engine.Handle(events) }

// OpenMore has the engine send.
func (h *handler) OpenMore(_ *tcpclient.Worker, room int) { h.engine.Fill(room) }

// next is the next name of the list, if one has been read.
func (h *handler) next() (q iterate.Question, ok bool) {
	if h.idle || h.full {
		return q, false
	}
	if len(h.batch) == 0 && !h.ended {
		select {
		case batch, more := <-h.s.source.batches:
			h.batch, h.ended = batch, !more
		default:
		}
	}
	if len(h.batch) == 0 {
		return q, false
	}
	q = h.batch[0]
	h.batch = h.batch[1:]
	return q, true
}

func (h *handler) done(r *iterate.Result) {
	h.lines = r.AppendLines(h.lines, jsonl.PageBytes)
	outcome := string(r.Failure)
	if outcome == "" {
		outcome = iterate.RCodeName(r.RCode)
		if outcome == "NOERROR" && r.Answers() == 0 {
			outcome = noRecord
		}
	}
	h.mu.Lock()
	h.outcomes[outcome]++
	h.mu.Unlock()
	if h.s.check != nil {
		h.s.check.note(r)
	}
}

// noRecord is what names are counted under that exist, but not with the type.
const noRecord = "no such record"

// turn hands over what the turn has brought.
func (h *handler) turn() {
	h.full = h.s.out.add(h.lines)
	h.lines = h.lines[:0]
	h.mu.Lock()
	h.counts = h.engine.Counts()
	h.mu.Unlock()
	if h.idle || h.ended && len(h.batch) == 0 && h.engine.Active() == 0 {
		h.over.Do(h.s.working.Done)
	}
}
