package main

import (
	"net/netip"
	"sync"

	"myriad/examples/internal/iterate"
	"myriad/examples/internal/jsonl"
	"myriad/examples/internal/latency"
	"myriad/tcpclient"
)

// handler joins one worker, its engine, the list and the output.
type handler struct {
	s      *session
	engine *iterate.Engine
	idle   bool // takes no names: another worker has its share
	batch  []item
	ended  bool // the list is
	full   bool // the output waits
	lines  []byte
	names  []ended // that the lines are of
	over   sync.Once
	delays latency.Histogram
	tells  bool // of each name without an answer

	mu     sync.Mutex // what others look at
	counts iterate.Counts
}

func newHandler(s *session, w *tcpclient.Worker) *handler {
	h := &handler{s: s, tells: s.run.Targets()}
	h.engine = iterate.New(iterate.Config{
		Roots: s.roots, Parallel: s.o.Parallel, PerServer: s.o.PerServer, Streams: streamsMax,
		Zones: s.o.Cache, Timeout: s.o.Timeout, Tries: s.o.Tries, QueriesPerName: s.o.Requests, Deadline: s.o.Deadline, Port: 53,
		PerServerRate: s.o.PerServerRate, Excluded: s.excluded, Latency: &h.delays,
		Next: h.next, Done: h.done, Turn: h.turn, Trouble: s.trouble(),
	}, w)
	return h
}

// Events gives the engine what happened.
func (h *handler) Events(_ *tcpclient.Worker, events []tcpclient.Event) { h.engine.Handle(events) }

// OpenMore has the engine send.
func (h *handler) OpenMore(_ *tcpclient.Worker, room int) { h.engine.Fill(room) }

// next is the next name of the list, if one has been read.
func (h *handler) next() (q iterate.Question, number uint64, ok bool) {
	if h.idle || h.full {
		return q, 0, false
	}
	if len(h.batch) == 0 && !h.ended {
		select {
		case batch, more := <-h.s.source.batches:
			h.batch, h.ended = batch, !more
		default:
		}
	}
	if len(h.batch) == 0 {
		return q, 0, false
	}
	i := h.batch[0]
	h.batch = h.batch[1:]
	return i.Question, i.number, true
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
	h.names = append(h.names, ended{r.Number, outcome})
	if h.s.check != nil {
		h.s.check.note(r)
	}
	if h.tells && r.Failure != "" {
		h.s.run.Missed(r.Question.Name+" "+iterate.TypeName(r.Question.Type), outcome, r.Requests)
	}
}

// trouble tells, with -v, what servers do that hinders; nil without.
func (s *session) trouble() func(netip.Addr, string) {
	if !s.run.Detailed() {
		return nil
	}
	return func(server netip.Addr, what string) {
		s.run.Log.Debug("server", "address", server, "trouble", what)
	}
}

// noRecord is what names are counted under that exist, but not with the type.
const noRecord = "no such record"

// turn hands over what the turn has brought.
func (h *handler) turn() {
	h.full = h.s.out.add(h.lines, h.names)
	h.lines, h.names = h.lines[:0], h.names[:0]
	h.mu.Lock()
	h.counts = h.engine.Counts()
	h.mu.Unlock()
	if h.idle || h.ended && len(h.batch) == 0 && h.engine.Active() == 0 {
		h.over.Do(h.s.working.Done)
	}
}
